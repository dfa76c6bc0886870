//! What goes wrong on purpose, seen from a raw socket and in the ledger.

use crate::support::{End, Reply, events, exchange, hello, parse, post, read_all, read_until_silent, send, start};
use bailey_mock::{Entry, Mock, Outcome};
use serde_json::json;
use tokio::io::AsyncReadExt as _;

const CHAT: &str = "/v1/chat/completions";

/// A chat stream of 6 events: role, "hell", "o wo", "rld!", finish, [DONE]. The answer's 12 bytes are 3 tokens, one for
/// each piece.
const ANSWER: &str = "answer: {text: 'hello world!', chunks: 3}";

async fn with(fault: &str) -> Mock {
    start(&format!("rules:\n  - {ANSWER}\n    {fault}\n")).await
}

async fn chat(mock: &Mock, stream: bool) -> Reply {
    post(mock, CHAT, &hello(CHAT, stream)).await
}

async fn last(mock: &Mock) -> Entry {
    mock.idle().await;
    mock.ledger().entries.back().unwrap().clone()
}

#[tokio::test]
async fn a_stream_cut_after_events_ends_without_its_last_chunk() {
    for (how, end) in [("fin", End::Broken), ("rst", End::Reset)] {
        let mock = with(&format!("cut: {{after_events: 3, how: {how}}}")).await;
        let reply = chat(&mock, true).await;
        assert_eq!((reply.end, reply.events().len()), (end, 3), "{how}");
        // "hello" in = 5 bytes = 2 tokens x 3000; two of three pieces out = 2 tokens x 15000; 36,000 in all.
        let entry = last(&mock).await;
        assert_eq!(
            (entry.outcome, entry.usage.output, entry.cost_nanos),
            (Outcome::Cut, 2, 36_000)
        );
    }
}

#[tokio::test]
async fn a_cut_after_bytes_may_fall_into_an_event() {
    let mock = with("cut: {after_bytes: 10}").await;
    let reply = chat(&mock, true).await;
    assert_eq!((reply.end, reply.text().len()), (End::Broken, 10));
    let mock = with("cut: {after_bytes: 10}").await;
    let reply = chat(&mock, false).await;
    assert_eq!((reply.end, reply.text().len()), (End::Broken, 10));
    assert!(reply.head.contains("content-length"));
}

#[tokio::test]
async fn a_cut_before_the_headers_sends_nothing_and_bills_nothing() {
    for (how, end) in [("fin", End::Broken), ("rst", End::Reset)] {
        let mock = with(&format!("cut: {{how: {how}}}")).await;
        let reply = chat(&mock, true).await;
        assert_eq!((reply.head.as_str(), reply.end), ("", end), "{how}");
        let entry = last(&mock).await;
        assert_eq!((entry.outcome, entry.status, entry.cost_nanos), (Outcome::Cut, None, 0));
    }
}

#[tokio::test]
async fn a_cut_at_the_end_bills_everything() {
    let mock = with("cut: {after_events: 6}").await;
    let reply = chat(&mock, true).await;
    assert_eq!((reply.end, reply.events().len()), (End::Broken, 6));
    assert_eq!(last(&mock).await.usage.output, 3);
}

#[tokio::test]
async fn a_stall_holds_the_connection_open_and_is_seen_in_the_ledger() {
    for (stall, received, output) in [
        ("at: first_event", 0, 0),
        ("after_events: 2", 2, 1),
        ("after_events: 6", 6, 3),
    ] {
        let mock = with(&format!("stall: {{{stall}, for: forever}}")).await;
        let mut stream = send(&mock, "POST", CHAT, "", &hello(CHAT, true).to_string()).await;
        let reply = parse(read_until_silent(&mut stream).await.as_bytes(), false);
        assert_eq!((reply.status(), reply.events().len()), (200, received), "{stall}");
        assert_eq!(mock.ledger().open, 1);
        drop(stream);
        let entry = last(&mock).await;
        assert_eq!(
            (entry.outcome, entry.usage.output),
            (Outcome::Stalled, output),
            "{stall}"
        );
        assert_eq!(entry.usage.input, 2);
    }
}

#[tokio::test]
async fn a_stall_before_the_headers_bills_nothing() {
    let mock = with("stall: {at: headers}").await;
    let mut stream = send(&mock, "POST", CHAT, "", &hello(CHAT, false).to_string()).await;
    assert_eq!(read_until_silent(&mut stream).await, "");
    drop(stream);
    let entry = last(&mock).await;
    assert_eq!(
        (entry.outcome, entry.status, entry.cost_nanos),
        (Outcome::Stalled, None, 0)
    );
}

#[tokio::test]
async fn a_stall_of_the_connection_reads_nothing() {
    let mock = start("rules: [{stall: {at: connect}, limit: 1}]").await;
    let mut stream = send(&mock, "POST", CHAT, "", &hello(CHAT, false).to_string()).await;
    assert_eq!(read_until_silent(&mut stream).await, "");
    assert!(mock.requests().is_empty());
    // The rule is used up: the next connection is served.
    assert_eq!(chat(&mock, false).await.status(), 200);
}

#[tokio::test]
async fn after_a_stall_of_limited_time_the_answer_goes_on() {
    for stall in ["at: connect", "at: headers", "at: first_event", "after_events: 3"] {
        let rule = format!("stall: {{{stall}, for: 30ms}}");
        let mock = if stall == "at: connect" {
            start(&format!("rules: [{{{rule}}}]")).await
        } else {
            with(&rule).await
        };
        let began = tokio::time::Instant::now();
        let reply = chat(&mock, true).await;
        assert_eq!(reply.end, End::Complete, "{stall}");
        assert!(began.elapsed() >= std::time::Duration::from_millis(30), "{stall}");
        assert_eq!(last(&mock).await.outcome, Outcome::Completed, "{stall}");
    }
}

#[tokio::test]
async fn when_the_client_leaves_generation_stops_and_what_was_generated_is_billed() {
    let mock = start("rules: [{answer: {text: 'hello world!', chunks: 3, delay: {between: 50ms}}}]").await;
    let mut stream = send(&mock, "POST", CHAT, "", &hello(CHAT, true).to_string()).await;
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.contains("\"hell\"") {
        let count = stream.read(&mut buffer).await.unwrap();
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    drop(stream);
    // One of three pieces: 2 x 3000 + 1 x 15000 = 21,000.
    let entry = last(&mock).await;
    assert_eq!(
        (entry.outcome, entry.usage.output, entry.cost_nanos),
        (Outcome::ClientGone, 1, 21_000)
    );
}

#[tokio::test]
async fn a_client_that_leaves_before_a_whole_answer_is_billed_the_input() {
    let mock = start("rules: [{answer: {text: hi, delay: {first: 10s}}}]").await;
    let mut stream = send(&mock, "POST", CHAT, "", &hello(CHAT, false).to_string()).await;
    assert_eq!(read_until_silent(&mut stream).await, "");
    drop(stream);
    let entry = last(&mock).await;
    assert_eq!(
        (entry.outcome, entry.usage.input, entry.usage.output),
        (Outcome::ClientGone, 2, 0)
    );
}

#[tokio::test]
async fn an_error_event_comes_inside_a_stream_with_status_200() {
    let mock = with("stream_error: {after_events: 1, type: overloaded_error}").await;
    let body = hello("/v1/messages", true);
    let reply = post(&mock, "/v1/messages", &body).await;
    let found = reply.events();
    assert_eq!((reply.status(), reply.end, found.len()), (200, End::Complete, 2));
    assert_eq!(
        (found[0].name.as_str(), found[1].name.as_str()),
        ("message_start", "error")
    );
    assert_eq!(found[1].data["error"]["type"], "overloaded_error");
    let entry = last(&mock).await;
    assert_eq!(
        (entry.outcome, entry.status, entry.cost_nanos),
        (Outcome::Error, Some(200), 0)
    );

    // After content (message_start, ping, block start, two of three deltas) it bills as a cut does.
    let mock = with("stream_error: {after_events: 5}").await;
    assert_eq!(
        post(&mock, "/v1/messages", &body).await.events().last().unwrap().name,
        "error"
    );
    let entry = last(&mock).await;
    assert_eq!(
        (entry.outcome, entry.usage.input, entry.usage.output),
        (Outcome::Error, 2, 2)
    );

    // Not streamed, it is an error status.
    let reply = post(&mock, "/v1/messages", &hello("/v1/messages", false)).await;
    assert_eq!(
        (reply.status(), &reply.json()["error"]["type"]),
        (529, &json!("overloaded_error"))
    );
}

#[tokio::test]
async fn openai_streams_have_error_events_of_their_own() {
    let mock = with("stream_error: {after_events: 0, message: busy}").await;
    let found = chat(&mock, true).await.events();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].data["error"]["message"], "busy");
    let found = post(&mock, "/v1/responses", &hello("/v1/responses", true))
        .await
        .events();
    assert_eq!(
        (found[0].name.as_str(), &found[0].data["code"]),
        ("error", &json!("server_error"))
    );
    let mock = with("stream_error: {after_events: 2, failed: true}").await;
    let found = post(&mock, "/v1/responses", &hello("/v1/responses", true))
        .await
        .events();
    assert_eq!(
        (found[2].name.as_str(), &found[2].data["sequence_number"]),
        ("response.failed", &json!(2))
    );
    assert_eq!(found[2].data["response"]["status"], "failed");
}

#[tokio::test]
async fn an_error_status_has_the_headers_and_the_body_that_the_rule_gives() {
    let mock = start(
        "rules: [{error: {status: 429, message: slow, headers: {retry-after: '2'}}, limit: 1}, \
        {error: {status: 502, body: '<html>', headers: {content-type: text/html}}}]",
    )
    .await;
    let reply = chat(&mock, true).await;
    assert_eq!(
        (reply.status(), &reply.json()["error"]["code"]),
        (429, &json!("rate_limit_exceeded"))
    );
    assert!(reply.head.contains("retry-after: 2"));
    let reply = chat(&mock, true).await;
    assert_eq!(
        (reply.status(), reply.text().as_str(), reply.end),
        (502, "<html>", End::Complete)
    );
    assert!(reply.head.contains("content-type: text/html"));
    assert_eq!(mock.ledger().total.cost_nanos, 0);
}

#[tokio::test]
async fn garbage_comes_instead_of_a_response_or_inside_its_body() {
    let mock = with("garbage: {text: \"\\x00not HTTP\"}").await;
    let mut stream = send(&mock, "POST", CHAT, "", &hello(CHAT, true).to_string()).await;
    assert_eq!(read_all(&mut stream).await, (b"\0not HTTP".to_vec(), false));
    assert_eq!(last(&mock).await.outcome, Outcome::Error);

    // Base64 of the bytes ff fe, after the role chunk.
    let mock = with("garbage: {base64: '//4=', after_events: 1}").await;
    let mut stream = send(&mock, "POST", CHAT, "", &hello(CHAT, true).to_string()).await;
    let (bytes, _) = read_all(&mut stream).await;
    assert!(bytes.ends_with(b"2\r\n\xff\xfe\r\n0\r\n\r\n"));
    assert_eq!(last(&mock).await.cost_nanos, 0);
}

#[tokio::test]
async fn a_redirect_names_its_target() {
    let mock = start("rules: [{redirect: {to: 'http://127.0.0.1:9/x'}}]").await;
    let reply = chat(&mock, false).await;
    assert_eq!(reply.status(), 307);
    assert!(reply.head.contains("location: http://127.0.0.1:9/x"));
}

#[tokio::test]
async fn an_error_body_may_come_with_status_200() {
    let mock = start("rules: [{error: {status: 200, type: overloaded_error}}]").await;
    let reply = post(&mock, "/v1/messages", &hello("/v1/messages", true)).await;
    assert_eq!(
        (reply.status(), &reply.json()["error"]["type"]),
        (200, &json!("overloaded_error"))
    );
    assert_eq!(last(&mock).await.outcome, Outcome::Error);
}

#[tokio::test]
async fn overbilled_tokens_are_reported_and_billed() {
    let mock = start("rules: [{overbill: 40}]").await;
    let mut body = hello("/v1/messages", true);
    body["max_tokens"] = json!(3);
    let found = post(&mock, "/v1/messages", &body).await.events();
    assert_eq!(found[found.len() - 2].data["usage"]["output_tokens"], 43);
    // 2 x 3000 + 43 x 15000 = 651,000.
    assert_eq!(last(&mock).await.cost_nanos, 651_000);
}

#[tokio::test]
async fn requests_that_are_too_large_or_broken_are_refused() {
    let mock = start("rules: []").await;
    let reply = exchange(&mock, "POST", CHAT, "", "{").await;
    assert_eq!(reply.status(), 400);
    let many = "x-a: y\r\n".repeat(300);
    assert_eq!(exchange(&mock, "POST", CHAT, &many, "{}").await.status(), 431);
    assert_eq!(exchange(&mock, "GET", CHAT, "", "").await.status(), 405);
    assert_eq!(mock.ledger().total.cost_nanos, 0);
}

#[tokio::test]
async fn half_an_event_is_not_an_event() {
    // Guards the test client itself.
    assert_eq!(events("data: 1\n\ndata: 2").len(), 1);
}
