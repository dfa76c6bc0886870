//! What chats are held to: the rights of whoever has an agent work.

use std::time::{Duration, Instant};

use bailey_core::authz::{Action, TokenScopes};
use serde_json::json;

use crate::agents::version;
use crate::chats::desk;

#[test]
fn who_may_not_go_into_a_workspace_has_no_agent_work_there() {
    desk("", async |desk| {
        let chat = desk.begin(json!({"message": "ask me"})).await;
        let found = desk.until(&chat, "requires_action").await;
        let call = found["awaiting"][0]["call"].as_str().unwrap();
        let scopes = |actions: &[Action]| TokenScopes::Only(actions.iter().copied().collect());
        let alone = [Action::ChatRead, Action::ChatWrite, Action::ChatStop];
        let writer = desk.app.with_scopes(&desk.ann, scopes(&alone)).await;
        let (of_workspace, of_chat) = (
            format!("/api/v1/workspaces/{}", desk.workspace),
            format!("/api/v1/chats/{chat}"),
        );
        for (path, body) in [
            (format!("{of_workspace}/chats"), json!({"message": "write it"})),
            (format!("{of_workspace}/task-runs"), json!({"task": "none"})),
            (format!("{of_chat}/messages"), json!({"text": "write it"})),
            (format!("{of_chat}/calls/{call}/answer"), json!({"text": "the left"})),
            (format!("{of_chat}/calls/{call}/plan"), json!({"accept": true})),
            (format!("{of_chat}/resume"), json!({})),
        ] {
            let refused = writer.post(&path, body).await;
            assert_eq!(refused.code(), "forbidden", "{path}");
            assert!(refused.text.contains("workspaces.access"), "{path}: {}", refused.text);
        }
        // To look at it, to call it something else and to end it takes no way in.
        writer.get(&of_chat).await.ok(200);
        writer.patch(&of_chat, json!({"title": "Left or right"})).await.ok(200);
        let goes_in = [alone.as_slice(), &[Action::WorkspaceAccess]].concat();
        let insider = desk.app.with_scopes(&desk.ann, scopes(&goes_in)).await;
        let path = format!("{of_chat}/calls/{call}/answer");
        insider.post(&path, json!({"text": "the left"})).await.ok(200);
        desk.until(&chat, "waiting").await;
        writer.post(&format!("{of_chat}/finish"), json!({})).await.ok(200);
    });
}

#[test]
fn a_background_process_ends_with_its_chat() {
    desk("", async |desk| {
        let [one, other] = [
            desk.begin(json!({"message": "serve it"})).await,
            desk.begin(json!({"message": "serve it"})).await,
        ];
        desk.until(&one, "waiting").await;
        desk.until(&other, "waiting").await;
        // Longer than between two looks: a chat that waits is not over.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!((desk.inside.ran().len(), desk.inside.hung_up()), (2, 0));
        desk.act(&one, "finish", json!({})).await.ok(200);
        let began = Instant::now();
        while desk.inside.hung_up() == 0 {
            assert!(began.elapsed() < Duration::from_secs(15), "it runs on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(desk.inside.hung_up(), 1, "the other chat's runs on");
        desk.act(&other, "stop", json!({})).await.ok(200);
        while desk.inside.hung_up() < 2 {
            assert!(began.elapsed() < Duration::from_secs(30), "it runs on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn a_workspace_that_somebody_stopped_stays_down_until_the_chat_is_wanted_again() {
    desk("", async |desk| {
        let chat = desk.begin(json!({"message": "hang"})).await;
        desk.until(&chat, "tool").await;
        let began = Instant::now();
        while desk.inside.ran().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(15), "it does not run");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        desk.app.clock.advance(1);
        desk.app.begin(&desk.app.owner().await, desk.workspace, "stop").await;
        let found = desk.until(&chat, "paused").await;
        assert_eq!(found["cause"], "workspace");
        let found = desk.app.until(&desk.ann, desk.workspace, "stopped").await;
        assert_eq!(found["build"]["number"], 2, "nobody starts it: {found:#}");
        let events = desk.events(&chat).await;
        let note = events.iter().rfind(|event| event["kind"] == "note").unwrap();
        assert!(note["text"].as_str().unwrap().contains("somebody stopped it"), "{note}");

        desk.app.clock.advance(1);
        desk.act(&chat, "resume", json!({})).await.ok(200);
        desk.app.until(&desk.ann, desk.workspace, "running").await;
        let began = Instant::now();
        while desk.inside.ran().len() < 2 {
            assert!(began.elapsed() < Duration::from_secs(15), "it does not go on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn a_model_that_chats_may_not_use_any_more_is_asked_by_none_that_goes_on() {
    desk("", async |desk| {
        let begin = async |model: &str| {
            let chat = desk.begin(json!({"message": "write it", "model": model})).await;
            desk.until(&chat, "waiting").await;
            chat
        };
        let [large, other] = [begin("large").await, begin("other").await];
        let template = desk.app.store.template_by_name("plain").await.unwrap().unwrap();
        let mut push = version("[base]\nroot = \"host\"\n[chat]\nmodels = [\"large\"]\n");
        push.digest = "0001";
        desk.app.store.template_version_push(template.id, &push).await.unwrap();
        let update = format!("/api/v1/workspaces/{}/update", desk.workspace);
        desk.ann.post(&update, json!({})).await.ok(202);
        desk.app.until(&desk.ann, desk.workspace, "running").await;

        desk.act(&other, "messages", json!({"text": "ask me"})).await.ok(200);
        let found = desk.until(&other, "paused").await;
        assert_eq!(found["cause"], "model_failed");
        let events = desk.events(&other).await;
        let note = events.iter().rfind(|event| event["kind"] == "note").unwrap();
        assert_eq!(
            note["text"],
            "The model other is none that chats in this workspace may use; they may use large."
        );
        desk.act(&large, "messages", json!({"text": "ask me"})).await.ok(200);
        let found = desk.until(&large, "waiting").await;
        assert!(found["steps"].as_u64().unwrap() > 2, "it was asked: {found:#}");
    });
}
