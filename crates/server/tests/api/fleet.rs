//! The life of workspaces, on a simulated machine and with simulated agents that link over real sockets.

mod said;

use std::time::{Duration, Instant};

use bailey_api::agent::{FromAgent, Purpose};
use bailey_core::authz::Role;
use bailey_core::workspace::Transition;
use bailey_core::{BuildId, Money, WorkspaceId};
use bailey_link::DialError;
use bailey_runtime::ids::NewId;
use bailey_store::{Begun, KeyFilter, KeyState, LedgerReach, ListPage, NewBuild};
use bailey_workspaces::driver::{Driver, SimStep};
use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::agents::{dial, version};
use crate::harness::{Client, T0, TestApp, test};

const PLAIN: &str = r#"
display_name = "Plain"
[base]
root = "host"
[[parameters]]
name = "disk"
type = "number"
default = 2
monotonic = "increasing"
mutable = true
[[parameters]]
name = "zone"
type = "string"
default = "a"
mutable = false
[resources]
disk = "${param.disk}GiB"
[[metadata]]
name = "load"
display_name = "Load"
kind = "command"
command = "echo 1"
[lifecycle]
auto_stop = "30m"
max_lifetime = "12h"
"#;

async fn with_plain(app: &TestApp) -> Client {
    app.template("plain", PLAIN).await;
    app.person("ann", Role::Member).await
}

/// How many keys of a workspace are good.
async fn live_keys(app: &TestApp, id: WorkspaceId) -> usize {
    let mut filter = KeyFilter::within(LedgerReach::All);
    filter.workspace = Some(id);
    filter.state = Some((KeyState::Active, T0));
    app.store
        .keys_list(&filter, ListPage::first(100))
        .await
        .unwrap()
        .0
        .len()
}

#[test]
fn a_suspended_person_s_workspaces_stop_at_once_and_start_again_when_they_are_back() {
    test(async |app| {
        let (ann, admin) = (with_plain(&app).await, app.owner().await);
        let bob = app.person("bob", Role::Member).await;
        let running = app.run().await;
        let (up, other) = (
            app.workspace(&ann, "plain", "up").await,
            app.workspace(&bob, "plain", "other").await,
        );
        // One that is on its way up, and whose agent never gets there.
        running.agents.silent();
        let path = "/api/v1/workspaces";
        let slow = ann
            .post(path, json!({"template": "plain", "name": "slow"}))
            .await
            .ok(201);
        let slow: WorkspaceId = slow["id"].as_str().unwrap().parse().unwrap();
        while app.sim.token(slow).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let token = app.sim.token(up).unwrap();
        let link = dial(running.addr, token.expose(), "bulk").await.unwrap();

        let began = Instant::now();
        admin
            .patch("/api/v1/users/ann", json!({"status": "suspended"}))
            .await
            .ok(200);
        let refused = link.open(&Purpose::Gate).await;
        assert!(refused.is_err(), "nothing more leads out");
        let stopped = app.until(&admin, up, "stopped").await;
        let failed = app.until(&admin, slow, "failed").await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(
            stopped["build"]["reason"],
            "stopped because `ann`, who owns it, was suspended"
        );
        let log = app.log(&admin, up, 2).await;
        assert_eq!(log[0], "stopped because `ann`, who owns it, was suspended");
        assert_eq!(failed["build"]["error"], "`ann`, who owns the workspace, was suspended");
        assert_eq!((live_keys(&app, up).await, live_keys(&app, slow).await), (0, 0));
        assert!(app.sim.token(up).is_none() && app.sim.token(slow).is_none());

        let start = format!("/api/v1/workspaces/{up}/start");
        let refused = app
            .store
            .build_begin(
                up,
                &build(Transition::Start),
                Some(&bailey_core::workspace::Quota::default()),
            )
            .await;
        assert!(refused.is_err(), "nobody can start it");
        assert_eq!(ann.call(Method::POST, &start, None).await.code(), "person_suspended");
        app.until(&bob, other, "running").await;

        admin
            .patch("/api/v1/users/ann", json!({"status": "active"}))
            .await
            .ok(200);
        assert_eq!(ann.call(Method::POST, &start, None).await.code(), "token_invalid");
        let ann = app.narrowed(&ann, &["*"]).await;
        ann.call(Method::POST, &start, None).await.ok(202);
    });
}

fn build(transition: Transition) -> NewBuild {
    NewBuild {
        id: BuildId::new_at(T0),
        transition,
        initiator: None,
        reason: None,
        change: None,
        keep_home: false,
        created_at: T0,
    }
}

#[test]
fn a_key_lives_from_a_start_to_its_stop_and_there_is_never_another_one() {
    test(async |app| {
        let ann = with_plain(&app).await;
        let running = app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        assert_eq!((live_keys(&app, id).await, running.agents.keys(id).len()), (1, 1));
        app.begin(&ann, id, "restart").await;
        app.until(&ann, id, "running").await;
        assert_eq!((live_keys(&app, id).await, running.agents.keys(id).len()), (1, 2));
        let token = app.sim.token(id).unwrap();
        app.begin(&ann, id, "stop").await;
        app.until(&ann, id, "stopped").await;
        assert_eq!(live_keys(&app, id).await, 0);
        let refused = dial(running.addr, token.expose(), "interactive").await;
        assert!(matches!(refused, Err(DialError::Refused { status: 401 })));
        // A start that fails after its agent has come up leaves none either.
        app.sim.fail(SimStep::Started, Some("the machine is on fire"));
        app.begin(&ann, id, "start").await;
        let failed = app.until(&ann, id, "failed").await;
        assert!(
            failed["build"]["error"]
                .as_str()
                .unwrap()
                .contains("the machine is on fire")
        );
        assert_eq!(live_keys(&app, id).await, 0);
        assert!(app.sim.token(id).is_none(), "nothing runs");
        assert!(app.sim.observe(id).await.unwrap().home, "its home stays");
        app.sim.fail(SimStep::Started, None);
        app.begin(&ann, id, "start").await;
        app.until(&ann, id, "running").await;
        assert_eq!(live_keys(&app, id).await, 1);
    });
}

#[test]
fn what_a_workspace_has_spent_stays_spent_when_it_starts_anew() {
    test(async |app| {
        let (ann, admin) = (with_plain(&app).await, app.owner().await);
        let running = app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        let keys = async || {
            let page = admin.get(&format!("/api/v1/keys?workspace={id}")).await.ok(200);
            page["items"].as_array().unwrap().clone()
        };
        let first = keys().await;
        assert_eq!(app.take(&first[0]["budgets"][0]).await, Money::usd(5));
        let spent = keys().await;
        app.begin(&ann, id, "restart").await;
        app.until(&ann, id, "running").await;
        app.begin(&ann, id, "stop").await;
        app.until(&ann, id, "stopped").await;
        app.begin(&ann, id, "start").await;
        app.until(&ann, id, "running").await;
        let now = keys().await;
        assert_eq!(now.len(), 1, "one key in all its life");
        assert_eq!(
            (&now[0]["id"], &now[0]["budgets"]),
            (&spent[0]["id"], &spent[0]["budgets"])
        );
        let more = app.take(&now[0]["budgets"][0]).await;
        assert_eq!(more, Money::ZERO, "no call gets anything");
        let secrets = running.agents.keys(id);
        let (last, before) = secrets.split_last().unwrap();
        assert_eq!(before.len(), 2);
        for secret in before {
            assert!(app.gate.authenticate(secret).await.is_err(), "it is good no more");
        }
        let entry = app.gate.authenticate(last).await.unwrap();
        assert_eq!(entry.key.id.to_string(), now[0]["id"].as_str().unwrap());
        assert!(entry.usable(T0).is_ok());
    });
}

#[test]
fn one_of_many_starts_begins() {
    test(async |app| {
        let ann = with_plain(&app).await;
        app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        app.begin(&ann, id, "stop").await;
        app.until(&ann, id, "stopped").await;
        app.sim.hang(SimStep::Start, true);
        let path = format!("/api/v1/workspaces/{id}/start");
        let starts = (0..32).map(|_| ann.call(Method::POST, &path, None));
        let replies = futures_util::future::join_all(starts).await;
        let begun = replies.iter().filter(|reply| reply.status == 202).count();
        assert_eq!(begun, 1);
        for refused in replies.iter().filter(|reply| reply.status != 202) {
            assert_eq!(refused.code(), "build_active");
        }
        app.sim.hang(SimStep::Start, false);
        app.until(&ann, id, "running").await;
        assert_eq!(app.sim.starts(id), 2, "one at its creation, and one now");
    });
}

#[test]
fn health_counts_agents_and_names_workspaces_to_who_sees_them_all() {
    test(async |app| {
        let ann = with_plain(&app).await;
        let owner = app.owner().await;
        let running = app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        let health = owner.get("/api/v1/health").await.ok(200);
        assert_eq!(health["ready"], true, "{health}");
        assert!(health["database"]["write_us"].is_u64(), "{health}");
        assert_eq!(health["agents"], json!({"running": 1, "connected": 1, "lost": []}));
        assert_eq!(health["queue"], json!({"queued": 0, "running": 0, "builds": []}));
        // A build whose agent never says that it is there, and a workspace whose agent goes.
        running.agents.silent();
        let ask = json!({"template": "plain", "name": "slow"});
        ann.post("/api/v1/workspaces", ask).await.ok(201);
        let token = app.sim.token(id).unwrap();
        running.agents.leave(id);
        drop(dial(running.addr, token.expose(), "interactive").await.unwrap());
        let began = Instant::now();
        let health = loop {
            let health = owner.get("/api/v1/health").await.ok(200);
            if health["agents"]["connected"] == 0 && health["queue"]["running"] == 1 {
                break health;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{health:#}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(health["agents"]["lost"], json!([{"id": id, "name": "one"}]));
        assert_eq!(health["queue"]["builds"][0]["workspace"]["name"], "slow");
        let narrow = app.narrowed(&owner, &["health.read"]).await;
        let health = narrow.get("/api/v1/health").await.ok(200);
        assert_eq!(
            (&health["agents"]["lost"], &health["queue"]["builds"]),
            (&json!([]), &json!([]))
        );
        assert_eq!(ann.get("/api/v1/health").await.code(), "forbidden");
    });
}

#[test]
fn an_idle_workspace_stops_and_one_in_use_runs_to_the_end_of_its_life() {
    test(async |app| {
        let ann = with_plain(&app).await;
        let running = app.run().await;
        let (idle, busy) = (
            app.workspace(&ann, "plain", "idle").await,
            app.workspace(&ann, "plain", "busy").await,
        );
        let token = app.sim.token(busy).unwrap();
        running.agents.leave(busy);
        let work = async |minutes: i64| {
            app.clock.advance(60 * minutes);
            let link = dial(running.addr, token.expose(), "interactive").await.unwrap();
            let mut talk = link.talk().await.unwrap();
            talk.hello(true).await;
            talk.hear().await.unwrap();
            talk.say(&FromAgent::Activity {
                kind: "exec".to_owned(),
            })
            .await;
            // The answer to a line says that what came before it was heard.
            let said = FromAgent::Log {
                number: 1,
                source: "x".to_owned(),
                at: 0,
                text: String::new(),
            };
            talk.say(&said).await;
            talk.hear().await.unwrap();
        };
        work(29).await;
        app.clock.advance(61);
        let stopped = app.until(&ann, idle, "stopped").await;
        let reason = stopped["build"]["reason"].as_str().unwrap();
        assert_eq!(reason, "stopped by itself: nothing was done in it for 1800 s");
        app.until(&ann, busy, "running").await;
        let mut minutes = 30;
        while minutes < 12 * 60 {
            // What is used is looked at between two steps, or a step would be idleness.
            work(25).await;
            minutes += 25;
        }
        let stopped = app.until(&ann, busy, "stopped").await;
        let reason = stopped["build"]["reason"].as_str().unwrap();
        assert_eq!(reason, "stopped by itself: it may run for 43200 s at a time");
    });
}

#[test]
fn model_calls_on_a_connection_that_was_opened_long_ago_are_activity() {
    test(async |app| {
        let ann = with_plain(&app).await;
        let running = app.run().await;
        let (idle, busy) = (
            app.workspace(&ann, "plain", "idle").await,
            app.workspace(&ann, "plain", "busy").await,
        );
        let token = app.sim.token(busy).unwrap();
        let link = dial(running.addr, token.expose(), "bulk").await.unwrap();
        let mut gate = link.open(&Purpose::Gate).await.unwrap();
        let key = running.agents.keys(busy).pop().unwrap();
        let mut call = async || {
            let head = format!("GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1:7080\r\nx-api-key: {key}\r\n\r\n");
            gate.write_all(head.as_bytes()).await.unwrap();
            gate.flush().await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n") {
                answer.push(gate.read_u8().await.unwrap());
            }
            let head = String::from_utf8(answer).unwrap();
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.unwrap().parse().unwrap()];
            gate.read_exact(&mut body).await.unwrap();
        };
        call().await;
        app.clock.advance(29 * 60);
        call().await;
        app.clock.advance(61);
        app.until(&ann, idle, "stopped").await;
        app.until(&ann, busy, "running").await;
        let began = app.store.workspace_get(busy).await.unwrap().unwrap().build;
        app.clock.advance(30 * 60);
        app.until(&ann, busy, "stopped").await;
        assert_eq!(began, 1, "it ran until nothing was called any more");
    });
}

#[test]
fn an_agent_that_dies_is_noticed_and_told() {
    test(async |app| {
        let ann = with_plain(&app).await;
        app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        app.sim.crash(id);
        let stopped = app.until(&ann, id, "stopped").await;
        assert_eq!(stopped["build"]["reason"], "its agent has ended");
        assert_eq!(live_keys(&app, id).await, 0);
    });
}

#[test]
fn parameters_and_version_change_with_an_update_within_their_rules() {
    test(async |app| {
        let ann = with_plain(&app).await;
        app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        let path = format!("/api/v1/workspaces/{id}/update");
        for (parameters, at) in [
            (json!({"disk": 1}), "/parameters/disk"),
            (json!({"zone": "b"}), "/parameters/zone"),
            (json!({"nonesuch": 1}), "/parameters/nonesuch"),
        ] {
            let (code, parts) = ann.post(&path, json!({"parameters": parameters})).await.problem();
            assert_eq!((code.as_str(), parts), ("invalid_fields", vec![at.to_owned()]));
        }
        app.until(&ann, id, "running").await;
        ann.post(&path, json!({"parameters": {"disk": 3}})).await.ok(202);
        let grown = app.until(&ann, id, "running").await;
        assert_eq!(grown["resources"]["disk"], 3_u64 << 30);
        assert_eq!((&grown["outdated"], &grown["version"]), (&json!(false), &json!(1)));
        let template = app.store.template_by_name("plain").await.unwrap().unwrap();
        let newer = PLAIN.replace("30m", "20m");
        let mut push = version(&newer);
        push.digest = "0001";
        app.store.template_version_push(template.id, &push).await.unwrap();
        let before = ann.get(&format!("/api/v1/workspaces/{id}")).await.ok(200);
        assert_eq!((&before["outdated"], &before["version"]), (&json!(true), &json!(1)));
        // A restart stays with its version; an update goes to the one in force.
        app.begin(&ann, id, "restart").await;
        assert_eq!(app.until(&ann, id, "running").await["version"], 1);
        ann.post(&path, json!({})).await.ok(202);
        let after = app.until(&ann, id, "running").await;
        assert_eq!((&after["outdated"], &after["version"]), (&json!(false), &json!(2)));
        assert_eq!(after["parameters"]["disk"], 3, "what was chosen stays");
        assert_eq!(app.sim.starts(id), 4);
    });
}

#[test]
fn a_home_is_removed_with_its_workspace_or_kept_as_asked() {
    test(async |app| {
        let ann = with_plain(&app).await;
        app.run().await;
        for keep in [true, false] {
            let id = app.workspace(&ann, "plain", "one").await;
            let path = format!("/api/v1/workspaces/{id}?keep_home={keep}");
            ann.call(Method::DELETE, &path, None).await.ok(202);
            let began = Instant::now();
            while ann.get(&format!("/api/v1/workspaces/{id}")).await.status != 404 {
                assert!(began.elapsed() < Duration::from_secs(30));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let there = app.sim.observe(id).await.unwrap();
            assert_eq!((there.home, there.agent), (keep, false));
            assert_eq!(live_keys(&app, id).await, 0);
        }
    });
}

#[test]
fn a_person_runs_as_many_as_the_quota_allows() {
    test(async |app| {
        let (ann, bob) = (with_plain(&app).await, app.person("bob", Role::Member).await);
        app.run().await;
        let mut last = None;
        for n in 0..10 {
            last = Some(app.workspace(&ann, "plain", &format!("w{n}")).await);
        }
        let body = json!({"template": "plain", "name": "more"});
        let refused = ann.post("/api/v1/workspaces", body.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (409, "quota_exceeded")
        );
        assert!(
            refused.text.contains("running workspaces: 10 of 10 are taken"),
            "{}",
            refused.text
        );
        bob.post("/api/v1/workspaces", body.clone()).await.ok(201);
        let last = last.unwrap();
        app.begin(&ann, last, "stop").await;
        app.until(&ann, last, "stopped").await;
        ann.post("/api/v1/workspaces", body).await.ok(201);
        let start = ann
            .call(Method::POST, &format!("/api/v1/workspaces/{last}/start"), None)
            .await;
        assert_eq!(start.code(), "quota_exceeded");
    });
}

#[test]
fn a_build_that_the_database_held_up_is_taken_up_again() {
    test(async |app| {
        let ann = with_plain(&app).await;
        app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        // As it is left by a task that has given up.
        let Begun::Yes(_) = app.store.build_begin(id, &build(Transition::Stop), None).await.unwrap() else {
            panic!("no quota holds a stop up")
        };
        app.until(&ann, id, "stopped").await;
    });
}

#[test]
fn slow_starts_hold_up_nobodys_stop() {
    test(async |app| {
        let (ann, bob) = (with_plain(&app).await, app.person("bob", Role::Member).await);
        app.run().await;
        let up = app.workspace(&ann, "plain", "up").await;
        app.sim.hang(SimStep::Start, true);
        // As many as there are places, and one more.
        for number in 0..9 {
            let ask = json!({"template": "plain", "name": format!("slow-{number}")});
            bob.post("/api/v1/workspaces", ask).await.ok(201);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        app.begin(&ann, up, "stop").await;
        app.until(&ann, up, "stopped").await;
        app.sim.hang(SimStep::Start, false);
    });
}

#[test]
fn a_full_quota_is_refused_before_a_template_is_read() {
    test(async |app| {
        let ann = with_plain(&app).await;
        app.run().await;
        for number in 0..10 {
            app.workspace(&ann, "plain", &format!("w{number}")).await;
        }
        // Its script is not in the archive, which whoever reads it finds out.
        let manifest = format!("{PLAIN}\n[[scripts]]\nname = \"x\"\nrun = \"start\"\nfile = \"nowhere.sh\"\n");
        app.template("broken", &manifest).await;
        let ask = json!({"template": "broken", "name": "one-more"});
        let refused = ann.post("/api/v1/workspaces", ask.clone()).await;
        assert_eq!(refused.code(), "quota_exceeded");
        let bob = app.person("bob", Role::Member).await;
        let unreadable = bob.post("/api/v1/workspaces", ask).await.problem();
        assert_eq!(unreadable, ("invalid_fields".to_owned(), vec!["/template".to_owned()]));
    });
}
