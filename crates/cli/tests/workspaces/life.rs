//! What stays and what goes over a workspace's life.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bailey_testkit::http::Call;
use serde_json::{Value, json};

use crate::world::{World, call, message, test};

#[test]
fn a_file_survives_and_a_key_lives_from_start_to_stop() {
    test(|mut world| {
        let addr = world.start();
        let id = world.create("dev");
        let key = world.key();
        let inside = world.through_gate(&message(&key));
        assert!(inside.contains("HTTP/1.1 200 "), "{inside}");
        // Another key is refused inside, be it as good as it may.
        let (_, other) = world.server.key(&["--name", "other", "--scope", "user"]).unwrap();
        assert_eq!(call(addr, &other), 200);
        let refused = world.through_gate(&message(&other));
        assert!(
            refused.contains("HTTP/1.1 401 ") && refused.contains("key_not_of_workspace"),
            "{refused}"
        );
        let (_, keys) = world.api("GET", &format!("/keys?workspace={id}"), None);
        assert_eq!(
            keys["items"][0]["metadata"]["enforcement_level"], "standard",
            "{keys:#}"
        );
        assert_eq!(keys["items"][0]["rpm"], 30, "{keys:#}");

        world.lead(&id, "stop", "stopped");
        world.nothing_runs();
        assert_eq!(World::cgroups(&id), Vec::<std::path::PathBuf>::new());
        assert_eq!((call(addr, &key), world.live_keys(&id)), (401, 0));
        world.lead(&id, "start", "running");
        assert_eq!(world.home_file("starts"), "version 1\nended\nversion 1\n");
        let second = world.key();
        assert_ne!(second, key);
        assert_eq!(
            (call(addr, &key), call(addr, &second), world.live_keys(&id)),
            (401, 200, 1)
        );
        world.delete(&id);
        assert_eq!(call(addr, &second), 401);
    });
}

#[test]
fn an_agent_s_token_is_refused_after_stop() {
    test(|mut world| {
        // An agent that writes down what it is started with.
        let (agent, told) = (world.dir().join("agent"), world.dir().join("told"));
        let real = Path::new(env!("CARGO_BIN_EXE_bailey")).with_file_name("bailey-agent");
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = run ]; then\n  cat > {0}; exec {1} run < {0}\nfi\nexec {1} \"$@\"\n",
            told.display(),
            real.display()
        );
        fs::write(&agent, script).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&agent, executable).unwrap();
        world.configure(&format!("agent = {:?}\n", agent.display().to_string()));
        let addr = world.start();
        let id = world.create("dev");
        let told: Value = serde_json::from_slice(&fs::read(told).unwrap()).unwrap();
        let token = told["token"].as_str().unwrap().to_owned();
        let dial = || {
            Call::bare("GET", "/api/v1/agent/link?class=bulk")
                .bearer(&token)
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .send(addr)
                .unwrap()
                .status
        };
        // The upgrade is refused for its own reason (two `connection` headers), or taken: the token is good.
        assert_ne!(dial(), 401);
        world.until(&id, "running");
        world.lead(&id, "stop", "stopped");
        assert_eq!(dial(), 401);
        // Nor does it open anything else.
        let other = Call::bare("GET", "/api/v1/workspaces")
            .bearer(&token)
            .send(addr)
            .unwrap();
        assert_eq!(other.status, 401);
    });
}

#[test]
fn everything_inside_runs_on_while_the_server_is_away_and_again() {
    test(|mut world| {
        world.start();
        let id = world.create("dev");
        let (pid, key) = (world.one_inside(), world.key());
        for kill in [false, true] {
            if kill {
                world.server.kill().unwrap();
            } else {
                world.server.stop().unwrap();
            }
            assert_eq!(world.inside(), [pid]);
            let addr = world.server.start().unwrap();
            world.wait("the link does not come back", |world| {
                world.until(&id, "running")["connected"] == true
            });
            assert_eq!((world.one_inside(), call(addr, &key)), (pid, 200));
            let answer = world.through_gate(&message(&key));
            assert!(answer.contains("HTTP/1.1 200 "), "{answer}");
        }
        assert_eq!(world.live_keys(&id), 1);
        world.delete(&id);
    });
}

#[test]
fn a_template_that_changes_in_between_is_taken_up_by_update_alone() {
    test(|mut world| {
        world.start();
        let id = world.create("dev");
        world.server.stop().unwrap();
        world.template(2);
        world.server.start().unwrap();
        // An agent that has not linked again yet is stopped without its scripts.
        world.wait("the link does not come back", |world| {
            world.until(&id, "running")["connected"] == true
        });
        let found = world.until(&id, "running");
        assert_eq!((&found["version"], &found["outdated"]), (&json!(1), &json!(true)));
        world.lead(&id, "restart", "running");
        let (status, begun) = world.api("POST", &format!("/workspaces/{id}/update"), Some(json!({})));
        assert_eq!(status, 202, "{begun:#}");
        let found = world.until(&id, "running");
        assert_eq!((&found["version"], &found["outdated"]), (&json!(2), &json!(false)));
        assert_eq!(
            world.home_file("starts"),
            "version 1\nended\nversion 1\nended\nversion 2\n"
        );
        world.delete(&id);
    });
}

#[test]
fn no_two_builds_run_at_once_under_many_starts() {
    test(|mut world| {
        let addr = world.start();
        let id = world.create("dev");
        world.lead(&id, "stop", "stopped");
        let token = world.server.token().unwrap();
        let path = format!("/api/v1/workspaces/{id}/start");
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let one = || Call::bare("POST", &path).bearer(&token).send(addr).unwrap().status;
            let threads: Vec<_> = (0..32).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(
            statuses.iter().filter(|status| **status == 202).count(),
            1,
            "{statuses:?}"
        );
        let others: HashSet<u16> = statuses.into_iter().filter(|status| *status != 202).collect();
        assert_eq!(others, HashSet::from([409]));
        world.until(&id, "running");
        world.one_inside();
        assert_eq!(world.live_keys(&id), 1);
        world.delete(&id);
    });
}

#[test]
fn suspension_ends_a_workspace_within_seconds() {
    test(|mut world| {
        let addr = world.start();
        let (status, made) = world.api("POST", "/users", Some(json!({"name": "ann"})));
        assert_eq!(status, 201, "{made:#}");
        let output = world
            .server
            .run(&[
                "admin",
                "token",
                "create",
                "--user",
                "ann",
                "--data-dir",
                &world.data.clone().to_string_lossy(),
            ])
            .unwrap();
        let ann = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        let body = json!({"template": "probe", "name": "hers"});
        let made = Call::post("/api/v1/workspaces", &body).bearer(&ann).send(addr).unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
        let id = made.json().unwrap()["id"].as_str().unwrap().to_owned();
        world.until(&id, "running");
        let key = world.key();
        let (status, _) = world.api("PATCH", "/users/ann", Some(json!({"status": "suspended"})));
        assert_eq!((status, call(addr, &key)), (200, 401));
        let began = std::time::Instant::now();
        let stopped = world.until(&id, "stopped");
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        assert_eq!(
            stopped["build"]["reason"],
            "stopped because `ann`, who owns it, was suspended"
        );
        world.nothing_runs();
        assert_eq!(world.live_keys(&id), 0);
    });
}
