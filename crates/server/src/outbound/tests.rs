use std::sync::RwLock;

use bailey_core::budget::LeasePolicy;
use bailey_core::key::{Key, KeyScope, Metadata, ModelAccess};
use bailey_core::{KeyId, ReplicaId, Timestamp};
use bailey_gate::journal::JournalOptions;
use bailey_gate::token::{self, Kind};
use bailey_gate::{Gate, GateOptions, TokenLimits};
use bailey_gateway::{GatewayOptions, IntakeLimits, Routes};
use bailey_llm::{ParseLimits, PriceTable};
use bailey_runtime::config::KeyDefaults;
use bailey_runtime::ids::NewId;
use bailey_runtime::{Clock, Tasks};
use bailey_store::{Store, Target};
use bailey_testkit::db::{TestTarget, on_sqlite};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;

use super::*;

const T0: Timestamp = Timestamp::from_seconds(1_795_176_000);

/// What serves streams, its metrics, and a workspace to serve them for.
struct Rig {
    outbound: Outbound,
    registry: Registry,
    store: Store,
    workspace: WorkspaceId,
    tasks: Tasks,
}

/// Runs a test with loopback's second address as the deployment's own.
fn test<F: Future<Output = ()>>(body: impl FnOnce(Rig) -> F) {
    on_sqlite(async |db| {
        let TestTarget::Sqlite(path) = db.target() else {
            unreachable!()
        };
        let store = Store::open(&Target::Sqlite(path.clone())).await.unwrap();
        crate::bootstrap::ensure(&store, T0).await.unwrap();
        let tasks = Tasks::new();
        let gate = Gate::start(GateOptions {
            store: store.clone(),
            clock: Clock::system(),
            tasks: tasks.clone(),
            replica: ReplicaId::new_at(T0),
            journal: JournalOptions {
                dir: db.directory().unwrap().join("journal"),
                segment_bytes: 1 << 20,
                cap_bytes: 1 << 24,
            },
            flush_interval: Duration::from_millis(20),
            blocking: false,
            lease_policy: LeasePolicy::default(),
            token_limits: TokenLimits::of(&KeyDefaults::built_in(KeyScope::User)),
        });
        let gateway = Gateway::new(GatewayOptions {
            gate: gate.await.unwrap(),
            routes: Routes::new(Vec::new()),
            prices: Arc::new(RwLock::new(PriceTable::shipped())),
            intake: IntakeLimits {
                body_bytes: 1 << 20,
                idle: Duration::from_secs(5),
                min_rate: 1,
                kept_bytes: 1 << 24,
            },
            parse: ParseLimits::default(),
            same_route_retries: 0,
            backoff: Duration::ZERO,
            drain_time: Duration::from_secs(1),
            drain_streams: 1,
            metrics: bailey_gateway::metrics::Metrics::default(),
        });
        let options = ServeOptions {
            header_timeout: Duration::from_secs(10),
            header_bytes: 16 << 10,
            headers: 64,
            connections: 8,
            hosts: None,
        };
        let egress = EgressConfig {
            allow_private: vec!["127.0.0.2/32".parse().unwrap()],
            hosts: Hosts::default(),
        };
        let mut registry = Registry::default();
        let outbound = Outbound::new(
            gateway,
            &options,
            Limits {
                egress: &egress,
                connections: 2,
            },
            &mut registry,
            CancellationToken::new(),
        );
        let workspace = WorkspaceId::new_at(T0);
        body(Rig {
            outbound,
            registry,
            store,
            workspace,
            tasks,
        })
        .await;
    });
}

impl Rig {
    /// A stream to the gate's port.
    fn gate(&self) -> DuplexStream {
        let (inside, served) = tokio::io::duplex(64 << 10);
        let (outbound, workspace) = (self.outbound.clone(), self.workspace);
        let passage = outbound.enter(workspace, Way::Gate, || false).unwrap();
        self.tasks
            .spawn(async move { outbound.gate(workspace, passage, served, Arc::new(|| {})).await });
        inside
    }

    /// A key of the owner's, of a workspace or of none.
    async fn key(&self, workspace: Option<WorkspaceId>) -> String {
        let owner = self
            .store
            .person_by_name(crate::bootstrap::OWNER)
            .await
            .unwrap()
            .unwrap();
        let minted = token::mint(Kind::Key).unwrap();
        let key = Key {
            id: KeyId::new_at(T0),
            public_id: minted.public_id,
            hash: minted.hash,
            name: "test".to_owned(),
            scope: KeyScope::Workspace,
            person: owner.id,
            group: None,
            workspace,
            models: ModelAccess::default(),
            rpm: None,
            tpm: None,
            concurrent: None,
            expires_at: None,
            metadata: Metadata::new(),
            created_at: T0,
            created_by: owner.id,
            revoked_at: None,
            rotated_at: None,
        };
        self.store.key_insert(&key, &[]).await.unwrap();
        minted.text.expose().clone()
    }

    /// Sends bytes to the gate, and returns everything that it answers.
    async fn say(&self, request: &str) -> String {
        let mut stream = self.gate();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

fn rule(host: &str, port: u16) -> EgressRule {
    EgressRule {
        host: host.to_owned(),
        port,
    }
}

#[test]
fn the_gate_leads_to_the_model_door_alone() {
    test(async |rig| {
        let post = |path: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:7080\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
            )
        };
        for path in ["/v1/messages", "/v1/chat/completions"] {
            let answer = rig.say(&post(path)).await;
            assert!(answer.starts_with("HTTP/1.1 401 "), "{path}: {answer}");
        }
        for path in [
            "/api/v1/me",
            "/api/v1/workspaces",
            "/metrics",
            "/livez",
            "/",
            "/api/v1/agent/link",
            "//v1/messages",
        ] {
            let answer = rig.say(&post(path)).await;
            assert!(
                answer.starts_with("HTTP/1.1 404 ") && !answer.contains("bly_"),
                "{path}: {answer}"
            );
        }
    });
}

#[test]
fn the_gate_is_held_to_the_caps_of_every_connection() {
    test(async |rig| {
        let get = |head: &str| format!("GET /v1/models HTTP/1.1\r\n{head}connection: close\r\n\r\n");
        let foreign = rig.say(&get("host: evil.example\r\n")).await;
        assert!(foreign.starts_with("HTTP/1.1 421 "), "{foreign}");
        let two = rig.say(&get("host: 127.0.0.1:7080\r\nhost: evil.example\r\n")).await;
        assert!(
            two.starts_with("HTTP/1.1 421 ") || two.starts_with("HTTP/1.1 400 "),
            "{two}"
        );
        let many = "x: 1\r\n".repeat(100);
        let many = rig.say(&get(&format!("host: 127.0.0.1:7080\r\n{many}"))).await;
        assert!(many.starts_with("HTTP/1.1 431 "), "{many}");
    });
}

#[test]
fn a_connection_is_judged_counted_and_carried() {
    test(async |rig| {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let echo = rig.tasks.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut from, mut to) = stream.split();
            tokio::io::copy(&mut from, &mut to).await.unwrap()
        });
        let rules = [
            rule("127.0.0.2", port),
            rule("127.0.0.1", port),
            rule("localhost", port),
        ];
        let connect = |host: &'static str, port| {
            let (rig, rules) = (&rig, &rules);
            async move { rig.outbound.connect(rig.workspace, rules, host, port).await }
        };
        for (host, code) in [
            ("127.0.0.1", "not_public"),
            ("localhost", "not_public"),
            ("127.0.0.3", "no_rule"),
            ("127.2", "malformed"),
            ("127.0.0.2\0", "malformed"),
        ] {
            assert_eq!(connect(host, port).await.unwrap_err().code(), code, "{host:?}");
        }
        assert_eq!(
            connect("127.0.0.2", port.wrapping_add(1)).await.unwrap_err().code(),
            "no_rule"
        );

        let outside = connect("127.0.0.2", port).await.unwrap();
        let (mut inside, carried) = tokio::io::duplex(1024);
        let outbound = rig.outbound.clone();
        let passage = outbound.enter(rig.workspace, Way::Host, || false).unwrap();
        rig.tasks
            .spawn(async move { outbound.carry(passage, carried, outside).await });
        let sent: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let (mut from, mut to) = tokio::io::split(&mut inside);
        let mut received = Vec::new();
        let (wrote, read) = tokio::join!(
            async {
                to.write_all(&sent).await?;
                to.shutdown().await
            },
            from.read_to_end(&mut received)
        );
        wrote.unwrap();
        read.unwrap();
        assert_eq!(received, sent);
        assert_eq!(echo.await.unwrap(), 100_000);

        let metrics = rig.metrics();
        for (decision, count) in [("allowed", 1), ("not_public", 2), ("no_rule", 2), ("malformed", 2)] {
            let line = format!("bailey_egress_decisions_total{{decision=\"{decision}\"}} {count}\n");
            assert!(metrics.contains(&line), "{line} is not in {metrics}");
        }
    });
}

#[test]
fn rules_that_cannot_be_read_allow_nothing() {
    test(async |rig| {
        let rules = [rule("*", 443), rule("127.0.0.2", 443)];
        let refused = rig.outbound.connect(rig.workspace, &rules, "127.0.0.2", 443).await;
        assert_eq!(refused.unwrap_err().code(), "no_rule");
    });
}

#[test]
fn a_workspace_has_so_many_connections_and_no_more_and_no_other_is_held_to_them() {
    test(async |rig| {
        let enter = |workspace, way| rig.outbound.enter(workspace, way, || false);
        let (one, two) = (enter(rig.workspace, Way::Host), enter(rig.workspace, Way::Host));
        let refused = enter(rig.workspace, Way::Host).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "2 connections to hosts outside are open, and a workspace may not have more; close some of them"
        );
        assert!(enter(rig.workspace, Way::Gate).is_ok(), "the gate stays open");
        assert!(enter(WorkspaceId::new_at(T0), Way::Host).is_ok());
        drop(one);
        let again = enter(rig.workspace, Way::Host).unwrap();
        assert!(enter(rig.workspace, Way::Host).is_err());
        rig.outbound.cut(rig.workspace);
        assert!(again.cut.is_cancelled() && two.unwrap().cut.is_cancelled());
        assert!(!enter(rig.workspace, Way::Host).unwrap().cut.is_cancelled());
        assert!(
            rig.metrics()
                .contains("bailey_egress_decisions_total{decision=\"too_many\"} 2\n")
        );
    });
}

#[test]
fn a_workspace_that_is_barred_while_a_connection_takes_its_place_gets_none() {
    test(async |rig| {
        // As a suspension does: barred, then cut off, both between the stream's first look and its place.
        let suspended = || {
            rig.outbound.cut(rig.workspace);
            true
        };
        for way in [Way::Gate, Way::Host] {
            let refused = rig.outbound.enter(rig.workspace, way, suspended);
            assert_eq!(refused.unwrap_err(), NoPlace::Barred);
        }
        // One that was barred before it took its place gives that up again.
        let barred = || rig.outbound.enter(rig.workspace, Way::Host, || true).is_err();
        assert!((0..10).all(|_| barred()));
        assert!(rig.outbound.enter(rig.workspace, Way::Host, || false).is_ok());
    });
}

#[tokio::test]
async fn every_piece_of_an_answer_is_noted() {
    use http_body_util::BodyExt as _;

    let noted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = {
        let noted = Arc::clone(&noted);
        Arc::new(move || {
            noted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        })
    };
    let mut body = Noted {
        body: Body::full("x"),
        note: Some(count),
    };
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(noted.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert!(body.frame().await.is_none());
    assert_eq!(noted.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn being_cut_off_ends_what_is_carried_at_once() {
    test(async |rig| {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let rules = [rule("127.0.0.2", port)];
        let outside = rig.outbound.connect(rig.workspace, &rules, "127.0.0.2", port).await;
        let (mut other, _) = listener.accept().await.unwrap();
        let (mut inside, carried) = tokio::io::duplex(1024);
        let (outbound, outside) = (rig.outbound.clone(), outside.unwrap());
        let passage = outbound.enter(rig.workspace, Way::Host, || false).unwrap();
        rig.tasks
            .spawn(async move { outbound.carry(passage, carried, outside).await });
        let mut gate = rig.gate();
        inside.write_all(b"x").await.unwrap();
        assert_eq!(other.read_u8().await.unwrap(), b'x');
        rig.outbound.cut(rig.workspace);
        let ends = async {
            assert_eq!(inside.read(&mut [0]).await.unwrap(), 0);
            assert_eq!(gate.read(&mut [0]).await.unwrap(), 0);
            // An end or a reset: nothing more comes.
            assert!(matches!(other.read(&mut [0]).await, Ok(0) | Err(_)));
        };
        tokio::time::timeout(Duration::from_secs(5), ends).await.unwrap();
    });
}

#[test]
fn inside_a_workspace_only_its_own_key_is_good() {
    test(async |rig| {
        let (own, other) = (rig.key(Some(rig.workspace)).await, rig.key(None).await);
        let elsewhere = rig.key(Some(WorkspaceId::new_at(T0))).await;
        let models = |key: &str| {
            format!(
                "GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1:7080\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n"
            )
        };
        let message = |key: &str| {
            format!(
                "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1:7080\r\nx-api-key: {key}\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
            )
        };
        let good = rig.say(&models(&own)).await;
        assert!(good.starts_with("HTTP/1.1 200 "), "{good}");
        let good = rig.say(&message(&own)).await;
        assert!(good.starts_with("HTTP/1.1 400 "), "{good}");
        for key in [&other, &elsewhere] {
            for request in [models(key), message(key)] {
                let refused = rig.say(&request).await;
                assert!(
                    refused.starts_with("HTTP/1.1 401 ")
                        && refused.contains("x-bailey-error: key_not_of_workspace\r\n")
                        && refused.contains("only its own key is good"),
                    "{refused}"
                );
            }
        }
    });
}
