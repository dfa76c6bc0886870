//! kill -9: of the server at each step of a build, and of the agent.

use serde_json::json;

use crate::world::{World, call, test};

/// Dies while a workspace is made; whoever comes next makes it.
fn dies_on_the_way_up(failpoint: &str) {
    test(|mut world| {
        world.template(1);
        world.start_to_fail_at(Some(failpoint));
        let body = json!({"template": "probe", "name": "dev"});
        // The server may die before it has answered.
        if let Ok((status, answer)) = world.try_api("POST", "/workspaces", Some(body)) {
            assert_eq!(status, 201, "{answer:#}");
        }
        world.server.wait_ended().unwrap();
        let addr = world.start_to_fail_at(None);
        let (_, page) = world.api("GET", "/workspaces", None);
        let id = page["items"][0]["id"].as_str().unwrap().to_owned();
        let found = world.until(&id, "running");
        assert_eq!(found["build"]["number"], 1, "the same build goes on: {found:#}");
        assert_eq!(world.home_file("starts"), "version 1\n", "it was started once");
        let key = world.key();
        assert_eq!((call(addr, &key), world.live_keys(&id)), (200, 1));
        world.delete(&id);
    });
}

/// Dies while a workspace is stopped or deleted; whoever comes next ends it.
fn dies_on_the_way_down(failpoint: &str, delete: bool) {
    test(|mut world| {
        world.start();
        let id = world.create("dev");
        let key = world.key();
        world.server.stop().unwrap();
        world.start_to_fail_at(Some(failpoint));
        world.wait("the link does not come back", |world| {
            world.until(&id, "running")["connected"] == true
        });
        let _ = if delete {
            world.try_api("DELETE", &format!("/workspaces/{id}"), None)
        } else {
            world.try_api("POST", &format!("/workspaces/{id}/stop"), None)
        };
        world.server.wait_ended().unwrap();
        let addr = world.start_to_fail_at(None);
        if delete {
            world.until(&id, "deleted");
            assert_eq!(call(addr, &key), 401);
            return world.gone(&id);
        }
        world.until(&id, "stopped");
        world.nothing_runs();
        assert_eq!((call(addr, &key), world.live_keys(&id)), (401, 0));
        assert_eq!(World::cgroups(&id), Vec::<std::path::PathBuf>::new());
        world.lead(&id, "start", "running");
        assert!(world.home_file("starts").ends_with("version 1\n"));
        world.delete(&id);
    });
}

#[test]
fn killed_when_a_build_is_queued() {
    dies_on_the_way_up("build.queued");
}

#[test]
fn killed_before_the_home_is_made() {
    dies_on_the_way_up("build.home");
}

#[test]
fn killed_when_the_agent_is_started() {
    dies_on_the_way_up("build.agent_started");
}

#[test]
fn killed_when_the_workspace_is_ready() {
    dies_on_the_way_up("build.ready");
}

#[test]
fn killed_before_a_build_is_finished() {
    dies_on_the_way_up("build.finish");
}

#[test]
fn killed_when_the_agent_is_stopped() {
    dies_on_the_way_down("stop.agent", false);
}

#[test]
fn killed_when_the_key_is_revoked() {
    dies_on_the_way_down("stop.key", false);
}

#[test]
fn killed_before_a_stop_is_finished() {
    dies_on_the_way_down("build.finish", false);
}

#[test]
fn killed_when_the_home_is_removed() {
    dies_on_the_way_down("delete.home", true);
}

#[test]
fn killed_when_a_deletion_has_stopped_the_agent() {
    dies_on_the_way_down("stop.agent", true);
}

#[test]
fn an_agent_that_is_killed_is_noticed_and_told_and_takes_everything_with_it() {
    test(|mut world| {
        let addr = world.start();
        let id = world.create("dev");
        let key = world.key();
        let lock = std::fs::read_to_string(world.data.join("workspaces").join(&id).join("lock")).unwrap();
        let pid = rustix::process::Pid::from_raw(lock.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let stopped = world.until(&id, "stopped");
        let reason = stopped["build"]["reason"].as_str().unwrap();
        assert!(reason.starts_with("its agent has ended"), "{reason}");
        world.nothing_runs();
        assert_eq!((call(addr, &key), world.live_keys(&id)), (401, 0));
        assert_eq!(World::cgroups(&id), Vec::<std::path::PathBuf>::new());
        world.lead(&id, "start", "running");
        assert_eq!(world.home_file("starts"), "version 1\nversion 1\n");
        world.delete(&id);
    });
}

#[test]
fn an_agent_that_is_killed_while_the_server_is_away_is_noticed_when_it_is_back() {
    test(|mut world| {
        world.start();
        let id = world.create("dev");
        world.server.kill().unwrap();
        let lock = std::fs::read_to_string(world.data.join("workspaces").join(&id).join("lock")).unwrap();
        let pid = rustix::process::Pid::from_raw(lock.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        world.server.start().unwrap();
        world.until(&id, "stopped");
        world.nothing_runs();
        assert_eq!(world.live_keys(&id), 0);
    });
}

#[test]
fn killed_when_a_build_has_just_ended() {
    test(|mut world| {
        world.template(1);
        world.start_to_fail_at(Some("build.ended"));
        let _ = world.try_api("POST", "/workspaces", Some(json!({"template": "probe", "name": "dev"})));
        world.server.wait_ended().unwrap();
        world.start_to_fail_at(None);
        let (_, page) = world.api("GET", "/workspaces", None);
        let id = page["items"][0]["id"].as_str().unwrap().to_owned();
        let (_, log) = world.api("GET", &format!("/workspaces/{id}/builds/1/log"), None);
        let said = |text: &str| log["items"].as_array().unwrap().iter().any(|line| line["text"] == text);
        assert!(said("starting the workspace") && said("done"), "{log:#}");
        world.until(&id, "running");
        world.delete(&id);
    });
}
