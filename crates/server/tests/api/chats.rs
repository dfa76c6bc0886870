//! Chats over the API: a scripted model, tools in a simulated workspace, and what is recorded of it.

use std::time::{Duration, Instant};

use bailey_core::WorkspaceId;
use bailey_core::authz::Role;
use bailey_runtime::Tasks;
use http::{Method, Request};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::agents::Running;
use crate::harness::{Client, TestApp, test_with_models};
use crate::inside::Inside;

const PATIENCE: Duration = Duration::from_secs(30);

const SCENARIO: &str = r#"
rules:
  - match: { text: write it, tool_results: 0 }
    answer:
      text: I write it.
      tools:
        - { name: write, arguments: { path: notes.txt, content: "one two" } }
        - { name: run, arguments: { command: check } }
  - match: { text: write it, tool_results: 2 }
    answer: { text: It is written. }
  - match: { text: ask me, tool_results: 0 }
    answer: { tools: [{ name: ask, arguments: { question: "Which one?" } }] }
  - match: { text: ask me, tool_result: the left }
    answer: { text: Left it is. }
  - match: { text: plan it, tool_results: 0 }
    answer: { tools: [{ name: run, arguments: { command: too early } }] }
  - match: { text: plan it, tool_results: 1 }
    answer: { tools: [{ name: propose_plan, arguments: { plan: "1. touch" } }] }
  - match: { text: plan it, tool_result: "2. look" }
    answer: { tools: [{ name: run, arguments: { command: touched } }] }
  - match: { text: plan it, tool_results: 3 }
    answer: { text: As planned. }
  - match: { text: go on, tool_results: 0 }
    answer: { tools: [{ name: run, arguments: { command: first } }] }
  - match: { text: go on, tool_results: 1 }
    answer: { tools: [{ name: run, arguments: { command: second } }] }
  - match: { text: go on }
    answer: { text: Both ran. }
  - match: { text: serve it, tool_results: 0 }
    answer: { tools: [{ name: run, arguments: { command: hang, background: true } }] }
  - match: { text: serve it }
    answer: { text: It serves. }
  - match: { text: hang }
    answer: { tools: [{ name: run, arguments: { command: hang } }] }
"#;

/// An application whose worker runs, and a person with a workspace.
pub(crate) struct Desk {
    pub(crate) app: TestApp,
    running: Running,
    pub(crate) inside: Inside,
    pub(crate) ann: Client,
    pub(crate) workspace: WorkspaceId,
    stop: CancellationToken,
}

pub(crate) fn desk<F: Future<Output = ()>>(chats: &str, body: impl FnOnce(Desk) -> F) {
    desk_of((SCENARIO, "[base]\nroot = \"host\"\n"), chats, body);
}

/// A desk with a scripted model and a template for its workspace.
pub(crate) fn desk_of<F: Future<Output = ()>>(
    (scenario, template): (&str, &str),
    chats: &str,
    body: impl FnOnce(Desk) -> F,
) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scenario.yaml");
    std::fs::write(&file, scenario).unwrap();
    let models = format!(
        "[providers.demo]\nkind = \"mock\"\nscenarios = \"{}\"\n\
         [[models]]\nname = \"large\"\nmax_output = 2000\nroutes = [{{ provider = \"demo\", price = {{ input = \"3\", output = \"15\" }} }}]\n\
         [[models]]\nname = \"other\"\nroutes = [{{ provider = \"demo\", price = {{ input = \"3\", output = \"15\" }} }}]\n{chats}",
        file.display()
    );
    test_with_models(&models, async |app| {
        let running = app.run().await;
        let inside = Inside::default();
        running.agents.serve(&inside);
        app.template("plain", template).await;
        let ann = app.person("ann", Role::Member).await;
        let workspace = app.workspace(&ann, "plain", "dev").await;
        let stop = CancellationToken::new();
        let tasks = Tasks::new();
        let worker = tasks.spawn(app.app.chat_worker().run(stop.clone()));
        let desk = Desk {
            app,
            running,
            inside,
            ann,
            workspace,
            stop: stop.clone(),
        };
        Box::pin(body(desk)).await;
        stop.cancel();
        worker.await.unwrap();
    });
}

impl Desk {
    pub(crate) async fn begin(&self, body: Value) -> String {
        let path = format!("/api/v1/workspaces/{}/chats", self.workspace);
        let made = self.ann.post(&path, body).await.ok(201);
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn until(&self, chat: &str, state: &str) -> Value {
        let began = Instant::now();
        loop {
            let found = self.ann.get(&format!("/api/v1/chats/{chat}")).await.ok(200);
            if found["state"] == state {
                return found;
            }
            let over = ["failed", "cancelled"].contains(&found["state"].as_str().unwrap());
            let late = over || began.elapsed() > PATIENCE;
            let events = if late { self.events(chat).await } else { Vec::new() };
            assert!(!late, "not {state}: {found:#} {events:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn events(&self, chat: &str) -> Vec<Value> {
        let page = self.ann.get(&format!("/api/v1/chats/{chat}/events")).await.ok(200);
        page["items"].as_array().unwrap().clone()
    }

    pub(crate) async fn act(&self, chat: &str, what: &str, body: Value) -> crate::harness::Reply {
        self.ann.post(&format!("/api/v1/chats/{chat}/{what}"), body).await
    }

    /// The stream of a chat that is over, from behind an event.
    async fn stream(&self, chat: &str, after: u64) -> String {
        let request = Request::builder()
            .method(Method::GET)
            .uri(format!("/api/v1/chats/{chat}/events"))
            .header("accept", "text/event-stream")
            .header("last-event-id", after.to_string());
        let reply = self.ann.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.text
    }
}

fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["kind"] == kind).collect()
}

#[test]
fn an_agent_works_in_the_workspace_and_all_of_it_is_on_record() {
    desk("", async |desk| {
        let options = format!("/api/v1/workspaces/{}/chats/options", desk.workspace);
        let options = desk.ann.get(&options).await.ok(200);
        assert_eq!(
            (&options["model"], &options["limits"]["steps"]),
            (&json!("large"), &json!(200))
        );
        let chat = desk
            .begin(json!({"message": "write it, please", "model": "other"}))
            .await;
        let found = desk.until(&chat, "waiting").await;
        assert_eq!(
            (&found["title"], &found["model"], &found["steps"]),
            (&json!("write it, please"), &json!("other"), &json!(2))
        );
        assert_eq!(desk.inside.file("notes.txt").as_deref(), Some("one two"));
        assert_eq!(desk.inside.ran(), ["check"]);
        let events = desk.events(&chat).await;
        let results = of_kind(&events, "tool_result");
        assert!(
            results.len() == 2 && results.iter().all(|result| result["outcome"] == "ok"),
            "{events:#?}"
        );
        assert!(
            results
                .iter()
                .any(|result| result["text"] == "ran check\n[exit status 0]"),
            "{results:?}"
        );
        // Its calls are the key's, stand in the ledger under the chat, and cost what the chat says.
        desk.app.gate.flush().await.unwrap();
        let owner = desk.app.owner().await;
        let rows = owner
            .get(&format!("/api/v1/requests?workspace={}", desk.workspace))
            .await
            .ok(200);
        let rows = rows["items"].as_array().unwrap();
        let cost: i64 = rows.iter().map(|row| row["cost"]["nanos"].as_i64().unwrap()).sum();
        assert_eq!((rows.len(), cost), (2, found["cost"]["nanos"].as_i64().unwrap()));
        assert!(
            cost > 0 && rows.iter().all(|row| row["session"] == json!(chat)),
            "{rows:#?}"
        );
        let audit = owner.get("/api/v1/audit?action=chats.create").await.ok(200);
        assert_eq!(audit["items"][0]["actor"]["person"]["name"], "ann", "{audit:#}");
        // Who comes back goes on behind what they have seen, and hears of the end.
        desk.act(&chat, "finish", json!({})).await.ok(200);
        let last = events.last().unwrap()["number"].as_u64().unwrap();
        let stream = desk.stream(&chat, last).await;
        assert!(
            !stream.contains(&format!("id: {last}\n")) && stream.contains(&format!("id: {}\n", last + 1)),
            "{stream}"
        );
        assert!(
            stream.contains("event: end") && stream.contains("\"completed\""),
            "{stream}"
        );
        assert!(desk.stream(&chat, 0).await.contains("id: 1\n"));
        assert_eq!(
            desk.act(&chat, "messages", json!({"text": "more"})).await.code(),
            "chat_state"
        );
    });
}

#[test]
fn questions_and_plans_wait_for_their_person_alone() {
    desk("", async |desk| {
        let chat = desk.begin(json!({"message": "ask me"})).await;
        let found = desk.until(&chat, "requires_action").await;
        let call = found["awaiting"][0]["call"].as_str().unwrap().to_owned();
        assert_eq!(found["awaiting"][0]["kind"], "ask");
        let path = format!("calls/{call}/answer");
        let owner = desk.app.owner().await;
        let other = owner
            .post(&format!("/api/v1/chats/{chat}/{path}"), json!({"text": "no"}))
            .await;
        assert_eq!(
            other.code(),
            "not_found",
            "an owner reads it and does not speak for its person"
        );
        owner.get(&format!("/api/v1/chats/{chat}")).await.ok(200);
        assert_eq!(
            desk.act(&chat, &path, json!({"text": " "})).await.code(),
            "invalid_fields"
        );
        desk.act(&chat, &path, json!({"text": "the left"})).await.ok(200);
        desk.until(&chat, "waiting").await;
        assert_eq!(
            desk.act(&chat, &path, json!({"text": "again"})).await.code(),
            "chat_state"
        );

        let chat = desk.begin(json!({"message": "plan it", "plan": true})).await;
        let found = desk.until(&chat, "requires_action").await;
        assert_eq!(
            (&found["plan"], desk.inside.ran().len()),
            (&json!("planning"), 0),
            "nothing runs before"
        );
        let call = found["awaiting"][0]["call"].as_str().unwrap().to_owned();
        let path = format!("calls/{call}/plan");
        assert_eq!(
            desk.act(&chat, &path, json!({"accept": false, "plan": "x"}))
                .await
                .code(),
            "invalid_fields"
        );
        desk.act(&chat, &path, json!({"accept": true, "plan": "2. look"}))
            .await
            .ok(200);
        let found = desk.until(&chat, "waiting").await;
        assert_eq!(
            (&found["plan"], desk.inside.ran()),
            (&json!("accepted"), vec!["touched".to_owned()])
        );
        let events = desk.events(&chat).await;
        let outcomes: Vec<_> = of_kind(&events, "tool_result")
            .iter()
            .map(|r| r["outcome"].clone())
            .collect();
        assert_eq!(outcomes, ["refused", "ok", "ok"]);
    });
}

#[test]
fn a_limit_holds_an_agent_and_more_lets_it_go_on() {
    desk("[chats]\nsteps = 5\nmodels = [\"large\"]\n", async |desk| {
        let path = format!("/api/v1/workspaces/{}/chats", desk.workspace);
        let refused = desk
            .ann
            .post(&path, json!({"message": "go on", "model": "other"}))
            .await;
        assert!(
            refused.code() == "invalid_fields" && refused.text.contains("large"),
            "{}",
            refused.text
        );
        let none = desk.ann.post(&path, json!({"limits": {"steps": 0}})).await;
        assert_eq!(none.code(), "invalid_fields");
        let chat = desk.begin(json!({"message": "go on", "limits": {"steps": 1}})).await;
        let found = desk.until(&chat, "paused").await;
        assert_eq!(
            (&found["cause"], desk.inside.ran()),
            (&json!("steps"), vec!["first".to_owned()])
        );
        desk.act(&chat, "resume", json!({"more": {"steps": 1}})).await.ok(200);
        let began = Instant::now();
        while desk.inside.ran().len() < 2 {
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        desk.until(&chat, "paused").await;
        let found = desk.act(&chat, "resume", json!({})).await.ok(200);
        assert_eq!(found["limits"]["steps"], 2 + 2, "as much again as it had");
        let found = desk.until(&chat, "waiting").await;
        assert_eq!(found["steps"], 3);
        assert_eq!(desk.act(&chat, "resume", json!({})).await.code(), "chat_state");
    });
}

#[test]
fn a_budget_that_is_used_up_ends_a_chat_and_says_so() {
    desk("", async |desk| {
        let owner = desk.app.owner().await;
        let keys = owner
            .get(&format!("/api/v1/keys?workspace={}", desk.workspace))
            .await
            .ok(200);
        let budget = keys["items"][0]["budgets"][0]["id"].as_str().unwrap().to_owned();
        owner
            .patch(&format!("/api/v1/budgets/{budget}"), json!({"limit": "0.000001"}))
            .await
            .ok(200);
        let chat = desk.begin(json!({"message": "write it"})).await;
        let began = Instant::now();
        let found = loop {
            let found = desk.ann.get(&format!("/api/v1/chats/{chat}")).await.ok(200);
            if found["state"] == "failed" {
                break found;
            }
            assert!(began.elapsed() < PATIENCE, "{found:#}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(
            (&found["cause"], &found["cost"]["nanos"]),
            (&json!("budget"), &json!(0))
        );
        let events = desk.events(&chat).await;
        let note = of_kind(&events, "note")[0]["text"].as_str().unwrap();
        assert!(note.contains("budget"), "{note}");
    });
}

#[test]
fn an_agent_is_interrupted_stopped_and_ends_with_its_person() {
    desk("", async |desk| {
        let running = async |chat: &str, count: usize| {
            desk.until(chat, "tool").await;
            let began = Instant::now();
            while desk.inside.ran().len() < count {
                assert!(began.elapsed() < PATIENCE);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let chat = desk.begin(json!({"message": "hang"})).await;
        running(&chat, 1).await;
        let found = desk.act(&chat, "interrupt", json!({})).await.ok(200);
        assert_eq!(
            (&found["state"], &found["cause"]),
            (&json!("paused"), &json!("interrupted"))
        );
        desk.act(&chat, "messages", json!({"text": "hang again"})).await.ok(200);
        running(&chat, 2).await;
        let owner = desk.app.owner().await;
        let found = owner
            .post(&format!("/api/v1/chats/{chat}/stop"), json!({}))
            .await
            .ok(200);
        assert_eq!(
            (&found["state"], &found["cause"]),
            (&json!("cancelled"), &json!("stopped")),
            "others may end it"
        );

        let chat = desk.begin(json!({"message": "hang"})).await;
        running(&chat, 3).await;
        let began = Instant::now();
        let report = owner.post("/api/v1/users/ann/suspend", json!({})).await.ok(200);
        assert!(
            report["finished"] == true && began.elapsed() < Duration::from_secs(5),
            "{report:#}"
        );
        let found = owner.get(&format!("/api/v1/chats/{chat}")).await.ok(200);
        assert_eq!(
            (&found["state"], &found["cause"]),
            (&json!("cancelled"), &json!("owner_suspended"))
        );
        assert!(!desk.stop.is_cancelled() && desk.running.addr.port() > 0);
    });
}

#[test]
fn a_workspace_that_is_down_is_brought_up_by_its_agent() {
    desk("", async |desk| {
        desk.app.begin(&desk.ann, desk.workspace, "stop").await;
        desk.app.until(&desk.ann, desk.workspace, "stopped").await;
        let chat = desk.begin(json!({"message": "write it"})).await;
        desk.until(&chat, "waiting").await;
        assert_eq!(desk.inside.file("notes.txt").as_deref(), Some("one two"));
        let found = desk.app.until(&desk.ann, desk.workspace, "running").await;
        assert_eq!(found["build"]["reason"], "an agent's chat needs it", "{found:#}");
    });
}

#[test]
fn what_only_the_browser_leads_into_shows_its_chats_there_alone() {
    desk("", async |desk| {
        let text = "[base]\nroot = \"host\"\n[browser_only]\nenabled = true\n";
        desk.app.template("closed", text).await;
        let closed = desk.app.workspace(&desk.ann, "closed", "closed").await;
        let path = format!("/api/v1/workspaces/{closed}/chats");
        assert_eq!(
            desk.ann.post(&path, json!({"message": "write it"})).await.code(),
            "browser_only"
        );
        let browser = desk.app.browse(&desk.ann).await;
        let made = browser.post(&path, json!({"message": "write it"})).await.ok(201);
        let path = format!("/api/v1/chats/{}/events", made["id"].as_str().unwrap());
        assert_eq!(desk.ann.get(&path).await.code(), "browser_only");
        browser.get(&path).await.ok(200);
    });
}
