//! An application to test with, and people to test it as.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bailey_core::authz::{Action, CustomRole, Permissions, Reach, Role, TokenScopes};
use bailey_core::budget::LeasePolicy;
use bailey_core::key::KeyScope;
use bailey_core::ledger::{AccountKey, Outcome, RequestRecord, Settlement, Subject, Usage};
use bailey_core::people::{ApiToken, Person, PersonStatus};
use bailey_core::period::Period;
use bailey_core::{KeyId, Money, PersonId, ReplicaId, RequestId, RoleId, Timestamp, TokenId};
use bailey_gate::journal::JournalOptions;
use bailey_gate::token::{self, Kind};
use bailey_gate::{Gate, GateOptions, TokenLimits};
use bailey_gateway::{Gateway, GatewayOptions, IntakeLimits, Routes};
use bailey_llm::{ParseLimits, PriceTable};
use bailey_runtime::config::{Config, DefaultsConfig, KeyDefaults, Overrides};
use bailey_runtime::ids::NewId;
use bailey_runtime::metrics::Registry;
use bailey_runtime::{Clock, ManualClock, Tasks};
use bailey_server::fleet::{Fleet, FleetOptions};
use bailey_server::folder::Folder;
use bailey_server::{
    Anchors, AnchorsOptions, App, AppParts, AppsOptions, AuditKey, AuditLog, AuditOptions, External, Forges,
    IdentityOptions, MasterKey, Peer, Providers, bootstrap,
};
use bailey_store::{AuditWriterKind, JournalPosition, Store, Target};
use bailey_testkit::db::{TestDb, TestTarget, on_sqlite};
use bailey_workspaces::driver::{AnyDriver, SimDriver};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// 2026-11-20T12:00:00Z, a Friday.
pub(crate) const T0: Timestamp = Timestamp::from_seconds(1_795_176_000);

/// The application under test.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) store: Store,
    pub(crate) gate: Arc<Gate>,
    /// The gate's.
    replica: ReplicaId,
    pub(crate) clock: ManualClock,
    /// What its workspaces run on.
    pub(crate) sim: Arc<SimDriver>,
    pub(crate) fleet: Fleet,
    /// The folder of templates, empty at first.
    pub(crate) folder: Folder,
    pub(crate) directory: PathBuf,
    pub(crate) router: Router,
    /// Whose journal the ledger's rows come from.
    writer: ReplicaId,
    position: AtomicU64,
    pub(crate) audit: AuditLog,
    pub(crate) anchors: Anchors,
    pub(crate) db: TestDb,
}

/// Runs a test on an application of its own.
pub(crate) fn test<F: Future<Output = ()>>(body: impl FnOnce(TestApp) -> F) {
    test_with("", body);
}

/// Runs a test on an application of its own, whose `bailey.toml` has `text` for who they are elsewhere.
pub(crate) fn test_with<F: Future<Output = ()>>(text: &str, body: impl FnOnce(TestApp) -> F) {
    // On the heap: what a test waits for may be large, and is moved on its way to the runtime.
    on_sqlite(async |db| {
        let app = Box::pin(TestApp::start(db, configuration(text))).await;
        Box::pin(body(app)).await;
    });
}

/// Runs a test on an application of its own that asks the models of this configuration.
pub(crate) fn test_with_models<F: Future<Output = ()>>(text: &str, body: impl FnOnce(TestApp) -> F) {
    test_at(PLATFORM, text, body);
}

/// The same on an application that others find at `platform`.
pub(crate) fn test_at<F: Future<Output = ()>>(platform: &str, text: &str, body: impl FnOnce(TestApp) -> F) {
    on_sqlite(async |db| {
        let config = configuration(text);
        let door = bailey_server::door::build(&config).await.unwrap();
        let app = Box::pin(TestApp::start_with(db, config, door.routes, platform)).await;
        Box::pin(body(app)).await;
        for mock in door.mocks {
            mock.stop().await;
        }
    });
}

/// Where the application is found where nothing else is said.
const PLATFORM: &str = "http://localhost:7080";

/// A person with a token of theirs, or a browser with what it was given.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) router: Router,
    /// A browser names a host and an origin, unless a request has its own.
    pub(crate) browser: bool,
    pub(crate) cookie: Option<String>,
    pub(crate) address: IpAddr,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) bytes: bytes::Bytes,
}

/// What holds where `text` is all that is configured.
fn configuration(text: &str) -> Config {
    let environment = [("HOME".to_owned(), "/nowhere".to_owned())];
    match Config::from_text(text, None, environment.into_iter(), &Overrides::default()) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    }
}

/// How people sign in.
fn identity(config: &Config) -> IdentityOptions {
    let key = MasterKey::new(bailey_core::Secret::new([7; 32]));
    IdentityOptions {
        providers: Providers::new(&config.sign_in, &key).unwrap(),
        external: External::new(&config.external_auth, &config.egress.hosts, &key).unwrap(),
        config: config.sign_in.clone(),
        public_url: None,
        proxies: vec!["10.0.0.0/8".parse().unwrap()],
        key,
    }
}

/// A fleet that runs nothing, and where its figures are.
fn fleet(gate: &Arc<Gate>, gateway: &Arc<Gateway>, sim: &Arc<SimDriver>) -> (Fleet, Registry) {
    let mut metrics = Registry::new("test", T0);
    let config = configuration("");
    let fleet = Fleet::new(
        FleetOptions {
            gate: Arc::clone(gate),
            gateway: Arc::clone(gateway),
            config: &config,
            driver: AnyDriver::Sim(Arc::clone(sim)),
            tasks: Tasks::new(),
            closing: CancellationToken::new(),
        },
        &mut metrics,
    );
    (fleet, metrics)
}

impl TestApp {
    async fn start(db: TestDb, config: Config) -> Self {
        Self::start_with(db, config, Routes::new(Vec::new()), PLATFORM).await
    }

    #[expect(clippy::too_many_lines, reason = "one part after the other")]
    async fn start_with(db: TestDb, config: Config, routes: Routes, platform: &str) -> Self {
        let dir = db.directory().unwrap().to_owned();
        let target = match db.target() {
            TestTarget::Sqlite(path) => Target::Sqlite(path.clone()),
            TestTarget::Postgres(url) => Target::Postgres(bailey_core::Secret::new(url.clone())),
        };
        let store = Store::open(&target).await.unwrap();
        let (clock, hand) = Clock::manual(T0);
        bootstrap::ensure(&store, T0).await.unwrap();
        let writer = ReplicaId::new_at(T0);
        store.replica_claim(writer, T0, T0.plus_seconds(30)).await.unwrap();
        let replica = ReplicaId::new_at(T0);
        let gate = Gate::start(GateOptions {
            store: store.clone(),
            clock,
            tasks: Tasks::new(),
            replica,
            journal: JournalOptions {
                dir: dir.join("journal"),
                segment_bytes: 1 << 20,
                cap_bytes: 1 << 24,
            },
            flush_interval: Duration::from_millis(20),
            blocking: false,
            lease_policy: LeasePolicy::default(),
            token_limits: TokenLimits::of(&KeyDefaults::built_in(KeyScope::User)),
        })
        .await
        .unwrap();
        let gateway = Gateway::new(GatewayOptions {
            gate: Arc::clone(&gate),
            routes,
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
        let audit = AuditLog::start(AuditOptions {
            store: store.clone(),
            clock: gate.clock().clone(),
            tasks: Tasks::new(),
            replica,
            kind: AuditWriterKind::Server,
        })
        .await
        .unwrap();
        let anchors = Anchors::new(AnchorsOptions {
            log: audit.clone(),
            store: store.clone(),
            clock: gate.clock().clone(),
            key: AuditKey::new(&MasterKey::new(bailey_core::Secret::new([7; 32]))),
            config: configuration("").audit,
            dir: dir.clone(),
        });
        let sim = Arc::new(SimDriver::new());
        let (fleet, metrics) = fleet(&gate, &gateway, &sim);
        let directory = dir.join("templates");
        std::fs::create_dir(&directory).unwrap();
        let folder = Folder::new(Some(directory.clone()));
        folder.look(&store, T0).await;
        let app = App::new(AppParts {
            gate: Arc::clone(&gate),
            gateway,
            // The mission's, tiers included.
            defaults: DefaultsConfig { keys: BTreeMap::new() },
            metrics,
            fleet: fleet.clone(),
            apps: AppsOptions {
                config: configuration("").apps,
                port: Some(7080),
                platform: platform.to_owned(),
                key: bailey_core::Secret::new([7; 32]),
            },
            identity: identity(&config),
            templates: folder.clone(),
            chats: config.chats.clone(),
            audit: audit.clone(),
            anchors: anchors.clone(),
            forges: Forges::new(&MasterKey::new(bailey_core::Secret::new([7; 32])), &config.egress.hosts).unwrap(),
        });
        Self {
            router: bailey_server::routes::router(&app),
            app,
            store,
            gate,
            replica,
            clock: hand,
            sim,
            fleet,
            folder,
            directory,
            writer,
            position: AtomicU64::new(1),
            audit,
            anchors,
            db,
        }
    }

    /// The person that a fresh database begins with.
    pub(crate) async fn owner(&self) -> Client {
        let owner = self.store.person_by_name(bootstrap::OWNER).await.unwrap().unwrap();
        self.client(&owner, TokenScopes::All).await
    }

    /// The audit log as the server opens it that is started after this one.
    pub(crate) async fn audit_of_the_next_server(&self) -> AuditLog {
        let options = AuditOptions {
            store: self.store.clone(),
            clock: self.gate.clock().clone(),
            tasks: Tasks::new(),
            replica: self.replica,
            kind: AuditWriterKind::Server,
        };
        AuditLog::start(options).await.unwrap()
    }

    /// A new person.
    pub(crate) async fn person(&self, name: &str, role: Role) -> Client {
        let person = Person {
            id: PersonId::new_at(T0),
            name: name.to_owned(),
            display_name: name.to_owned(),
            email: None,
            role,
            status: PersonStatus::Active,
            charged_group: None,
            created_at: T0,
        };
        self.store.person_insert(&person).await.unwrap();
        self.client(&person, TokenScopes::All).await
    }

    /// The same person with another token.
    pub(crate) async fn with_scopes(&self, client: &Client, scopes: TokenScopes) -> Client {
        let id = client.id.parse().unwrap();
        let person = self.store.person_get(id).await.unwrap().unwrap();
        self.client(&person, scopes).await
    }

    /// A role that somebody made.
    pub(crate) async fn role(&self, name: &str, permissions: &[(Action, Reach)]) {
        let mut all = Permissions::default();
        for (action, reach) in permissions {
            all.add(*action, *reach).unwrap();
        }
        let role = CustomRole {
            id: RoleId::new_at(T0),
            name: name.to_owned(),
            description: String::new(),
            permissions: all,
            created_at: T0,
            created_by: None,
        };
        self.store.role_insert(&role).await.unwrap();
    }

    /// The same person with a token that is narrowed to some actions.
    pub(crate) async fn narrowed(&self, client: &Client, actions: &[&str]) -> Client {
        let person = self
            .store
            .person_get(client.id.parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        self.client(&person, TokenScopes::from_names(actions).unwrap()).await
    }

    async fn client(&self, person: &Person, scopes: TokenScopes) -> Client {
        let minted = token::mint(Kind::ApiToken).unwrap();
        let record = ApiToken {
            id: TokenId::new_at(T0),
            public_id: minted.public_id,
            hash: minted.hash,
            name: "test".to_owned(),
            person: person.id,
            scopes,
            created_at: T0,
            expires_at: None,
            revoked_at: None,
        };
        self.store.token_insert(&record).await.unwrap();
        Client {
            browser: false,
            cookie: None,
            address: IpAddr::from([192, 0, 2, 1]),
            router: self.router.clone(),
            id: person.id.to_string(),
            name: person.name.clone(),
            token: minted.text.expose().clone(),
        }
    }

    /// Somebody without a token.
    pub(crate) fn nobody(&self) -> Client {
        Client {
            browser: false,
            cookie: None,
            address: IpAddr::from([192, 0, 2, 1]),
            router: self.router.clone(),
            id: String::new(),
            name: String::new(),
            token: String::new(),
        }
    }

    /// Puts a request of a person into the ledger: `nanos` of cost, `seconds` after T0.
    pub(crate) async fn record(&self, of: &Client, key: Option<&str>, model: &str, nanos: i64, seconds: i64) -> String {
        let started_at = T0.plus_seconds(seconds);
        let id = RequestId::new_at(started_at);
        let record = RequestRecord {
            id,
            subject: Subject {
                key: key.map(|k| k.parse::<KeyId>().unwrap()),
                token: None,
                person: Some(of.id.parse().unwrap()),
                group: None,
                workspace: None,
                protocol: "chat".to_owned(),
                model: model.to_owned(),
                stream: false,
                session: Some("=cmd()".to_owned()),
            },
            started_at,
            latency_us: 1_000,
            ttft_us: Some(500),
            status: 200,
            outcome: Outcome::Ok,
            code: None,
            provider: Some("mock".to_owned()),
            provider_model: Some(model.to_owned()),
            attempts: 1,
            usage: Usage {
                input: 10,
                output: 5,
                ..Usage::default()
            },
            cost: Money::from_nanos(nanos),
            overrun: Money::ZERO,
            flag: None,
            price_version: Some("v1".to_owned()),
            provider_request_id: None,
        };
        let settlement = Settlement {
            attempt: None,
            accounts: Vec::new(),
            charge: Money::ZERO,
            overrun: Money::ZERO,
            detail: None,
            request: Some(record),
        };
        let offset = self.position.fetch_add(1, Ordering::Relaxed);
        let position = JournalPosition { segment: 1, offset };
        self.store
            .ledger_apply(self.writer, position, &[], &[settlement], T0)
            .await
            .unwrap();
        id.to_string()
    }

    /// Takes all that is left of a budget, as the API shows it, for calls; answers how much that was.
    pub(crate) async fn take(&self, budget: &serde_json::Value) -> Money {
        let period: Period = budget["period"].as_str().unwrap().parse().unwrap();
        let account = AccountKey {
            budget: budget["id"].as_str().unwrap().parse().unwrap(),
            window: period.window(T0).start,
        };
        let limit = Money::from_nanos(budget["limit"]["nanos"].as_i64().unwrap());
        let policy = LeasePolicy { share: 1 };
        let taken = self
            .store
            .leases_take(self.replica, T0, &[(account, limit)], policy)
            .await
            .unwrap();
        taken[0].1
    }
}

impl Client {
    /// The same person with another token.
    pub(crate) fn with_token(&self, token: &serde_json::Value) -> Self {
        let token = token.as_str().unwrap().to_owned();
        Self { token, ..self.clone() }
    }

    /// Sends a request, and leaves the answer's body to be read.
    pub(crate) async fn open(&self, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(Peer(self.address));
        let headers = request.headers_mut();
        if self.browser {
            for (name, value) in [("host", "localhost:7080"), ("origin", "http://localhost:7080")] {
                headers.entry(name).or_insert(HeaderValue::from_static(value));
            }
        }
        if let Some(cookie) = &self.cookie {
            let value = format!("theme=dark; __Host-bailey-session={cookie}").parse().unwrap();
            headers.insert("cookie", value);
        }
        if !self.token.is_empty() && !request.headers().contains_key("authorization") {
            let value = format!("Bearer {}", self.token).parse().unwrap();
            request.headers_mut().insert("authorization", value);
        }
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.open(request).await.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        }
    }

    /// Sends a request with a JSON body, or none.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PATCH, path, Some(&body)).await
    }

    pub(crate) async fn put(&self, path: &str) -> Reply {
        self.call(Method::PUT, path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, None).await
    }

    /// Makes a key with the defaults of its scope, and answers with its record.
    pub(crate) async fn key(&self, name: &str) -> Value {
        self.post("/api/v1/keys", serde_json::json!({ "name": name }))
            .await
            .ok(201)
    }
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The body as JSON of an answer with this status.
    #[track_caller]
    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// The problem's code, of an answer that is a well-formed problem.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["type"], format!("/errors/{code}"));
        assert!(
            problem["title"].is_string() && problem["detail"].is_string(),
            "{problem}"
        );
        assert_eq!(
            problem["instance"],
            self.headers["x-bailey-request-id"].to_str().unwrap()
        );
        code
    }

    /// The code, and the parts of the request that the problem names.
    #[track_caller]
    pub(crate) fn problem(&self) -> (String, Vec<String>) {
        let code = self.code();
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let part = |e: &Value| e["pointer"].as_str().or(e["parameter"].as_str()).unwrap().to_owned();
        (code, errors.iter().map(part).collect())
    }

    /// The body without what differs from one request to the next.
    pub(crate) fn anonymous(&self) -> Value {
        let mut json = self.json();
        if let Some(object) = json.as_object_mut() {
            object.remove("instance");
        }
        json
    }
}

/// The values of `field` in a page's items.
pub(crate) fn fields(page: &Value, field: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|i| i[field].as_str().unwrap().to_owned()).collect()
}
