//! An application, a forge that is connected to it and really delivers, and somebody whom both know.

use std::future::Future;
use std::time::{Duration, Instant};

use bailey_core::authz::Role;
use bailey_core::identity::ExternalAccount;
use bailey_core::{ConnectionId, PersonId, Secret, Timestamp};
use bailey_demo_forge::{DemoConfig, DemoForge};
use bailey_forges::forge::{Forge, ProjectKey};
use bailey_forges::model::{Comment, ForgeKind, ProjectRef};
use bailey_forges::webhook::{HookSecret, sign};
use bailey_forges::{ApiOptions, BaseUrl, GitLab};
use bailey_runtime::Clock;
use bailey_runtime::http::{ClientOptions, client};
use bailey_store::ConnectionRecord;
use hkdf::Hkdf;
use http::{HeaderMap, Method, Request, StatusCode};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::agents::Running;
use crate::harness::{Client, TestApp, test_at};

pub(crate) const CONNECTIONS: &str = "/api/v1/connections";
pub(crate) const PROJECT: &str = "demo/greeter";
pub(crate) const LABEL: &str = "bailey-hitl";
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// An application, a forge that is connected to it, and Dan, whom both know.
pub(crate) struct World {
    pub(crate) app: TestApp,
    _running: Running,
    pub(crate) forge: DemoForge,
    pub(crate) owner: Client,
    pub(crate) dan: Client,
    pub(crate) connection: ConnectionId,
    /// The connection's token: it must not be found anywhere.
    pub(crate) token: String,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn world<F: Future<Output = ()>>(body: impl FnOnce(World) -> F) {
    world_with("", body);
}

/// The same with the models of this configuration.
pub(crate) fn world_with<F: Future<Output = ()>>(models: &str, body: impl FnOnce(World) -> F) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let platform = format!("http://{}", listener.local_addr().unwrap());
    test_at(&platform, models, async |app| {
        let listener = TcpListener::from_std(listener).unwrap();
        Box::pin(body(Box::pin(World::start(app, listener)).await)).await;
    });
}

impl World {
    pub(crate) async fn start(app: TestApp, listener: TcpListener) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // What is signed is signed by the forge's clock.
        app.clock.set(Clock::system().now());
        let running = app.run_on(listener).await;
        running.agents.run_commands(dir.path().join("homes"));
        app.template("plain", "[base]\nroot = \"host\"\n").await;
        let forge = DemoForge::start(DemoConfig::new(dir.path().join("forge")))
            .await
            .unwrap();
        let token = forge.token_create("bailey", "connection", &["api"], None).unwrap();
        let (owner, dan) = (app.owner().await, app.person("dan", Role::Member).await);
        let body = json!({
            "name": "demo", "kind": "gitlab", "base_url": forge.url(), "projects": [PROJECT], "token": token,
            "template": "plain",
        });
        let made = owner.post(CONNECTIONS, body).await.ok(201);
        let registered = owner
            .post(&format!("{CONNECTIONS}/demo/webhook"), json!({}))
            .await
            .ok(200);
        assert_eq!(registered["ok"], true, "{registered:#}");
        Self {
            connection: made["id"].as_str().unwrap().parse().unwrap(),
            app,
            _running: running,
            forge,
            owner,
            dan,
            token,
            dir,
        }
    }

    /// Dan, as somebody who has linked his account.
    pub(crate) async fn link(&self) {
        self.link_as(&self.dan, "2").await;
    }

    pub(crate) async fn link_as(&self, who: &Client, id: &str) {
        let account = ExternalAccount {
            person: who.id.parse::<PersonId>().unwrap(),
            provider: "demo".to_owned(),
            base_url: self.forge.url(),
            account_id: id.to_owned(),
            login: who.name.clone(),
            display_name: who.name.clone(),
            email: None,
            scopes: Vec::new(),
            sealed: vec![1],
            expires_at: None,
            linked_at: self.now(),
            last_used_at: None,
            refused_at: None,
        };
        self.app.store.external_account_put(&account).await.unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.app.gate.clock().now()
    }

    pub(crate) fn label(&self, who: &str, add: &[&str], remove: &[&str]) {
        self.forge.ticket_label(who, PROJECT, 1, add, remove).unwrap();
    }

    /// Works until nothing is to be done now; time goes on meanwhile.
    pub(crate) async fn work(&self) {
        self.forge.deliveries_idle().await;
        self.app.clock.set(Clock::system().now());
        while self.app.app.tickets_step().await.unwrap() {}
    }

    pub(crate) async fn runs(&self) -> Vec<Value> {
        let page = self.owner.get(&format!("{CONNECTIONS}/demo/runs")).await.ok(200);
        page["items"].as_array().unwrap().clone()
    }

    /// Works until the only run is in this state.
    pub(crate) async fn until(&self, state: &str) -> Value {
        let began = Instant::now();
        loop {
            self.work().await;
            let runs = self.runs().await;
            if runs.len() == 1 && runs[0]["state"] == state {
                return runs[0].clone();
            }
            assert!(began.elapsed() < PATIENCE, "not {state}: {runs:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The forge as one of its users.
    pub(crate) fn as_user(&self, token: &str) -> GitLab {
        let client = client(&ClientOptions::default()).unwrap();
        let base = BaseUrl::parse(&self.forge.url()).unwrap();
        let token = Secret::new(token.to_owned());
        GitLab::new(client, base, &token, Clock::system(), ApiOptions::default()).unwrap()
    }

    pub(crate) async fn project(&self) -> ProjectRef {
        let forge = self.as_user(&self.token);
        let found = forge.project(ProjectKey::Path(PROJECT)).await.unwrap();
        found.unwrap().project
    }

    /// Bailey's comments on the ticket.
    pub(crate) async fn comments(&self) -> Vec<Comment> {
        let forge = self.as_user(&self.token);
        let all = forge.comments(&self.project().await, 1, 100).await.unwrap();
        all.into_iter()
            .filter(|comment| comment.author.name == "bailey")
            .collect()
    }

    pub(crate) async fn workspaces(&self) -> usize {
        let page = self.owner.get("/api/v1/workspaces").await.ok(200);
        page["items"].as_array().unwrap().len()
    }

    /// What the audit log has of an action, as JSON of what was recorded.
    pub(crate) async fn audit(&self, action: &str) -> Vec<Value> {
        self.app.audit.flush().await.unwrap();
        let page = self
            .owner
            .get(&format!("/api/v1/audit?action={action}&limit=1000"))
            .await
            .ok(200);
        page["items"].as_array().unwrap().clone()
    }

    pub(crate) async fn record(&self) -> ConnectionRecord {
        self.app.store.connection_get(self.connection).await.unwrap().unwrap()
    }
}

/// What GitLab sends when a label is put on.
pub(crate) fn payload(label: &str) -> Value {
    json!({
        "object_kind": "issue", "event_type": "issue",
        "user": {"id": 1, "username": "mia", "name": "Mia"},
        "project": {"id": 1, "path_with_namespace": PROJECT, "default_branch": "main"},
        "object_attributes": {
            "id": 1, "iid": 1, "action": "update", "state": "opened", "confidential": false, "title": "t",
            "description": "d", "labels": [{"title": label}],
        },
        "labels": [{"title": label}],
        "changes": {"labels": {"previous": [], "current": [{"title": label}]}},
    })
}

/// What the connection's forge signs with: opened with the master key that the application under test has.
pub(crate) fn signing_key(record: &ConnectionRecord) -> HookSecret {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, &[7; 32])
        .expand(b"bailey/v1/connections", &mut key)
        .unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&record.sealed[1..13]).unwrap();
    let mut text = record.sealed[13..].to_vec();
    let plain = key
        .open_in_place(nonce, Aad::from(record.id.uuid().as_bytes()), &mut text)
        .unwrap();
    let secrets: Value = serde_json::from_slice(plain).unwrap();
    HookSecret::signing(secrets["signing"].as_str().unwrap()).unwrap()
}

/// A delivery as the connection's forge signs it.
pub(crate) async fn signed(world: &World, payload: &Value, id: &str) -> (HeaderMap, String) {
    let (body, now) = (payload.to_string(), world.now());
    let key = signing_key(&world.record().await);
    let mut headers = sign(ForgeKind::GitLab, &key, id, now, body.as_bytes());
    headers.insert("x-gitlab-event", "Issue Hook".parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    (headers, body)
}

pub(crate) async fn deliver(world: &World, payload: &Value, id: &str) -> StatusCode {
    let (headers, body) = signed(world, payload, id).await;
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("/hooks/{}", world.connection));
    request.headers_mut().unwrap().extend(headers);
    world.app.nobody().send(request.body(body.into()).unwrap()).await.status
}
