//! What an agent says, and one that says what no agent says.

use std::collections::BTreeMap;
use std::time::Duration;

use bailey_api::agent::{AgentStatus, FromAgent, FromServer, Purpose, Reading};
use bailey_core::WorkspaceId;
use bailey_link::PurposeError;
use serde_json::json;

use super::{live_keys, with_plain};
use crate::agents::{Link, Running, Talk, dial};
use crate::harness::{TestApp, test};

/// Links in the place of a workspace's agent, and is welcome.
async fn instead(app: &TestApp, running: &Running, id: WorkspaceId) -> (Link, Talk) {
    let token = app.sim.token(id).unwrap();
    running.agents.leave(id);
    let link = dial(running.addr, token.expose(), "interactive").await.unwrap();
    let mut talk = link.talk().await.unwrap();
    talk.hello(true).await;
    assert!(matches!(talk.hear().await, Some(FromServer::Welcome { .. })));
    (link, talk)
}

#[test]
fn a_log_ends_where_it_is_full_and_says_so() {
    test(async |app| {
        let ann = with_plain(&app).await;
        let running = app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        let (_link, mut talk) = instead(&app, &running, id).await;
        let mut bytes = Vec::new();
        for number in 1..=1_100 {
            let said = FromAgent::Log {
                number,
                source: "app:chatty".to_owned(),
                at: 0,
                text: "x".repeat(5_000),
            };
            serde_json::to_writer(&mut bytes, &said).unwrap();
            bytes.push(b'\n');
        }
        talk.say_bytes(&bytes).await;
        // All of it is acknowledged, or the agent would keep it for ever.
        while talk.hear().await.expect("the stream goes on") != (FromServer::LogStored { number: 1_100 }) {}
        let log = app.log(&ann, id, 1).await;
        let chatty = log.iter().filter(|text| **text == "x".repeat(4_096)).count();
        assert_eq!(chatty, 1_024, "4 MiB");
        assert!(
            log.last()
                .unwrap()
                .starts_with("the log is full, at 10000 lines or 4 MiB"),
            "{:?}",
            log.last()
        );
    });
}

#[test]
fn a_key_that_a_script_prints_is_in_no_log() {
    test(async |app| {
        let ann = with_plain(&app).await;
        let running = app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        let key = running.agents.keys(id).pop().unwrap();
        let (_link, mut talk) = instead(&app, &running, id).await;
        // As `env` prints it, and in a line that is too long and goes on in the next.
        let (head, rest) = key.split_at(40);
        let texts = [
            format!("BAILEY_KEY={key}"),
            format!("{} {head}", "x".repeat(100)),
            format!("{rest} end"),
        ];
        for (number, text) in (1..).zip(texts) {
            let said = FromAgent::Log {
                number,
                source: "script:start".to_owned(),
                at: 0,
                text,
            };
            talk.say(&said).await;
        }
        while talk.hear().await.expect("the stream goes on") != (FromServer::LogStored { number: 3 }) {}
        let log = app.log(&ann, id, 1).await;
        let expected = [
            "BAILEY_KEY=[masked]".to_owned(),
            format!("{} [masked]", "x".repeat(100)),
            "[masked] end".to_owned(),
        ];
        assert!(log.ends_with(&expected), "{log:#?}");
    });
}

#[test]
fn an_agent_that_misbehaves_is_cut_off_and_then_stopped_with_the_reason() {
    test(async |app| {
        let ann = with_plain(&app).await;
        let running = app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        let token = app.sim.token(id).unwrap();
        running.agents.leave(id);
        let long = vec![b'x'; 300 << 10];
        for bytes in [&long[..], b"{}\n".repeat(33).as_slice(), &long] {
            let link = dial(running.addr, token.expose(), "interactive").await.unwrap();
            link.talk().await.unwrap().say_bytes(bytes).await;
            link.ended().await;
        }
        let stopped = app.until(&ann, id, "stopped").await;
        assert_eq!(
            stopped["build"]["reason"],
            "stopped because its agent was cut off 3 times, the last time because it said a line of more than 256 KiB"
        );
        assert_eq!(live_keys(&app, id).await, 0);
    });
}

#[test]
fn what_an_agent_shows_is_what_its_template_asks_for_and_no_more_than_anybody_reads() {
    test(async |app| {
        let ann = with_plain(&app).await;
        let running = app.run().await;
        let id = app.workspace(&ann, "plain", "one").await;
        let (link, mut talk) = instead(&app, &running, id).await;
        let reading = Reading {
            display_name: "Load".to_owned(),
            value: "v".repeat(60_000),
            error: None,
            at: 0,
        };
        let metadata = ["load", "other"].map(|name| (name.to_owned(), reading.clone()));
        let status = AgentStatus {
            metadata: BTreeMap::from(metadata),
            apps: BTreeMap::new(),
        };
        talk.say(&FromAgent::Status(status)).await;
        let path = format!("/api/v1/workspaces/{id}/live");
        let live = loop {
            let live = ann.get(&path).await.ok(200);
            if live["metadata"] != json!({}) {
                break live;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(live["metadata"]["load"]["value"].as_str().unwrap().len(), 4_096);
        assert_eq!(live["metadata"].as_object().unwrap().len(), 1);
        // Another stream than those of agents is refused, and ends nothing.
        let refused = link.open(&Purpose::Http).await;
        assert!(matches!(refused, Err(PurposeError::Refused(why)) if why == "agents open no such streams"));
        app.until(&ann, id, "running").await;
    });
}
