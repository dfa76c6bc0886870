//! Apps on a listener, an agent in memory, and people.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use bailey_api::agent::{LinkClass, Purpose};
use bailey_core::authz::{Role, TokenScopes};
use bailey_core::people::{ApiToken, Person, PersonStatus};
use bailey_core::template::{App, Resolved, Sharing, Target};
use bailey_core::workspace::{Build, BuildState, Quota, Transition};
use bailey_core::{BuildId, PersonId, TemplateId, TemplateVersionId, Timestamp, TokenId};
use bailey_gate::token::{self, Kind};
use bailey_link::Connection;
use bailey_runtime::ManualClock;
use bailey_runtime::ids::NewId;
use bailey_store::{Begun, NewWorkspace, Opened, Suspended};
use bailey_testkit::db::{TestTarget, on_sqlite};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::super::*;
use crate::links::Place as LinkPlace;
use crate::links::tests::Memory;

pub(super) const T0: Timestamp = Timestamp::from_seconds(1_795_176_000);

/// The apps that each workspace of the tests has.
pub(super) const ECHO: &str = "echo";
pub(super) const SHARED: &str = "shared";
pub(super) const OPEN: &str = "open";
pub(super) const DEAD: &str = "dead";

pub(super) struct Rig {
    pub(super) apps: Apps,
    pub(super) store: Store,
    pub(super) clock: ManualClock,
    pub(super) port: u16,
    pub(super) ann: Person,
    pub(super) bob: Person,
    pub(super) token: TokenId,
    /// Ann's.
    pub(super) workspace: WorkspaceId,
    pub(super) noted: Arc<Mutex<Vec<WorkspaceId>>>,
    /// How many connections the apps have taken.
    pub(super) connections: Arc<Mutex<usize>>,
    links: Links,
    _places: Vec<LinkPlace>,
}

/// An answer, or what came of it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(super) fn cookie(&self) -> String {
        let cookie = self.header("set-cookie").expect("no cookie");
        cookie.split(';').next().unwrap().to_owned()
    }
}

pub(super) fn test<F: Future<Output = ()>>(most: Sharing, body: impl FnOnce(Rig) -> F) {
    on_sqlite(async |db| {
        let TestTarget::Sqlite(path) = db.target() else {
            unreachable!()
        };
        let store = Store::open(&bailey_store::Target::Sqlite(path.clone())).await.unwrap();
        crate::bootstrap::ensure(&store, T0).await.unwrap();
        body(Rig::start(store, most).await).await;
    });
}

impl Rig {
    async fn start(store: Store, most: Sharing) -> Self {
        let ann = person(&store, "ann").await;
        let bob = person(&store, "bob").await;
        let token = token(&store, ann.id).await;
        let workspace = workspace(&store, ann.id, "work").await;
        let (clock, hand) = Clock::manual(T0);
        let (tasks, links) = (Tasks::new(), Links::default());
        let connections = Arc::default();
        let mut places = Vec::new();
        for class in [LinkClass::Bulk, LinkClass::Interactive] {
            let opener = agent(&tasks, Arc::clone(&connections));
            places.push(links.attach(workspace, class, opener));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let noted = Arc::new(Mutex::new(Vec::new()));
        let audit = crate::AuditLog::start(crate::AuditOptions {
            store: store.clone(),
            clock: clock.clone(),
            tasks: tasks.clone(),
            replica: bailey_core::ReplicaId::new_at(T0),
            kind: bailey_store::AuditWriterKind::Server,
        })
        .await
        .unwrap();
        let apps = Apps::new(AppsParts {
            streams: crate::streams::Open::default(),
            options: AppsOptions {
                config: AppsConfig {
                    domain: "localhost".to_owned(),
                    https: false,
                    max_sharing: most,
                },
                port: Some(port),
                platform: "http://localhost:7080".to_owned(),
                key: Secret::new([7; 32]),
            },
            links: links.clone(),
            note: Arc::new({
                let noted = Arc::clone(&noted);
                move |id| noted.lock().unwrap().push(id)
            }),
            store: store.clone(),
            clock,
            tasks: tasks.clone(),
            audit,
        });
        serve(&tasks, listener, apps.clone());
        Self {
            apps,
            store,
            clock: hand,
            port,
            ann,
            bob,
            token,
            workspace,
            noted,
            connections,
            links,
            _places: places,
        }
    }

    /// The host of an app of Ann's.
    pub(super) fn host(&self, app: &str) -> String {
        format!("{app}--work--ann.localhost:{}", self.port)
    }

    pub(super) fn origin(&self, app: &str) -> String {
        format!("http://{}", self.host(app))
    }

    /// A code for one of Ann's apps.
    pub(super) fn code(&self, person: &Person, app: &str) -> String {
        let grant = Grant {
            person: person.id,
            token: (person.id == self.ann.id).then_some(self.token),
            session: None,
            workspace: self.workspace,
            app: app.to_owned(),
        };
        let link = self.apps.link("work", "ann", grant, None).unwrap().unwrap();
        let prefix = format!("{}/.bailey/open?code=", self.origin(app));
        link.expose().strip_prefix(&prefix).unwrap().to_owned()
    }

    pub(super) async fn enter(&self, app: &str, code: &str) -> Reply {
        self.get(app, &format!("/.bailey/open?code={code}"), &[]).await
    }

    /// `name=value` of a session.
    pub(super) async fn session(&self, person: &Person, app: &str) -> String {
        let reply = self.enter(app, &self.code(person, app)).await;
        assert_eq!(reply.status, 303, "{reply:?}");
        reply.cookie()
    }

    pub(super) async fn get(&self, app: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.ask("GET", &self.host(app), path, headers).await
    }

    pub(super) async fn ask(&self, method: &str, host: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        self.raw(&format!("{head}\r\n")).await
    }

    pub(super) async fn raw(&self, request: &str) -> Reply {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
        read.expect("no end of the answer").unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Reply {
            status: head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// An upgraded connection, and the app's words about its head.
    pub(super) async fn upgrade(&self, app: &str, path: &str, headers: &[(&str, &str)]) -> (String, TcpStream) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let host = self.host(app);
        let mut head = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        (String::from_utf8(answer).unwrap(), stream)
    }

    /// The workspace's agent goes away.
    pub(super) fn disconnect(&self) {
        self.links.close(self.workspace);
    }
}

pub(super) async fn suspend(store: &Store, person: &Person) {
    let ask = Suspended {
        person: person.id,
        at: T0,
        by: None,
        reason: None,
        idle_seconds: 1_800,
        opened: Opened::default(),
    };
    store.person_suspend(&ask).await.unwrap();
}

async fn person(store: &Store, name: &str) -> Person {
    let person = Person {
        id: PersonId::new_at(T0),
        name: name.to_owned(),
        display_name: name.to_owned(),
        email: None,
        role: Role::Member,
        status: PersonStatus::Active,
        charged_group: None,
        created_at: T0,
    };
    store.person_insert(&person).await.unwrap();
    person
}

async fn token(store: &Store, person: PersonId) -> TokenId {
    let minted = token::mint(Kind::ApiToken).unwrap();
    let token = ApiToken {
        id: TokenId::new_at(T0),
        public_id: minted.public_id,
        hash: minted.hash,
        name: "test".to_owned(),
        person,
        scopes: TokenScopes::All,
        created_at: T0,
        expires_at: None,
        revoked_at: None,
    };
    store.token_insert(&token).await.unwrap();
    token.id
}

async fn workspace(store: &Store, owner: PersonId, name: &str) -> WorkspaceId {
    let app = |name: &str, sharing| App {
        name: name.to_owned(),
        display_name: name.to_owned(),
        icon: String::new(),
        target: Target::Port(8080),
        command: None,
        health: None,
        sharing,
    };
    let new = NewWorkspace {
        id: WorkspaceId::new_at(T0),
        owner,
        name: name.to_owned(),
        template: TemplateId::new_at(T0),
        version: TemplateVersionId::new_at(T0),
        parameters: BTreeMap::new(),
        resolved: Resolved {
            apps: vec![
                app(ECHO, Sharing::Owner),
                app(DEAD, Sharing::Owner),
                app(SHARED, Sharing::Authenticated),
                app(OPEN, Sharing::Public),
            ],
            ..Resolved::default()
        },
        auto_stop: None,
        created_at: T0,
    };
    let build = Build {
        id: BuildId::new_at(T0),
        workspace: new.id,
        number: 1,
        transition: Transition::Start,
        state: BuildState::Queued,
        version: new.version,
        initiator: Some(owner),
        reason: None,
        error: None,
        created_at: T0,
        started_at: None,
        finished_at: None,
    };
    let quota = Quota {
        workspaces: None,
        running: None,
        cpu_milli: None,
        memory: None,
        disk: None,
    };
    let made = store.workspace_create(&new, &build, &quota).await.unwrap();
    assert!(matches!(made, Begun::Yes(_)));
    new.id
}

fn serve(tasks: &Tasks, listener: TcpListener, apps: Apps) {
    let own = tasks.clone();
    tasks.spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let apps = apps.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let apps = apps.clone();
                async move {
                    let host = apps.host(Some(&["bailey.localhost".to_owned()]), request.uri(), request.headers());
                    let Some(host) = host else {
                        let body = AppBody::full("bailey itself");
                        return Ok::<_, Infallible>(Response::new(body));
                    };
                    Ok(apps.serve(peer.ip(), host, request).await)
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            own.spawn(async move {
                let _ = connection.await;
            });
        }
    });
}

/// An agent whose apps tell what they were asked, and whose terminals repeat frames.
fn agent(tasks: &Tasks, connections: Arc<Mutex<usize>>) -> bailey_link::Opener {
    let ((a, b), (c, d)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let mut client = Connection::client(Memory { to: a, from: d });
    let server = Connection::server(Memory { to: c, from: b });
    tasks.spawn(client.driver);
    tasks.spawn(server.driver);
    let own = tasks.clone();
    tasks.spawn(async move {
        let _opener = client.opener;
        while let Some(stream) = client.incoming.next().await {
            let (purpose, pending) = bailey_link::accept::<Purpose>(stream).await.unwrap();
            match purpose {
                Purpose::App { name } if name == DEAD => {
                    own.spawn(async move { pending.refuse("<nothing> listens on port 8080").await });
                }
                Purpose::App { .. } => {
                    *connections.lock().unwrap() += 1;
                    let stream = pending.accept().await.unwrap();
                    let (tasks, own) = (own.clone(), own.clone());
                    let service = service_fn(move |request| echo(tasks.clone(), request));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades();
                    own.spawn(async move {
                        let _ = connection.await;
                    });
                }
                Purpose::Terminal(open) => {
                    let stream = pending.accept().await.unwrap();
                    own.spawn(async move {
                        let (mut reader, mut writer) = bailey_link::frames(stream, 1 << 20);
                        let greeting = format!("O{}", open.name);
                        writer.send(greeting.as_bytes()).await.unwrap();
                        while let Ok(Some(frame)) = reader.next().await {
                            if writer.send(&frame).await.is_err() {
                                break;
                            }
                        }
                    });
                }
                _ => pending.refuse("not here").await,
            }
        }
    });
    server.opener
}

/// Answers with the request's head and body; an upgrade answers with the head and repeats what follows.
async fn echo(tasks: Tasks, mut request: Request<Incoming>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes())).unwrap();
    }
    let mut response = Response::new(Full::default());
    for (name, value) in [
        ("set-cookie", "own=1; Path=/"),
        ("set-cookie", "tossed=1; Domain=localhost"),
        ("set-cookie", "__Host-bailey-app=evil; Path=/; Secure"),
        ("keep-alive", "timeout=5"),
    ] {
        let name: http::HeaderName = name.parse().unwrap();
        response.headers_mut().append(name, HeaderValue::from_static(value));
    }
    if request.headers().contains_key("upgrade") {
        let upgraded = hyper::upgrade::on(&mut request);
        tasks.spawn(async move {
            let mut stream = TokioIo::new(upgraded.await.unwrap());
            stream.write_all(format!("{text}\n").as_bytes()).await.unwrap();
            let (mut read, mut write) = tokio::io::split(stream);
            let _ = tokio::io::copy(&mut read, &mut write).await;
            let _ = write.shutdown().await;
        });
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        for (name, value) in [("connection", "Upgrade"), ("upgrade", "websocket")] {
            let name: http::HeaderName = name.parse().unwrap();
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        return Ok(response);
    }
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    write!(text, "\n{}", String::from_utf8_lossy(&body)).unwrap();
    if path == "/slow" {
        std::future::pending::<()>().await;
    }
    *response.body_mut() = Full::new(text.into());
    Ok(response)
}
