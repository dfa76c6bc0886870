//! Who may, and where credentials go.

use bailey_testkit::http::Call;
use serde_json::json;

use crate::world::{World, call, messages, protocols};

#[test]
fn the_provider_sees_its_own_credential_and_never_the_key() {
    let mut world = World::new("").start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    for (path, body) in protocols(true) {
        assert_eq!(
            Call::post(path, &body)
                .header("x-api-key", &key)
                .send(addr)
                .unwrap()
                .status,
            200
        );
        assert_eq!(
            call(path, &body, &key)
                .header("cookie", "a=b")
                .send(addr)
                .unwrap()
                .status,
            200
        );
    }
    let seen = world.mock.requests();
    assert_eq!(seen.len(), 6);
    for request in seen {
        assert_eq!(request.header("authorization"), Some("Bearer upstream-credential"));
        assert_eq!(request.header("x-api-key"), None);
        assert_eq!(request.header("cookie"), None);
        let all = format!("{:?}", request.headers);
        assert!(!all.contains(&key), "the key left the gate: {all}");
    }
}

#[test]
fn wrong_absent_and_foreign_keys_are_refused_in_the_vendor_s_shape() {
    let mut world = World::new("").start();
    // An API token counts like a key; one whose secret is another's does not.
    let mut token = world.server.token().unwrap();
    let last = token.pop().unwrap();
    token.push(if last == '0' { '1' } else { '0' });
    let addr = world.server.addr().unwrap();
    for key in ["", "sk-bly-0000000000000000-00", "' OR 1=1 --", &token] {
        for (path, body) in protocols(false) {
            let answer = call(path, &body, key).send(addr).unwrap();
            assert_eq!(answer.status, 401, "{path} {key}");
            let error = answer.json().unwrap();
            match path {
                "/v1/messages" => assert_eq!(error["error"]["type"], "authentication_error"),
                _ => assert_eq!(error["error"]["code"], "invalid_api_key"),
            }
        }
    }
    assert_eq!(world.judged().total.calls, 0);
}

#[test]
fn a_redirect_is_not_followed_and_not_passed_on() {
    let elsewhere = World::new("").start();
    let target = elsewhere.mock.url();
    let mut world = World::new(&format!(
        "rules: [{{redirect: {{to: \"{target}/v1/messages\", status: 307}}}}]"
    ))
    .start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let answer = call("/v1/messages", &messages(false), &key).send(addr).unwrap();
    assert!(answer.status >= 500, "{}", answer.text());
    assert_eq!(answer.header("location"), None);
    assert_eq!(elsewhere.mock.requests().len(), 0);
}

#[test]
fn a_client_cannot_choose_where_its_request_goes() {
    let elsewhere = World::new("").start();
    let mut world = World::new("").start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let url = elsewhere.mock.url();
    let mut body = messages(false);
    for field in [
        "api_base",
        "base_url",
        "api_key",
        "custom_llm_provider",
        "endpoint",
        "proxy",
    ] {
        body[field] = json!(url);
    }
    let sent = call("/v1/messages", &body, &key)
        .header("x-forwarded-host", &url)
        .header("x-bailey-provider", &url)
        .send(addr);
    assert_eq!(sent.unwrap().status, 200);
    assert_eq!(elsewhere.mock.requests().len(), 0);
    assert_eq!(world.mock.requests().len(), 1);
}

#[test]
fn unknown_and_forbidden_models_are_told_apart_from_the_rest() {
    let mut world = World::new("").start();
    let addr = world.server.addr().unwrap();
    let (_, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--models", "other"])
        .unwrap();
    let answer = call("/v1/messages", &messages(false), &key).send(addr).unwrap();
    assert_eq!(answer.status, 403, "{}", answer.text());
    let mut body = messages(false);
    body["model"] = json!("nonesuch");
    assert_eq!(call("/v1/messages", &body, &key).send(addr).unwrap().status, 404);
    assert_eq!(world.judged().total.calls, 0);
}

#[test]
fn what_the_provider_says_of_our_credential_is_not_the_client_s_fault() {
    let mut world =
        World::new("rules: [{error: {status: 401, type: authentication_error, message: bad upstream key}}]").start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let answer = call("/v1/messages", &messages(false), &key).send(addr).unwrap();
    assert!((500..600).contains(&answer.status), "{}", answer.status);
    assert!(!answer.text().contains("bad upstream key"), "{}", answer.text());
}

#[test]
fn requests_per_minute_are_counted_exactly() {
    let mut world = World::new("").start();
    let (_, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--rpm", "5"])
        .unwrap();
    let addr = world.server.addr().unwrap();
    let statuses: Vec<u16> = (0..7)
        .map(|_| call("/v1/messages", &messages(false), &key).send(addr).unwrap().status)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429]);
    let answer = call("/v1/chat/completions", &crate::world::chat(false), &key)
        .send(addr)
        .unwrap();
    assert_eq!(answer.json().unwrap()["error"]["code"], "rate_limit_exceeded");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
}

#[test]
fn a_place_among_concurrent_requests_is_freed_however_a_request_ends() {
    let scenario = "rules: [{match: {text: fail}, error: {status: 500, type: api_error, message: down}}, {match: {text: cut}, answer: {text: a b c d}, cut: {after_events: 2, how: rst}}]";
    let mut world = World::new(scenario).start();
    let (_, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--concurrent", "1"])
        .unwrap();
    let addr = world.server.addr().unwrap();
    for text in ["fail", "cut", "fine", "fail", "cut", "fine"] {
        let mut body = messages(true);
        body["messages"][0]["content"] = json!(text);
        let answer = call("/v1/messages", &body, &key).send(addr).unwrap();
        assert_ne!(answer.status, 429, "{text}: {}", answer.text());
        let no_body = call("/v1/messages", &json!({}), &key).send(addr).unwrap();
        assert_eq!(no_body.status, 400, "{}", no_body.text());
    }
}

#[test]
fn requests_at_the_same_time_are_limited() {
    let mut world = World::new("rules: [{answer: {text: late}, stall: {at: headers, for: 2s}}]").start();
    let (_, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--concurrent", "1"])
        .unwrap();
    let addr = world.server.addr().unwrap();
    let first = std::thread::spawn({
        let key = key.clone();
        move || call("/v1/messages", &messages(false), &key).send(addr).unwrap().status
    });
    while world.mock.ledger().open == 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let second = call("/v1/messages", &messages(false), &key).send(addr).unwrap();
    assert_eq!(second.status, 429, "{}", second.text());
    assert!(second.text().contains("at the same time"), "{}", second.text());
    assert_eq!(first.join().unwrap(), 200);
}

#[test]
fn tokens_per_minute_count_what_was_really_used() {
    let mut world = World::new("rules: [{answer: {text: a, usage: {input: 400, output: 100}}}]").start();
    let (_, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--tpm", "1000"])
        .unwrap();
    let addr = world.server.addr().unwrap();
    // On every protocol, also the newest.
    let (path, body) = protocols(false).into_iter().next_back().unwrap();
    let statuses: Vec<u16> = (0..3)
        .map(|_| call(path, &body, &key).send(addr).unwrap().status)
        .collect();
    assert_eq!(statuses, [200, 200, 429], "500 tokens each, 1000 a minute");
}

#[test]
fn every_path_to_a_provider_asks_for_a_key() {
    let world = World::new("").start();
    let addr = world.server.addr().unwrap();
    for prefix in [
        "",
        "/anthropic",
        "/openai",
        "/api/v2/aibridge/anthropic",
        "/api/v2/aibridge/openai",
    ] {
        for tail in [
            "messages",
            "messages/count_tokens",
            "chat/completions",
            "responses",
            "models",
            "embeddings",
            "files",
            "batches",
        ] {
            for version in ["/v1/", "/"] {
                let path = format!("{prefix}{version}{tail}");
                let answer = Call::post(&path, &messages(false)).send(addr).unwrap();
                assert!(
                    [400, 401, 404, 405].contains(&answer.status),
                    "{path}: {}",
                    answer.status
                );
            }
        }
    }
    assert_eq!(world.judged().total.calls, 0);
    assert_eq!(world.mock.requests().len(), 0);
}
