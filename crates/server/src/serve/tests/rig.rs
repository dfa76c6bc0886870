//! A whole server on a port of loopback, over TLS or plain, with an authority that its clients trust.

use std::sync::RwLock;

use bailey_core::budget::LeasePolicy;
use bailey_core::key::KeyScope;
use bailey_core::{ReplicaId, Secret, Timestamp};
use bailey_gate::journal::JournalOptions;
use bailey_gate::{Gate, GateOptions, TokenLimits};
use bailey_gateway::{GatewayOptions, IntakeLimits, Routes};
use bailey_llm::{ParseLimits, PriceTable};
use bailey_runtime::Clock;
use bailey_runtime::config::Overrides;
use bailey_runtime::ids::NewId as _;
use bailey_runtime::metrics::Registry;
use bailey_store::{AuditWriterKind, Store, Target};
use bailey_testkit::db::{TestTarget, on_sqlite};
use bailey_testkit::tls::{Authority, Pair, When};
use bailey_workspaces::driver::{AnyDriver, SimDriver};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::*;
use crate::app::{App, AppParts};
use crate::apps::AppsOptions;
use crate::audit::{Anchors, AnchorsOptions, AuditKey, AuditLog, AuditOptions};
use crate::fleet::{Fleet, FleetOptions};
use crate::folder::Folder;
use crate::identity::{IdentityOptions, MasterKey};
use crate::providers::{External, Providers};
use crate::tls::Certificates;

const T0: Timestamp = Timestamp::from_seconds(1_795_176_000);
/// The name that browsers know it by.
pub(super) const NAME: &str = "bailey.example";

pub(super) struct Rig {
    pub(super) authority: Authority,
    /// Where certificate and key lie.
    pub(super) dir: TempDir,
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) tasks: Tasks,
}

/// What a server is to be like.
pub(super) struct Wanted {
    pub(super) tls: bool,
    /// More of the configuration.
    pub(super) config: &'static str,
    /// The router, made of the real one.
    pub(super) router: fn(axum::Router) -> axum::Router,
}

pub(super) const SECURE: Wanted = Wanted {
    tls: true,
    config: "[server]\nallowed_hosts = [\"bailey.example\"]\nheader_timeout = \"1s\"\n",
    router: |router| router,
};

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: String,
}

pub(super) fn test<F: Future<Output = ()>>(wanted: Wanted, body: impl FnOnce(Rig) -> F) {
    on_sqlite(async |db| {
        let TestTarget::Sqlite(path) = db.target() else {
            unreachable!()
        };
        let store = Store::open(&Target::Sqlite(path.clone())).await.unwrap();
        crate::bootstrap::ensure(&store, T0).await.unwrap();
        let rig = Box::pin(Rig::start(wanted, store, db.directory().unwrap())).await;
        let (stop, tasks) = (rig.stop.clone(), rig.tasks.clone());
        Box::pin(body(rig)).await;
        stop.cancel();
        tasks.stop();
        assert!(tasks.wait(Duration::from_secs(10)).await, "a task does not end");
    });
}

impl Rig {
    async fn start(wanted: Wanted, store: Store, dir: &std::path::Path) -> Self {
        let authority = Authority::new().unwrap();
        let files = tempfile::tempdir().unwrap();
        let pair = authority
            .issue(&[NAME, "*.apps.example", "localhost"], When::Now)
            .unwrap();
        let (cert, key) = pair.write(files.path()).unwrap();
        let flags = Overrides {
            tls_cert: wanted.tls.then_some(cert),
            tls_key: wanted.tls.then_some(key),
            ..Overrides::default()
        };
        let environment = [("HOME".to_owned(), dir.display().to_string())];
        let config = Config::from_text(wanted.config, None, environment.into_iter(), &flags).unwrap();
        let (tasks, stop) = (Tasks::new(), CancellationToken::new());
        // Connections have tasks of their own, so that a test sees whether theirs end.
        let (app, mut registry) = app(&config, store, dir, (&Tasks::new(), &stop)).await;
        let certificates = Certificates::configured(&config, T0).unwrap();
        let tls = certificates.as_ref().map(|c| c.acceptor(registry.families()).unwrap());
        if let Some(certificates) = certificates {
            tasks.spawn(certificates.watch(Clock::system(), stop.clone()));
        }
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Serving {
            router: (wanted.router)(crate::routes::router(&app)),
            gateway: app.gateway_shared(),
            apps: app.apps().clone(),
            ways: app.identity().ways.clone(),
            options: ServeOptions::new(&config),
            tls,
            tasks: tasks.clone(),
        };
        tasks.spawn(serve(listener, serving, stop.clone()));
        Self {
            authority,
            dir: files,
            address,
            stop,
            tasks,
        }
    }

    /// Puts another certificate in the place of the one before.
    pub(super) fn renew(&self) -> Pair {
        let pair = self.authority.issue(&[NAME, "*.apps.example"], When::Now).unwrap();
        pair.write(self.dir.path()).unwrap();
        pair
    }

    pub(super) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection over TLS that offers these protocols.
    pub(super) async fn connect(&self, protocols: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        let name = ServerName::try_from(NAME).unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, self.tcp().await)
            .await
    }

    /// Sends these bytes over TLS and reads the answer to its end.
    pub(super) async fn raw(&self, request: &str) -> Reply {
        read(self.connect(&[b"http/1.1"]).await.unwrap(), request).await
    }

    /// The same over a plain connection.
    pub(super) async fn plain(&self, request: &str) -> Reply {
        read(self.tcp().await, request).await
    }

    pub(super) async fn http2(&self) -> hyper::client::conn::http2::SendRequest<Full<bytes::Bytes>> {
        let stream = self.connect(&[b"h2", b"http/1.1"]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        self.tasks.spawn(async move {
            let _ = connection.await;
        });
        sender
    }
}

async fn read(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Reply {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    let end = tokio::time::timeout(Duration::from_secs(20), end).await;
    match end.expect("no end of the answer") {
        Ok(_) => {}
        // A connection that is refused for good, as after CONNECT, ends without a word.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
        Err(error) => panic!("{error}"),
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    Reply {
        status: head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0),
        headers: lines
            .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect(),
        body: body.to_owned(),
    }
}

pub(super) async fn reply(response: Response<Incoming>) -> Reply {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

#[expect(clippy::too_many_lines, reason = "one list of what a server is made of")]
async fn app(
    config: &Config,
    store: Store,
    dir: &std::path::Path,
    (tasks, stop): (&Tasks, &CancellationToken),
) -> (App, Registry) {
    let gate = Gate::start(GateOptions {
        store,
        clock: Clock::system(),
        tasks: tasks.clone(),
        replica: ReplicaId::new_at(T0),
        journal: JournalOptions {
            dir: dir.join("journal"),
            segment_bytes: 1 << 20,
            cap_bytes: 1 << 24,
        },
        flush_interval: Duration::from_millis(20),
        blocking: false,
        lease_policy: LeasePolicy::default(),
        token_limits: TokenLimits::of(&config.defaults.key(KeyScope::User)),
    });
    let gate = gate.await.unwrap();
    let gateway = Gateway::new(GatewayOptions {
        gate: Arc::clone(&gate),
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
    let mut metrics = Registry::new("test", T0);
    let fleet = Fleet::new(
        FleetOptions {
            gate: Arc::clone(&gate),
            gateway: Arc::clone(&gateway),
            config,
            driver: AnyDriver::Sim(Arc::new(SimDriver::new())),
            tasks: tasks.clone(),
            closing: stop.clone(),
        },
        &mut metrics,
    );
    let audit = AuditLog::start(AuditOptions {
        store: gate.store().clone(),
        clock: gate.clock().clone(),
        tasks: tasks.clone(),
        replica: ReplicaId::new_at(T0),
        kind: AuditWriterKind::Server,
    });
    let audit = audit.await.unwrap();
    let key = MasterKey::new(Secret::new([7; 32]));
    let anchors = Anchors::new(AnchorsOptions {
        log: audit.clone(),
        store: gate.store().clone(),
        clock: gate.clock().clone(),
        key: AuditKey::new(&key),
        config: config.audit.clone(),
        dir: dir.to_owned(),
    });
    let app = App::new(AppParts {
        audit,
        anchors,
        forges: crate::Forges::new(&key, &config.egress.hosts).unwrap(),
        gate,
        gateway,
        defaults: config.defaults.clone(),
        metrics: Registry::new("test", T0),
        fleet,
        apps: AppsOptions {
            config: config.apps.clone(),
            port: None,
            platform: format!("https://{NAME}"),
            key: Secret::new([7; 32]),
        },
        identity: IdentityOptions {
            providers: Providers::new(&config.sign_in, &key).unwrap(),
            external: External::new(&config.external_auth, &config.egress.hosts, &key).unwrap(),
            config: config.sign_in.clone(),
            public_url: config.server.public_url.clone(),
            proxies: config.server.trusted_proxies.clone(),
            key,
        },
        templates: Folder::new(None),
        chats: config.chats.clone(),
    });
    (app, metrics)
}
