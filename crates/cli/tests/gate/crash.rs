//! kill -9 at every point of a request's life.

use std::collections::HashSet;

use serde_json::Value;

use crate::world::{World, call, messages, nanos, total};

const FAILPOINTS: [&str; 7] = [
    "intent.before",
    "intent.after",
    "sent.after",
    "settlement.before",
    "settlement.after",
    "flush.before",
    "flush.after",
];

/// What a client saw of its request.
enum Fate {
    Answered,
    Lost,
}

#[test]
fn kill_nine_at_every_failpoint_loses_no_row_and_no_money() {
    for failpoint in FAILPOINTS {
        for stream in [false, true] {
            killed_at(failpoint, stream);
        }
    }
}

fn killed_at(failpoint: &str, stream: bool) {
    // The journal is flushed a few times a second, many requests at a time.
    let count = if failpoint.starts_with("flush") { 2 } else { 4 };
    let mut world = World::new("");
    world.server.set_env("BAILEY_FAIL_AT", None);
    world.server.start().unwrap();
    let (id, key) = world
        .server
        .key(&[
            "--name", "k", "--scope", "user", "--budget", "100/day", "--rpm", "100000",
        ])
        .unwrap();
    world.server.stop().unwrap();
    world
        .server
        .set_env("BAILEY_FAIL_AT", Some(&format!("{failpoint}:{count}")));
    let addr = world.server.start().unwrap();
    let mut fates = Vec::new();
    for _ in 0..20_000 {
        let body = messages(stream);
        match call("/v1/messages", &body, &key).send(addr) {
            Ok(answer) if answer.status == 200 && answer.whole => fates.push(Fate::Answered),
            _ => {
                fates.push(Fate::Lost);
                break;
            }
        }
    }
    world.server.wait_ended().unwrap();
    world.server.set_env("BAILEY_FAIL_AT", None);
    let addr = world.server.start().unwrap();
    let answered = fates.iter().filter(|f| matches!(f, Fate::Answered)).count();
    let judged = world.judged();
    let calls = usize::try_from(judged.total.calls).unwrap();
    let rows = world.all_rows();
    let context = format!(
        "{failpoint}, stream {stream}: {answered} answered, {calls} reached the provider, {} rows",
        rows.len()
    );
    assert!(
        rows.len() >= calls && rows.len() >= answered,
        "{context}: a row is lost"
    );
    assert!(rows.len() <= calls + 1, "{context}: a row too many");
    let billed = i64::try_from(judged.total.cost_nanos).unwrap();
    assert!(
        total(&rows) >= billed,
        "{context}: {} is less than {billed}",
        total(&rows)
    );
    let unknown: Vec<&Value> = rows.iter().filter(|r| r["outcome"] == "unknown").collect();
    assert!(unknown.len() <= 1, "{context}");
    if unknown.is_empty() {
        assert_eq!(
            total(&rows),
            billed,
            "{context}: nothing was unknown, so the books agree"
        );
    }
    if failpoint == "intent.before" {
        assert_eq!(rows.len(), calls, "{context}: what was not sent is not charged");
    }
    let mut seen = HashSet::new();
    for row in &rows {
        assert!(
            seen.insert(row["id"].to_string()),
            "{context}: {} is there twice",
            row["id"]
        );
    }
    // No phantom refusal: all but what is spent can be spent.
    let budgets = world.server.json(&["budgets", "list", "--key", &id]).unwrap();
    let budget = &budgets["items"][0];
    assert_eq!(nanos(&budget["spent"]), total(&rows), "{context}: {budget}");
    assert_eq!(
        call("/v1/messages", &messages(stream), &key).send(addr).unwrap().status,
        200,
        "{context}"
    );
}

#[test]
fn a_second_server_on_the_same_data_is_refused_with_a_reason() {
    let mut world = World::new("").start();
    let data = world.server.data_dir();
    let output = world
        .server
        .run(&[
            "server",
            "--data-dir",
            data.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
        ])
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("another") && text.contains("data"), "{text}");
}
