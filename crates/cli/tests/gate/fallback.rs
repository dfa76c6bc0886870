//! More than one route.

use serde_json::json;

use crate::world::{World, call, messages, nanos, protocols};

/// Two routes of one model: the first asks the mock for `first`, the second for `second`.
fn two_routes(scenario: &str) -> World {
    World::with(scenario, "", |url| {
        let price = r#"{ input = "3", output = "15", cache_read = "0.30", cache_write_5m = "3.75", cache_write_1h = "6" }"#;
        format!(
            "[providers.a]\nkind = \"mock\"\nbase_url = \"{url}\"\n[providers.b]\nkind = \"mock\"\nbase_url = \"{url}\"\n\
             [[models]]\nname = \"m\"\nroutes = [\n\
             {{ provider = \"a\", model = \"first\", price = {price} }},\n\
             {{ provider = \"b\", model = \"second\", price = {price} }},\n]\n"
        )
    })
    .start()
}

#[test]
fn an_overloaded_event_inside_a_200_goes_to_the_next_route() {
    let mut world = two_routes(
        "rules: [{match: {model: first}, answer: {text: no}, stream_error: {after_events: 1, type: overloaded_error}}, {match: {model: second}, answer: {text: fine}}]",
    );
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let answer = call("/v1/messages", &messages(true), &key).send(addr).unwrap();
    let text = answer.text();
    assert_eq!(answer.status, 200);
    assert_eq!(text.matches("event: message_start").count(), 1, "{text}");
    assert!(text.contains("fine") && !text.contains("overloaded"), "{text}");
    let rows = world.rows(1);
    assert_eq!(rows[0]["provider"], "b");
    assert_eq!(rows[0]["provider_model"], "second");
    assert_eq!(rows[0]["attempts"], 2);
    assert_eq!(
        nanos(&rows[0]["cost"]),
        i64::try_from(world.judged().total.cost_nanos).unwrap()
    );
}

#[test]
fn an_error_after_content_is_the_client_s_to_see() {
    let mut world = two_routes(
        "rules: [{match: {model: first}, answer: {text: one two three, chunks: 3}, stream_error: {after_events: 4, type: overloaded_error}}]",
    );
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let answer = call("/v1/messages", &messages(true), &key).send(addr).unwrap();
    assert!(answer.text().contains("overloaded_error"), "{}", answer.text());
    let rows = world.rows(1);
    assert_eq!(
        (&rows[0]["attempts"], &rows[0]["outcome"]),
        (&json!(1), &json!("error"))
    );
    assert_eq!(world.judged().total.calls, 1);
}

#[test]
fn a_failing_provider_is_stepped_over_and_its_error_passes_when_all_fail() {
    let mut world = two_routes(
        "rules: [{match: {model: first}, error: {status: 500, type: api_error, message: first is down}}, {match: {model: second}, limit: 3, answer: {text: fine}}, {error: {status: 529, type: overloaded_error, message: second is full}}]",
    );
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    for (path, body) in protocols(false) {
        let answer = call(path, &body, &key).send(addr).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let answer = call("/v1/messages", &messages(false), &key).send(addr).unwrap();
    assert_eq!(answer.status, 529);
    assert!(answer.text().contains("second is full"), "verbatim: {}", answer.text());
    let judged = world.judged();
    let spent: i64 = world.rows(4).iter().map(|r| nanos(&r["cost"])).sum();
    assert_eq!(spent, i64::try_from(judged.total.cost_nanos).unwrap());
}

#[test]
fn a_request_that_the_provider_rejects_is_not_tried_elsewhere() {
    let mut world = two_routes(
        "rules: [{match: {model: first}, error: {status: 400, type: invalid_request_error, message: bad tools}}]",
    );
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let answer = call("/v1/messages", &messages(false), &key).send(addr).unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("bad tools"));
    assert_eq!(world.judged().total.calls, 1);
}
