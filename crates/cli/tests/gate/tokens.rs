//! A person's own API token in place of a key.

use std::time::{Duration, Instant};

use bailey_testkit::http::{Answer, Call};
use serde_json::{Value, json};

use crate::world::{World, call, messages, nanos, protocols};

/// Makes a person with a token of these scopes; answers with the token's id and its text.
fn person(world: &mut World, name: &str, scopes: &Value) -> (String, String) {
    let made = api(world, "POST", "/users", Some(json!({ "name": name })));
    assert_eq!(made.status, 201, "{}", made.text());
    token(world, name, scopes)
}

fn token(world: &mut World, person: &str, scopes: &Value) -> (String, String) {
    // Nobody else makes a token with which their money is spent.
    let own = world.server.token_of(person).unwrap();
    let body = json!({ "name": "own", "scopes": scopes });
    let made = ask(world, &own, "POST", "/tokens", Some(body));
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json().unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

fn api(world: &mut World, method: &'static str, path: &str, body: Option<Value>) -> Answer {
    let token = world.server.token().unwrap();
    ask(world, &token, method, path, body)
}

fn ask(world: &mut World, token: &str, method: &'static str, path: &str, body: Option<Value>) -> Answer {
    let path = format!("/api/v1{path}");
    let mut call = Call::bare(method, &path).bearer(token);
    if let Some(body) = body {
        call = call
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes());
    }
    call.send(world.server.addr().unwrap()).unwrap()
}

#[test]
fn a_token_asks_in_every_shape_and_is_recorded_and_never_passed_on() {
    let mut world = World::new("").start();
    let (id, token) = person(&mut world, "ann", &json!(["models.use"]));
    let addr = world.server.addr().unwrap();
    let mut sent = 0;
    for stream in [false, true] {
        for (path, body) in protocols(stream) {
            let answer = call(path, &body, &token).send(addr).unwrap();
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            let answer = Call::post(path, &body).header("x-api-key", &token).send(addr).unwrap();
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            sent += 2;
        }
    }
    let listed = Call::bare("GET", "/v1/models").bearer(&token).send(addr).unwrap();
    assert!(
        listed.status == 200 && listed.text().contains("\"m\""),
        "{}",
        listed.text()
    );
    let rows = world.rows(sent);
    let ann = api(&mut world, "GET", "/users/ann", None).json().unwrap();
    for row in &rows {
        assert_eq!(
            (&row["key"], &row["token"], &row["person"]),
            (&Value::Null, &json!(id), &ann["id"])
        );
    }
    let seen = world.mock.requests();
    assert_eq!(seen.len(), sent);
    for request in seen {
        assert_eq!(request.header("authorization"), Some("Bearer upstream-credential"));
        let all = format!("{:?}", request.headers);
        assert!(!all.contains("bly_"), "the token left the gate: {all}");
    }
}

#[test]
fn what_is_not_for_models_or_not_good_is_refused_in_the_vendor_s_shape() {
    let mut world = World::new("").start();
    let (_, narrow) = person(&mut world, "ann", &json!(["models.read", "keys.read"]));
    let (_, short) = token(&mut world, "ann", &json!(["*"]));
    let (_, whole) = person(&mut world, "bob", &json!(["*"]));
    let addr = world.server.addr().unwrap();
    let refused = |token: &str| {
        protocols(false).map(|(path, body)| {
            let answer = call(path, &body, token).send(addr).unwrap();
            let body = answer.json().unwrap();
            assert!(body["error"]["message"].is_string(), "{path}: {body}");
            (answer.status, answer.header("x-bailey-error").map(ToOwned::to_owned))
        })
    };
    for (status, code) in refused(&narrow) {
        assert_eq!((status, code.as_deref()), (403, Some("forbidden")));
    }
    let wrong = format!("{}0000", &whole[..whole.len() - 4]);
    for (status, code) in refused(&wrong) {
        assert_eq!((status, code.as_deref()), (401, Some("key_invalid")));
    }
    // An auditor asks no models, whatever the token says.
    assert_eq!(
        call("/v1/messages", &messages(false), &whole)
            .send(addr)
            .unwrap()
            .status,
        200
    );
    let changed = api(&mut world, "PATCH", "/users/bob", Some(json!({ "role": "auditor" })));
    assert_eq!(changed.status, 200, "{}", changed.text());
    for (status, code) in refused(&whole) {
        assert_eq!((status, code.as_deref()), (403, Some("forbidden")));
    }
    // An expired one, and one of a suspended person.
    let body = json!({ "name": "gone", "scopes": ["*"], "expires_in": "1s" });
    let made = ask(&mut world, &short, "POST", "/tokens", Some(body)).json().unwrap();
    let expired = made["token"].as_str().unwrap().to_owned();
    std::thread::sleep(Duration::from_millis(1200));
    for (status, code) in refused(&expired) {
        assert_eq!((status, code.as_deref()), (401, Some("key_ended")));
    }
    assert_eq!(
        call("/v1/messages", &messages(false), &short)
            .send(addr)
            .unwrap()
            .status,
        200
    );
    let suspended = api(&mut world, "POST", "/users/ann/suspend", Some(json!({})));
    assert_eq!(suspended.status, 200, "{}", suspended.text());
    for (status, code) in refused(&short) {
        assert_eq!((status, code.as_deref()), (401, Some("person_suspended")));
    }
}

#[test]
fn all_of_a_person_s_tokens_share_their_limits_and_a_budget() {
    let mut world = World::with("", "[defaults.keys.user]\nbudget = \"0.01/day\"\nrpm = 20\n", |url| {
        format!(
            "[providers.judge]\nkind = \"mock\"\nbase_url = \"{url}\"\n[[models]]\nname = \"m\"\nmax_output = 1000\n\
                 routes = [{{ provider = \"judge\", model = \"m\", price = {{ input = \"3\", output = \"15\" }} }}]\n"
        )
    })
    .start();
    let (_, first) = person(&mut world, "ann", &json!(["*"]));
    let (_, second) = token(&mut world, "ann", &json!(["models.use"]));
    let (_, other) = person(&mut world, "bob", &json!(["*"]));
    let addr = world.server.addr().unwrap();
    let ask = |token: &str| call("/v1/messages", &messages(false), token).send(addr).unwrap();
    let (mut good, mut refused) = (0, None);
    for n in 0..40 {
        let answer = ask(if n % 2 == 0 { &first } else { &second });
        match answer.status {
            200 => good += 1,
            _ => {
                refused = Some(answer);
                break;
            }
        }
    }
    let refused = refused.expect("a limit is reached");
    let code = refused.header("x-bailey-error").unwrap();
    assert!(
        ["rate_requests", "budget_exhausted"].contains(&code),
        "{}",
        refused.text()
    );
    assert!(refused.text().contains("the API tokens of `ann`"), "{}", refused.text());
    assert!(good <= 20, "{good}");
    assert_eq!(ask(&other).status, 200, "another person has limits of their own");
    let budgets = api(&mut world, "GET", "/budgets?kind=tokens&id=ann", None)
        .json()
        .unwrap();
    let budget = &budgets["items"][0];
    assert_eq!(
        (&budget["subject"]["kind"], &budget["period"]),
        (&json!("tokens"), &json!("day"))
    );
    assert_eq!(nanos(&budget["limit"]), 10_000_000);
    // A key of the same person is not charged to it.
    let (_, key) = world
        .server
        .key(&[
            "--name", "k", "--scope", "user", "--user", "ann", "--budget", "5/day", "--rpm", "none",
        ])
        .unwrap();
    assert_eq!(ask(&key).status, 200);
}

#[test]
fn revoking_a_token_ends_its_open_stream_at_once_and_no_other() {
    let stall = "rules: [{answer: {text: one two three four, chunks: 4}, stall: {after_events: 4, for: 20s}}]";
    let mut world = World::new(stall).start();
    let (id, first) = person(&mut world, "ann", &json!(["*"]));
    let (_, second) = token(&mut world, "ann", &json!(["*"]));
    let addr = world.server.addr().unwrap();
    for (path, body) in protocols(true).into_iter().take(2) {
        let (id, first) = if path == "/v1/messages" {
            (id.clone(), first.clone())
        } else {
            token(&mut world, "ann", &json!(["models.use"]))
        };
        let mut open = call(path, &body, &first).open(addr).unwrap();
        let mut other = call(path, &body, &second).open(addr).unwrap();
        open.piece().unwrap();
        other.piece().unwrap();
        let began = Instant::now();
        let revoked = api(&mut world, "DELETE", &format!("/tokens/{id}"), None);
        assert_eq!(revoked.status, 204, "{}", revoked.text());
        let answer = open.finish().unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(answer.text().contains("revoked"), "{}", answer.text());
        assert_eq!(call(path, &body, &first).send(addr).unwrap().status, 401);
        let whole = other.finish().unwrap();
        assert!(whole.whole && !whole.text().contains("revoked"), "{}", whole.text());
    }
}
