//! From a label to a merge request: only the model is scripted.

use std::future::Future;
use std::time::Duration;

use bailey_demo_forge::DeliveryFaults;
use bailey_forges::GitLab;
use bailey_forges::forge::Forge as _;
use bailey_forges::model::{MergeRequest, MergeRequestState};
use bailey_runtime::Tasks;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::tickets_world::{CONNECTIONS, PROJECT, World, world_with};

const SCENARIO: &str = r#"
rules:
  - match: { text: "and the moon" }
    answer: { text: "The moon is out of reach." }
  - match: { text: Work on ticket 1, tool_results: 0 }
    answer: { text: I look first., tools: [{ name: run, arguments: { command: "sh test.sh" } }] }
  - match: { tool_results: 1 }
    answer:
      tools:
        - name: run
          arguments:
            command: >-
              sed -i 's/{1:-}/{1:-world}/' greet.sh && sh test.sh && git -c user.name=Dan -c user.email=dan@demo.invalid
              commit -qam 'Greet the world' && git push -q "$(cat ../../../push-url)" HEAD
  - match: { tool_results: 2 }
    answer: { text: "Without a name the world is greeted, and `sh test.sh` passes." }
"#;

async fn until<T>(world: &World, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        world.work().await;
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            began.elapsed() < crate::tickets_world::PATIENCE,
            "not {what}: {:#?} {:#?}",
            world.runs().await,
            world.comments().await
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// The configuration of a model that does what `SCENARIO` says.
fn models(scenario: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scenario.yaml");
    std::fs::write(&file, scenario).unwrap();
    let text = format!(
        "[providers.demo]\nkind = \"mock\"\nscenarios = \"{}\"\n[[models]]\nname = \"large\"\ntier = \"$$\"\n\
         routes = [{{ provider = \"demo\", price = {{ input = \"3\", output = \"15\" }} }}]\n",
        file.display()
    );
    (dir, text)
}

/// Runs `body` with a worker of chats beside it, and an address to push to.
fn with_agents<F: Future<Output = ()>>(scenario: &str, body: impl FnOnce(Box<World>, GitLab) -> F) {
    let (_dir, models) = models(scenario);
    world_with(&models, async |world| {
        world.link().await;
        let token = world.forge.token_create("dan", "push", &["api"], None).unwrap();
        let url = world.forge.url().replace("http://", &format!("http://dan:{token}@"));
        std::fs::write(world.dir.path().join("push-url"), format!("{url}/{PROJECT}.git")).unwrap();
        let (stop, tasks) = (CancellationToken::new(), Tasks::new());
        let worker = tasks.spawn(world.app.app.chat_worker().run(stop.clone()));
        let dan = world.as_user(&token);
        body(Box::new(world), dan).await;
        stop.cancel();
        worker.await.unwrap();
    });
}

/// The merge request of the only run's branch.
async fn proposed(world: &World) -> Option<MergeRequest> {
    let runs = world.runs().await;
    let branch = runs.first()?["branch"].as_str()?.to_owned();
    let forge = world.as_user(&world.token);
    forge.merge_request(&world.project().await, &branch).await.unwrap()
}

async fn status(world: &World) -> String {
    let comments = world.comments().await;
    assert_eq!(comments.len(), 1, "{comments:#?}");
    comments[0].body.clone()
}

/// What dan asks of the forge, below its API.
async fn ask(world: &World, method: Method, path: &str, body: Value) -> Value {
    let token = world.forge.token_create("mia", "ask", &["api"], None).unwrap();
    let client = bailey_runtime::http::client(&bailey_runtime::http::ClientOptions::default()).unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("{}/api/v4/projects/demo%2Fgreeter{path}", world.forge.url()))
        .header("private-token", token)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let answer = client.request(request).await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_merge_request_that_is_closed_stays_closed_until_the_agent_goes_on() {
    with_agents(SCENARIO, async |world, dan| {
        world.label("mia", &["bailey-agent"], &[]);
        let made = until(&world, "a merge request", async || proposed(&world).await).await;
        until(&world, "told", async || {
            status(&world).await.contains("Merge request 1").then_some(())
        })
        .await;
        // What people write beside Bailey's part stays, and nothing is asked of the forge while nobody does anything.
        let path = format!("/merge_requests/{}", made.number);
        ask(
            &world,
            Method::PUT,
            &path,
            json!({"description": format!("- [ ] tried\n\n{}", made.body)}),
        )
        .await;
        ask(&world, Method::PUT, &path, json!({"state_event": "close"})).await;
        until(&world, "closed", async || {
            status(&world).await.contains("was closed").then_some(())
        })
        .await;
        for _ in 0..30 {
            world.work().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let found = proposed(&world).await.unwrap();
        assert_eq!((found.number, found.state), (1, MergeRequestState::Closed));
        // The agent is told more, and pushes nothing: it stays so.
        dan.comment_create(&world.project().await, 1, "and the moon")
            .await
            .unwrap();
        until(&world, "said again", async || {
            let chats: Value = world.dan.get("/api/v1/chats").await.ok(200);
            (chats["items"][0]["steps"] == 4 && chats["items"][0]["state"] == "waiting").then_some(())
        })
        .await;
        for _ in 0..10 {
            world.work().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(proposed(&world).await.unwrap().number, 1);
        assert_eq!(world.audit("tickets.propose").await.len(), 1);
    });
}

#[test]
fn a_merge_request_that_is_merged_ends_the_run() {
    with_agents(SCENARIO, async |world, _| {
        world.label("mia", &["bailey-agent"], &[]);
        until(&world, "a merge request", async || proposed(&world).await).await;
        // The forge closes the ticket with it, and may tell that first; here it tells nothing at all.
        world.forge.delivery_faults_set(DeliveryFaults {
            lose_every: Some(1),
            ..DeliveryFaults::default()
        });
        ask(&world, Method::PUT, "/merge_requests/1/merge", json!({})).await;
        until(&world, "done", async || {
            world.app.app.tickets_poll().await.unwrap();
            (world.runs().await[0]["state"] == "done").then_some(())
        })
        .await;
        world.work().await;
        let told = status(&world).await;
        assert!(
            told.contains("**Bailey: done**") && told.contains("Merge request 1"),
            "{told}"
        );
        assert_eq!(world.runs().await.len(), 1);
    });
}

#[test]
fn a_connection_that_is_turned_off_or_deleted_stops_what_it_began() {
    with_agents(SCENARIO, async |world, _| {
        let begun = async || {
            world.label("mia", &["bailey-agent"], &[]);
            until(&world, "at work", async || {
                let runs = world.runs().await;
                (runs.first()?["state"] == "ready").then_some(())
            })
            .await;
        };
        let newest = async || -> Value {
            let chats: Value = world.dan.get("/api/v1/chats").await.ok(200);
            chats["items"][0].clone()
        };
        begun().await;
        let path = format!("{CONNECTIONS}/demo");
        world.owner.patch(&path, json!({"enabled": false})).await.ok(200);
        until(&world, "stopped", async || {
            (world.runs().await[0]["state"] == "stopped").then_some(())
        })
        .await;
        assert_eq!(world.runs().await[0]["cause"], "the connection was turned off");
        assert_eq!(newest().await["state"], "cancelled");
        world.work().await;
        assert!(status(&world).await.contains("the connection was turned off"));
        // On again: what stands on tickets asks for nothing, and a new label does.
        world.owner.patch(&path, json!({"enabled": true})).await.ok(200);
        world.app.app.tickets_poll().await.unwrap();
        world.work().await;
        assert_eq!(world.runs().await.len(), 1);
        world.label("mia", &[], &["bailey-agent"]);
        begun().await;
        assert_eq!((world.runs().await.len(), &newest().await["cause"]), (2, &Value::Null));
        assert_eq!(world.owner.delete(&path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(newest().await["state"], "cancelled");
    });
}

#[test]
fn a_label_becomes_a_merge_request_whose_branch_passes_the_test() {
    with_agents(SCENARIO, async |world, dan| {
        world.label("mia", &["bailey-agent"], &[]);
        let made = until(&world, "a merge request", async || proposed(&world).await).await;
        assert_eq!(made.title, "Resolve ticket 1: Without a name nobody is greeted");
        for told in [
            "Closes #1",
            "the world is greeted",
            "`dan`",
            "`large`",
            "USD",
            "run_",
            "template plain version 1",
            "enforcement unrestricted",
            "no egress",
        ] {
            assert!(made.body.contains(told), "{told}: {}", made.body);
        }
        // One comment, which says where it is.
        let told = until(&world, "told", async || {
            let comments = world.comments().await;
            let only: &str = &comments.first()?.body;
            (comments.len() == 1 && only.contains("Merge request 1")).then(|| only.to_owned())
        })
        .await;
        assert!(
            told.contains("**Bailey: merge request**") && told.contains("/chats/ch_"),
            "{told}"
        );
        // What is at the forge passes the test.
        let clone = world.dir.path().join("looked-at");
        let branch = world.runs().await[0]["branch"].as_str().unwrap().to_owned();
        let git = std::process::Command::new("git")
            .args([
                "clone",
                "-q",
                "-b",
                &branch,
                &format!("{}/{PROJECT}.git", world.forge.url()),
            ])
            .arg(&clone)
            .status()
            .unwrap();
        assert!(git.success());
        assert!(
            std::process::Command::new("sh")
                .arg("test.sh")
                .current_dir(&clone)
                .status()
                .unwrap()
                .success()
        );

        // A comment reaches the agent once, and it goes on.
        dan.comment_create(&world.project().await, 1, "and the moon")
            .await
            .unwrap();
        let chats: Value = world.dan.get("/api/v1/chats").await.ok(200);
        let chat = chats["items"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/chats/{chat}/events");
        let said = until(&world, "answered", async || {
            let text = world.dan.get(&path).await.ok(200).to_string();
            text.contains("The moon is out of reach.").then_some(text)
        })
        .await;
        assert_eq!(said.matches("and the moon").count(), 2, "queued, then read: {said}");
    });
}
