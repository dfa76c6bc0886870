//! Bodies, heads and streams that are meant to hurt.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bailey_testkit::http::Call;
use serde_json::json;

use crate::world::{World, call, messages};

/// Sends bytes as they are and reads what comes back until the connection closes.
fn raw(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
}

fn resident_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn bodies_beyond_the_cap_are_refused_before_they_are_in_memory() {
    let mut world = World::new("").start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let before = resident_kib(world.server.pid().unwrap());
    let declared = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-length: 67108864\r\n\r\n"
    );
    assert_eq!(status(&raw(addr, declared.as_bytes())), 413);
    // Without a length: it ends when the cap is met, whatever is still to come.
    let mut endless = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..40 {
        endless.extend(b"100000\r\n");
        endless.extend(std::iter::repeat_n(b'x', 0x10_0000));
        endless.extend(b"\r\n");
    }
    let answer = raw(addr, &endless);
    assert!(answer.is_empty() || status(&answer) == 413, "{answer}");
    let grown = resident_kib(world.server.pid().unwrap()).saturating_sub(before);
    assert!(grown < 80 * 1024, "grew by {grown} KiB");
    assert_eq!(world.judged().total.calls, 0);
}

#[test]
fn deep_doubled_and_broken_json_is_refused_with_the_field_or_the_place() {
    let mut world = World::new("").start();
    let (_, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--rpm", "1000"])
        .unwrap();
    let addr = world.server.addr().unwrap();
    let deep = format!(
        "{{\"model\":\"m\",\"messages\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let cases = [
        (deep, "deep"),
        (
            r#"{"model":"m","model":"n","max_tokens":1,"messages":[]}"#.to_owned(),
            "model",
        ),
        (
            r#"{"model":"m","\u006dodel":"n","max_tokens":1,"messages":[]}"#.to_owned(),
            "model",
        ),
        (
            r#"{"model":"m","max_tokens":-1,"messages":[]}"#.to_owned(),
            "max_tokens",
        ),
        (
            r#"{"model":"m","max_tokens":1e308,"messages":[]}"#.to_owned(),
            "max_tokens",
        ),
        (r#"{"model":"m","#.to_owned(), ""),
        (
            r#"{"model":"a\u0000","max_tokens":1,"messages":[]}"#.to_owned(),
            "model",
        ),
        (
            format!(r#"{{"model":"{}","max_tokens":1,"messages":[]}}"#, "m".repeat(300_000)),
            "model",
        ),
        ("[]".to_owned(), "object"),
        (String::new(), ""),
    ];
    for (body, word) in cases {
        let answer = call("/v1/messages", &json!({}), &key)
            .body(body.clone().into_bytes())
            .send(addr)
            .unwrap();
        let text = answer.text();
        assert_eq!(answer.status, 400, "{}: {text}", body.get(..60).unwrap_or(&body));
        assert!(text.contains(word), "{word} is not in {text}");
    }
    assert_eq!(world.judged().total.calls, 0);
}

#[test]
fn a_price_times_tokens_that_overflows_is_refused() {
    let mut world = World::new("").start();
    let (_, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--budget", "1/day"])
        .unwrap();
    let addr = world.server.addr().unwrap();
    for tokens in [i64::MAX.unsigned_abs(), u64::from(u32::MAX), 1 << 53] {
        let mut body = messages(false);
        body["max_tokens"] = json!(tokens);
        let answer = call("/v1/messages", &body, &key).send(addr).unwrap();
        // Lowered to what a dollar buys, or refused; never wrapped around to something cheap.
        assert!([200, 400, 422, 429].contains(&answer.status), "{}", answer.text());
    }
    for entry in world.judged().entries {
        assert!(entry.max_tokens.is_some_and(|m| m <= 66_667), "{:?}", entry.max_tokens);
    }
}

#[test]
fn smuggled_and_oversized_heads_are_refused() {
    let mut world = World::new("").start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let head = format!("POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n");
    let body = messages(false).to_string();
    let cases = [
        format!("{head}content-length: 5\r\ncontent-length: 6\r\n\r\nhello!"),
        format!(
            "{head}content-length: {}\r\ntransfer-encoding: chunked, x\r\n\r\n{body}",
            body.len()
        ),
        format!("{head}x: {}\r\n\r\n", "y".repeat(200_000)),
        format!("{head}{}\r\n\r\n", "h: 1\r\n".repeat(10_000)),
        "GET /livez HTTP/1.1\r\nhost: evil.example\r\n\r\n".to_owned(),
    ];
    for case in cases {
        let answer = raw(addr, case.as_bytes());
        let status = status(&answer);
        assert!(
            (400..500).contains(&status),
            "{}: {answer}",
            case.get(..120).unwrap_or(&case)
        );
    }
    assert_eq!(world.judged().total.calls, 0);
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    let mut world = World::with("", "[server]\nheader_timeout = \"1s\"\n", |_| String::new()).start();
    let addr = world.server.addr().unwrap();
    let began = Instant::now();
    raw(addr, b"GET /livez HTTP/1.1\r\nhost: loc");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(Call::bare("GET", "/livez").send(addr).unwrap().status, 200);
    world.server.stop().unwrap();
}

#[test]
fn garbage_in_a_stream_ends_it_well_formed() {
    let scenario = "rules: [{answer: {text: one two three, chunks: 3}, garbage: {text: \"\\xff\\xfe\\x00 no event\", after_events: 4}}]";
    let mut world = World::new(scenario).start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let answer = call("/v1/messages", &messages(true), &key).send(addr).unwrap();
    assert!(answer.whole, "{}", answer.text());
    assert!(std::str::from_utf8(&answer.body).is_ok());
    assert!(answer.text().contains("event: error"), "{}", answer.text());
    assert_eq!(world.rows(1)[0]["outcome"], "error");
}

#[test]
fn a_document_that_breaks_off_is_not_taken_for_a_whole_one() {
    let mut world = World::new("rules: [{answer: {text: one two three}, cut: {after_bytes: 40, how: rst}}]").start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let answer = call("/v1/messages", &messages(false), &key).send(addr);
    assert!(!answer.is_ok_and(|a| a.status == 200 && a.whole));
    assert_eq!(world.rows(1)[0]["outcome"], "error");
}

#[test]
fn clients_that_do_not_read_hold_the_provider_back_and_cost_no_memory() {
    const CLIENTS: usize = 40;
    let text = "x".repeat(1_000_000);
    let mut world = World::new(&format!(
        "rules: [{{answer: {{text: {text}, chunks: 1000, usage: {{output: 10}}}}}}]"
    ))
    .start();
    let (_, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--rpm", "1000"])
        .unwrap();
    let addr = world.server.addr().unwrap();
    let pid = world.server.pid().unwrap();
    // One to warm up: the allocator, the pools.
    assert_eq!(
        call("/v1/messages", &messages(true), &key).send(addr).unwrap().status,
        200
    );
    let before = resident_kib(pid);
    let open: Vec<_> = (0..CLIENTS)
        .map(|_| call("/v1/messages", &messages(true), &key).open(addr).unwrap())
        .collect();
    std::thread::sleep(Duration::from_secs(2));
    let grown = resident_kib(pid).saturating_sub(before);
    assert!(
        grown < 20 * 1024,
        "{CLIENTS} waiting clients of a megabyte each cost {grown} KiB"
    );
    drop(open);
    world.server.stop().unwrap();
}
