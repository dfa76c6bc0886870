//! Agents in real workspaces, with a scripted model: what they do is done as the workspace's user, and a server that is killed in
//! the middle of it goes on where it was.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::relay::bailey;
use crate::world::{World, test};

pub(crate) const SCENARIO: &str = r#"
rules:
  - match: { text: mend it, tool_results: 0 }
    answer:
      text: I look at it.
      tools: [{ name: read, arguments: { path: sum.sh } }]
  - match: { text: mend it, tool_results: 1 }
    answer: { tools: [{ name: edit, arguments: { path: sum.sh, old: "1 - 1", new: "1 + 1" } }] }
  - match: { text: mend it, tool_results: 2 }
    answer: { tools: [{ name: run, arguments: { command: "id -u; test $(bash sum.sh) = 2 && echo passed" } }] }
  - match: { text: mend it, tool_result: passed }
    answer: { text: The test passes. }
  - match: { text: wait long, tool_results: 0 }
    answer: { tools: [{ name: run, arguments: { command: "echo begun >> log.txt; sleep 600" } }] }
  - match: { text: wait long, tool_result: "Unknown:" }
    answer: { text: I do not repeat it. }
  - match: { text: which one, tool_results: 0 }
    answer: { text: I ask., tools: [{ name: ask, arguments: { question: "Left or right?" } }] }
  - match: { text: which one, tool_result: the left }
    answer: { text: Left it is. }
  - match: { text: serve it, tool_results: 0 }
    answer: { tools: [{ name: run, arguments: { command: "read line; echo got $line; sleep 600", background: true } }] }
  - match: { text: serve it, tool_results: 1 }
    answer: { tools: [{ name: process, arguments: { process: process-1, action: input, text: "hello\n" } }] }
  - match: { text: serve it, tool_results: 2 }
    answer: { tools: [{ name: process, arguments: { process: process-1, action: output, wait_seconds: 20 } }] }
  - match: { text: serve it, tool_results: 3 }
    answer: { tools: [{ name: process, arguments: { process: process-1, action: stop } }] }
  - match: { text: serve it, tool_results: 4 }
    answer: { text: Served. }
"#;

fn begin(world: &mut World, workspace: &str, message: &str) -> String {
    let path = format!("/workspaces/{workspace}/chats");
    let (status, chat) = world.api("POST", &path, Some(json!({ "message": message })));
    assert_eq!(status, 201, "{chat:#}");
    chat["id"].as_str().unwrap().to_owned()
}

fn until(world: &mut World, chat: &str, state: &str) -> Value {
    let mut last = Value::Null;
    world.wait(&format!("the chat is not {state}"), |world| {
        let (_, found) = world.api("GET", &format!("/chats/{chat}"), None);
        let is = found["state"] == state;
        let over = ["failed", "cancelled"].contains(&found["state"].as_str().unwrap_or_default());
        assert!(is || !over, "{found:#} {:#}", results(world, chat));
        last = found;
        is
    });
    last
}

/// The results of a chat's tool calls, in order.
fn results(world: &mut World, chat: &str) -> Value {
    let (_, page) = world.api("GET", &format!("/chats/{chat}/events"), None);
    let items = page["items"].as_array().unwrap().iter();
    items
        .filter(|event| ["tool_result", "note"].contains(&event["kind"].as_str().unwrap()))
        .map(|event| json!([event["outcome"], event["text"]]))
        .collect()
}

#[test]
fn an_agent_edits_a_file_and_runs_its_test() {
    test(|mut world| {
        world.start();
        let id = world.create("dev");
        let pid = world.one_inside();
        let file = format!("/proc/{pid}/root/home/dev/sum.sh");
        std::fs::write(&file, "echo $((1 - 1))\n").unwrap();
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        std::fs::set_permissions(&file, permissions).unwrap();
        let chat = begin(&mut world, &id, "mend it");
        let found = until(&mut world, &chat, "waiting");
        let results = results(&mut world, &chat);
        assert_eq!(found["steps"], 4, "{results:#}");
        assert_eq!(
            results[2],
            json!(["ok", "1000\npassed\n[exit status 0]"]),
            "{results:#}"
        );
        assert_eq!(world.home_file("sum.sh"), "echo $((1 + 1))\n");

        let chat = begin(&mut world, &id, "serve it");
        until(&mut world, &chat, "waiting");
        let said = self::results(&mut world, &chat);
        assert!(said[2][1].as_str().unwrap().starts_with("got hello\n"), "{said:#}");
        assert_eq!(said[3][0], "ok", "{said:#}");
        world.delete(&id);
        let (_, found) = world.api("GET", &format!("/chats/{chat}"), None);
        assert_eq!(
            (&found["state"], &found["cause"]),
            (&json!("cancelled"), &json!("workspace_deleted"))
        );
    });
}

#[test]
fn a_tool_call_that_a_crash_made_unknown_is_reported_and_not_run_again() {
    test(|mut world| {
        world.start();
        let id = world.create("dev");
        let chat = begin(&mut world, &id, "wait long");
        until(&mut world, &chat, "tool");
        world.one_inside();
        world.wait("the command does not begin", |world| {
            let pid = world.inside()[0];
            std::fs::read_to_string(format!("/proc/{pid}/root/home/dev/log.txt")).is_ok()
        });
        world.server.kill().unwrap();
        world.server.start().unwrap();
        let found = until(&mut world, &chat, "waiting");
        let results = results(&mut world, &chat);
        assert_eq!(
            (&results[0][0], &found["steps"]),
            (&json!("unknown"), &json!(2)),
            "{results:#}"
        );
        assert_eq!(world.home_file("log.txt"), "begun\n", "it ran once");
        world.delete(&id);
    });
}

#[test]
fn the_command_line_shows_an_agent_at_work_and_asks_what_it_asks() {
    test(|mut world| {
        let addr = world.start();
        let id = world.create("dev");
        let mut command = bailey(&mut world, addr, &["chat", "dev", "which", "one"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"the left\n").unwrap();
        let ended = child.wait_with_output().unwrap();
        let (said, notes) = (
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr),
        );
        assert!(ended.status.success(), "{said}\n{notes}");
        assert_eq!(said, "I ask.\nLeft it is.\n", "{notes}");
        assert!(
            notes.contains("Left or right?") && notes.contains("answer: ") && notes.contains("2 steps"),
            "{notes}"
        );
        let listed = bailey(&mut world, addr, &["chats", "list", "--output", "json"])
            .output()
            .unwrap();
        let page: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let chat = page["items"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(page["items"][0]["state"], "waiting");
        let shown = bailey(&mut world, addr, &["chats", "show", &chat]).output().unwrap();
        assert!(String::from_utf8_lossy(&shown.stdout).contains("which one"));
        let stopped = bailey(&mut world, addr, &["chats", "stop", &chat]).output().unwrap();
        assert!(String::from_utf8_lossy(&stopped.stdout).contains("cancelled (stopped)"));
        world.delete(&id);
    });
}
