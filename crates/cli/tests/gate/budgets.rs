//! Hard budgets.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::world::{World, call, messages, nanos, protocols, total};

#[test]
fn two_hundred_parallel_requests_spend_at_most_the_last_cent() {
    let mut world = World::new("").start();
    let (_, key) = world
        .server
        .key(&[
            "--name", "cent", "--scope", "user", "--budget", "0.01/day", "--rpm", "100000",
        ])
        .unwrap();
    let addr = world.server.addr().unwrap();
    let (answered, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                let answer = call("/v1/messages", &messages(false), &key).send(addr).unwrap();
                match answer.status {
                    200 => answered.fetch_add(1, Ordering::Relaxed),
                    429 => {
                        assert_eq!(answer.header("x-should-retry"), Some("false"));
                        assert_eq!(answer.json().unwrap()["error"]["type"], "billing_error");
                        refused.fetch_add(1, Ordering::Relaxed)
                    }
                    other => panic!("{other}: {}", answer.text()),
                };
            });
        }
    });
    assert_eq!(answered.load(Ordering::Relaxed) + refused.load(Ordering::Relaxed), 200);
    assert!(answered.load(Ordering::Relaxed) > 0 && refused.load(Ordering::Relaxed) > 0);
    let rows = world.rows(200);
    let judged = world.judged();
    assert!(
        judged.total.cost_nanos <= 10_000_000,
        "the provider would bill {}",
        judged.total.cost_nanos
    );
    assert_eq!(total(&rows), i64::try_from(judged.total.cost_nanos).unwrap());
}

#[test]
fn a_request_near_the_limit_is_lowered_to_what_is_affordable_and_then_refused_with_the_whole_story() {
    let mut world = World::new("rules: [{answer: {usage: {output: 1000000}, text: a}}]").start();
    let (_, key) = world
        .server
        .key(&["--name", "small", "--scope", "ci", "--budget", "0.02/run"])
        .unwrap();
    let addr = world.server.addr().unwrap();
    let mut last = None;
    for _ in 0..100 {
        let mut body = messages(false);
        body["max_tokens"] = json!(900);
        let answer = call("/v1/messages", &body, &key).send(addr).unwrap();
        if answer.status != 200 {
            last = Some(answer);
            break;
        }
    }
    let refusal = last.expect("a limit of two cents is reached");
    let text = refusal.text();
    assert_eq!(refusal.status, 429, "{text}");
    for part in ["key `small`", "$0.02", "run", "spent"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let judged = world.judged();
    let lowered = judged
        .entries
        .iter()
        .filter(|e| e.max_tokens.is_some_and(|m| m < 900))
        .count();
    assert!(lowered >= 1, "the last affordable request was lowered");
    assert!(judged.total.cost_nanos <= 20_000_000);
}

#[test]
fn person_group_and_organization_budgets_bind_too() {
    let mut world = World::new("").start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    world
        .server
        .json(&["budgets", "create", "--organization", "--limit", "0.000001/total"])
        .unwrap();
    let answer = call("/v1/messages", &messages(false), &key).send(addr).unwrap();
    assert_eq!(answer.status, 429);
    assert!(answer.text().contains("organization"), "{}", answer.text());
    assert_eq!(world.judged().total.calls, 0);
}

#[test]
fn an_overbilling_provider_is_booked_as_overrun() {
    let mut world = World::new("rules: [{answer: {text: hello}, overbill: 5000}]").start();
    let (_, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--budget", "1/day"])
        .unwrap();
    let addr = world.server.addr().unwrap();
    for (path, body) in protocols(true) {
        assert_eq!(call(path, &body, &key).send(addr).unwrap().status, 200);
    }
    let rows = world.rows(3);
    assert_eq!(total(&rows), i64::try_from(world.judged().total.cost_nanos).unwrap());
    for row in &rows {
        assert_eq!(row["flag"], "overrun");
        assert!(nanos(&row["overrun"]) > 0);
    }
}

#[test]
fn cached_tokens_cost_the_same_streamed_and_not() {
    let usage = "{input: 10, cache_read: 2000, cache_write_5m: 300, cache_write_1h: 40, output: 50}";
    let mut world = World::new(&format!("rules: [{{answer: {{text: hello, usage: {usage}}}}}]")).start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    for stream in [false, true] {
        let cached = json!({"model": "m", "max_tokens": 100, "stream": stream, "messages": [
            {"role": "user", "content": [{"type": "text", "text": "x".repeat(4_000), "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}
        ]});
        assert_eq!(call("/v1/messages", &cached, &key).send(addr).unwrap().status, 200);
        let mut body = crate::world::chat(stream);
        body["messages"][0]["content"] = json!("x".repeat(4_000));
        assert_eq!(
            call("/v1/chat/completions", &body, &key).send(addr).unwrap().status,
            200
        );
    }
    let rows = world.rows(4);
    let judged = world.judged();
    assert_eq!(
        total(&rows),
        i64::try_from(judged.total.cost_nanos).unwrap(),
        "{rows:#?}"
    );
    let costs: Vec<i64> = rows
        .iter()
        .filter(|r| r["protocol"] == "messages")
        .map(|r| nanos(&r["cost"]))
        .collect();
    assert_eq!(costs.first(), costs.last());
}
