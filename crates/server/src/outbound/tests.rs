use std::sync::RwLock;

use bailey_core::budget::LeasePolicy;
use bailey_core::{ReplicaId, Timestamp};
use bailey_gate::journal::JournalOptions;
use bailey_gate::{Gate, GateOptions};
use bailey_gateway::{GatewayOptions, IntakeLimits, Routes};
use bailey_llm::{ParseLimits, PriceTable};
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
            store,
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
        };
        let mut registry = Registry::default();
        let outbound = Outbound::new(gateway, &options, &egress, &mut registry, CancellationToken::new());
        let workspace = WorkspaceId::new_at(T0);
        body(Rig {
            outbound,
            registry,
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
        self.tasks.spawn(async move { outbound.gate(workspace, served).await });
        inside
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
        rig.tasks.spawn(async move { outbound.carry(carried, outside).await });
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
