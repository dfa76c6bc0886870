//! Suspending people who have model streams open.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bailey_testkit::http::{Call, Open};
use serde_json::{Value, json};

use crate::world::{World, call, messages};

/// Streams that never end by themselves.
const ENDLESS: &str =
    "rules: [{answer: {text: one two three four, chunks: 4}, stall: {after_events: 4, for: forever}}]";

fn ask(addr: SocketAddr, token: &str, method: &'static str, path: &str, body: &Value) -> (u16, Value) {
    let path = format!("/api/v1{path}");
    let mut call = Call::bare(method, &path).bearer(token);
    if !body.is_null() {
        call = call
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes());
    }
    let answer = call.send(addr).unwrap();
    (answer.status, answer.json().unwrap_or_default())
}

struct Somebody {
    name: String,
    token: String,
    key: String,
    open: Vec<Open>,
}

/// A person with a token and a key, and a stream open with each.
fn somebody(world: &mut World, name: String) -> Somebody {
    let (addr, owner) = (world.server.addr().unwrap(), world.server.token().unwrap());
    let (status, made) = ask(addr, &owner, "POST", "/users", &json!({ "name": name }));
    assert_eq!(status, 201, "{made}");
    let token = world.server.token_of(&name).unwrap();
    let (_, key) = ask(addr, &token, "POST", "/keys", &json!({ "name": "k", "scope": "user" }));
    let key = key["key"].as_str().unwrap_or_else(|| panic!("{key}")).to_owned();
    let open = [&token, &key].map(|secret| {
        let mut open = call("/v1/messages", &messages(true), secret).open(addr).unwrap();
        assert_eq!(open.status, 200);
        open.piece().unwrap();
        open
    });
    let open = open.into();
    Somebody { name, token, key, open }
}

#[test]
fn thirty_two_people_are_suspended_at_once() {
    let mut world = World::new(ENDLESS).start();
    let (addr, owner) = (world.server.addr().unwrap(), world.server.token().unwrap());
    let people: Vec<_> = (0..32).map(|n| somebody(&mut world, format!("p{n}"))).collect();
    let stays = somebody(&mut world, "stays".to_owned());
    let began = Instant::now();
    let suspending: Vec<_> = people
        .into_iter()
        .map(|person| {
            let owner = owner.clone();
            std::thread::spawn(move || {
                let path = format!("/users/{}/suspend", person.name);
                let (status, report) = ask(addr, &owner, "POST", &path, &json!({ "reason": "left" }));
                assert_eq!(status, 200, "{report}");
                for open in person.open {
                    let text = open.finish().unwrap().text();
                    assert!(text.contains("suspended"), "{text}");
                }
                let counted = ["sessions", "tokens", "keys", "streams", "terminals", "apps", "exec"];
                let counted = counted.map(|name| report[name].as_u64().unwrap());
                assert_eq!(
                    (counted, &report["finished"]),
                    ([0, 1, 1, 2, 0, 0, 0], &json!(true)),
                    "{report}"
                );
                (person.name, person.token, person.key, report)
            })
        })
        .collect();
    let suspended: Vec<_> = suspending.into_iter().map(|thread| thread.join().unwrap()).collect();
    // All of them on a busy machine; each by itself within 5 seconds.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    for (name, token, key, report) in &suspended {
        let (status, again) = ask(addr, &owner, "GET", &format!("/users/{name}/suspension"), &Value::Null);
        assert_eq!((status, &again), (200, report));
        for secret in [token, key] {
            assert_eq!(
                call("/v1/messages", &messages(false), secret)
                    .send(addr)
                    .unwrap()
                    .status,
                401
            );
        }
        let (status, refused) = ask(addr, token, "GET", "/me", &Value::Null);
        assert_eq!((status, &refused["code"]), (403, &json!("person_suspended")));
    }
    // Nobody else noticed.
    assert_eq!(ask(addr, &stays.token, "GET", "/me", &Value::Null).0, 200);
    let (_, report) = ask(addr, &owner, "POST", "/users/stays/suspend", &json!({}));
    assert_eq!(report["streams"], 2, "{report}");
}

#[test]
fn one_person_is_suspended_by_thirty_two_and_lets_nobody_in_again_by_what_they_had() {
    let mut world = World::new(ENDLESS).start();
    let (addr, owner) = (world.server.addr().unwrap(), world.server.token().unwrap());
    let ann = somebody(&mut world, "ann".to_owned());
    let began = Instant::now();
    let suspending: Vec<_> = (0..32)
        .map(|n| {
            let owner = owner.clone();
            std::thread::spawn(move || {
                let body = json!({ "reason": format!("by {n}") });
                ask(addr, &owner, "POST", "/users/ann/suspend", &body)
            })
        })
        .collect();
    for open in ann.open {
        open.finish().unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let reports: Vec<_> = suspending.into_iter().map(|thread| thread.join().unwrap()).collect();
    for report in &reports {
        assert_eq!(report, &reports[0], "there is one suspension, and one report of it");
        assert_eq!(
            (report.0, &report.1["streams"], &report.1["tokens"]),
            (200, &json!(2), &json!(1))
        );
    }
    // What was ended stays ended; new ones are good.
    let (status, back) = ask(addr, &owner, "POST", "/users/ann/reactivate", &Value::Null);
    assert_eq!((status, &back["status"]), (200, &json!("active")), "{back}");
    for secret in [&ann.token, &ann.key] {
        assert_eq!(
            call("/v1/messages", &messages(false), secret)
                .send(addr)
                .unwrap()
                .status,
            401
        );
    }
    let token = world.server.token_of("ann").unwrap();
    assert_eq!(ask(addr, &token, "GET", "/me", &Value::Null).0, 200);
    let (_, lifted) = ask(addr, &owner, "GET", "/users/ann/suspension", &Value::Null);
    assert!(lifted["lifted_at"].is_string(), "{lifted}");
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_a_suspension_finishes_it_at_its_next_start() {
    let mut world = World::new(ENDLESS).start();
    let owner = world.server.token().unwrap();
    let before = somebody(&mut world, "ann".to_owned());
    drop(before.open);
    world.server.kill().unwrap();
    world.server.set_env("BAILEY_FAIL_AT", Some("suspend.begun"));
    let addr = world.server.start().unwrap();
    let mut open = call("/v1/messages", &messages(true), &before.key).open(addr).unwrap();
    open.piece().unwrap();
    let body = json!({}).to_string().into_bytes();
    let asked = Call::bare("POST", "/api/v1/users/ann/suspend")
        .bearer(&owner)
        .header("content-type", "application/json")
        .body(body)
        .send(addr);
    assert!(asked.is_err(), "the server is gone: {asked:?}");
    world.server.wait_ended().unwrap();
    drop(open);
    world.server.set_env("BAILEY_FAIL_AT", None);
    let addr = world.server.start().unwrap();
    let (status, report) = ask(addr, &owner, "GET", "/users/ann/suspension", &Value::Null);
    let counted = ["tokens", "keys", "streams"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(
        (status, counted, &report["finished"]),
        (200, [1, 1, 1], &json!(true)),
        "{report}"
    );
    for secret in [&before.token, &before.key] {
        assert_eq!(
            call("/v1/messages", &messages(false), secret)
                .send(addr)
                .unwrap()
                .status,
            401
        );
    }
}
