//! `bailey exec`: a command in a workspace is as good as one here.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::relay::{bailey, noise, run, signal};
use crate::world::{World, test};

/// Whether a process with these words runs inside.
fn is_there(world: &mut World, at: std::net::SocketAddr, words: &str) -> bool {
    let script =
        format!("for d in /proc/[0-9]*; do tr '\\0' ' ' < $d/cmdline; echo; done 2>/dev/null | grep -c '^{words}'");
    let (_, out, _) = run(bailey(world, at, &["exec", "dev", "--", "sh", "-c", &script]), b"");
    String::from_utf8(out).unwrap().trim() != "0"
}

#[test]
fn outputs_status_arguments_and_input_are_the_commands_own() {
    test(|mut world| {
        let at = world.start();
        world.create("dev");
        let mut exec = |arguments: &[&str], input: &[u8]| {
            let command = bailey(&mut world, at, &[&["exec"], arguments].concat());
            run(command, input)
        };
        let script = "echo out; echo err >&2; exit 7";
        assert_eq!(
            exec(&["dev", "--", "sh", "-c", script], b""),
            (7, b"out\n".to_vec(), "err\n".into())
        );
        let literal = "a  b'\"$HOME`id`\\ ;|&\n=%+ü";
        let (_, out, _) = exec(&["dev", "--", "printf", "%s", literal], b"");
        assert_eq!(String::from_utf8(out).unwrap(), literal);
        let place = [
            "--directory",
            "/tmp",
            "--env",
            "A=b c=d",
            "dev",
            "--",
            "sh",
            "-c",
            "pwd; echo \"$A\"",
        ];
        assert_eq!(exec(&place, b"").1, b"/tmp\nb c=d\n");
        assert_eq!(exec(&["dev", "--", "wc", "-c"], b"12345").1, b"5\n");
        assert_eq!(exec(&["dev", "--", "cat"], b"").0, 0, "the end of input is passed on");
        assert_eq!(exec(&["dev", "--", "sh", "-c", "kill -9 $$"], b"").0, 137);
        assert_eq!(exec(&["--timeout", "1", "dev", "--", "sleep", "60"], b"").0, 124);
        let (status, _, said) = exec(&["dev", "--", "no-such-program"], b"");
        assert!(status == 126 && said.contains("workspace_refuses"), "{status} {said}");
        assert_eq!(exec(&["nowhere", "--", "true"], b"").0, 125);
        // Both outputs at once, more than any buffer holds.
        let script = "seq 300000; seq 300000 >&2";
        let (status, out, err) = exec(&["dev", "--", "sh", "-c", script], b"");
        let expected = (1..=300_000).fold(String::new(), |mut all, n| {
            all.push_str(&n.to_string());
            all.push('\n');
            all
        });
        assert!(status == 0 && out == expected.as_bytes() && err == expected);
    });
}

#[test]
fn fifty_megabytes_go_through_unchanged_both_ways() {
    test(|mut world| {
        let at = world.start();
        world.create("dev");
        let bytes = noise(50 << 20);
        let (status, out, said) = run(bailey(&mut world, at, &["exec", "dev", "--", "cat"]), &bytes);
        assert_eq!((status, said.as_str()), (0, ""));
        assert!(out == bytes);
        // A command that does not read its input ends all the same.
        assert_eq!(run(bailey(&mut world, at, &["exec", "dev", "--", "true"]), &bytes).0, 0);
    });
}

#[test]
fn signals_reach_the_command_and_a_hang_up_kills_it() {
    test(|mut world| {
        let at = world.start();
        world.create("dev");
        let script = "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done";
        let mut child = bailey(&mut world, at, &["exec", "dev", "--", "sh", "-c", script])
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        signal(child.id(), Signal::TERM);
        assert_eq!(child.wait().unwrap().code(), Some(9));

        let mut child = bailey(&mut world, at, &["exec", "dev", "--", "sleep", "86321"])
            .spawn()
            .unwrap();
        world.wait("it does not run", |world| is_there(world, at, "sleep 86321"));
        child.kill().unwrap();
        child.wait().unwrap();
        world.wait("it runs on", |world| !is_there(world, at, "sleep 86321"));
    });
}

#[test]
fn a_command_outlives_the_server_but_not_the_token() {
    test(|mut world| {
        let at = world.start();
        let id = world.create("dev");
        let mut child = bailey(&mut world, at, &["exec", "dev", "--", "sleep", "86322"])
            .spawn()
            .unwrap();
        world.wait("it does not run", |world| is_there(world, at, "sleep 86322"));
        world.server.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(125));
        let at = world.start_to_fail_at(None);
        world.wait("no link", |world| {
            world.api("GET", &format!("/workspaces/{id}/live"), None).1["connected"] == true
        });
        world.wait("it was ended", |world| is_there(world, at, "sleep 86322"));

        let scopes = json!(["workspaces.read", "workspaces.access"]);
        let (status, token) = world.api("POST", "/tokens", Some(json!({"name": "short", "scopes": scopes})));
        assert_eq!(status, 201, "{token}");
        let mut command = bailey(&mut world, at, &["exec", &id, "--", "sleep", "86323"]);
        command.env("BAILEY_TOKEN", token["token"].as_str().unwrap());
        let mut child = command.spawn().unwrap();
        world.wait("it does not run", |world| is_there(world, at, "sleep 86323"));
        let revoked = Instant::now();
        let path = format!("/tokens/{}", token["id"].as_str().unwrap());
        let (status, answer) = world.api("DELETE", &path, None);
        assert!(status < 300, "{answer}");
        assert_eq!(child.wait().unwrap().code(), Some(125));
        assert!(revoked.elapsed() < Duration::from_secs(5), "{:?}", revoked.elapsed());
        world.wait("it runs on", |world| !is_there(world, at, "sleep 86323"));
    });
}

#[test]
fn refusals_come_before_the_stream_and_have_codes() {
    test(|mut world| {
        let at = world.start();
        let id = world.create("dev");
        let exec = |world: &mut World, at| run(bailey(world, at, &["exec", "dev", "--", "true"]), b"").2;
        let (status, problem) = world.api("GET", &format!("/workspaces/{id}/exec?command=true"), None);
        assert_eq!((status, problem["code"].as_str()), (426, Some("upgrade_required")));
        world.lead(&id, "stop", "stopped");
        assert!(exec(&mut world, at).contains("`bailey start dev` starts it"));
        world.lead(&id, "start", "running");
        world.server.stop().unwrap();
        world.configure("browser_only = true\n");
        let at = world.start_to_fail_at(None);
        for path in [
            "terminal",
            "exec?command=true",
            "files?path=.bashrc",
            "files/list?path=.",
            "ports",
        ] {
            let (status, problem) = world.api("GET", &format!("/workspaces/{id}/{path}"), None);
            assert_eq!(
                (status, problem["code"].as_str()),
                (403, Some("browser_only")),
                "{path}"
            );
        }
        assert!(exec(&mut world, at).contains("explains `browser_only`"));
    });
}
