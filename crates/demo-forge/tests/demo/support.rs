//! A forge, a client on real sockets, git, and a receiver of webhooks.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bailey_demo_forge::{DeliveryOptions, DemoConfig, DemoForge, Role, SeedUser, Visibility};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;

pub(crate) const GREETER: &str = "/api/v4/projects/demo%2Fgreeter";

/// A forge in a directory of its own. Beside the demonstration's it has Gus, a guest of a private project, and Eve, a member of nothing.
pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) forge: DemoForge,
}

pub(crate) fn config(directory: &Path) -> DemoConfig {
    let mut config = DemoConfig::new(directory);
    config.deliveries = DeliveryOptions {
        timeout: Duration::from_secs(5),
        attempts: 3,
        pause: Duration::from_millis(20),
    };
    for (name, admin) in [("gus", false), ("eve", false), ("root", true)] {
        config.seed.users.push(SeedUser {
            username: name.to_owned(),
            name: name.to_uppercase(),
            admin,
            identities: vec![("openid".to_owned(), format!("sub-{name}"))],
            ..SeedUser::default()
        });
    }
    let mut secret = config.seed.projects[0].clone();
    secret.path = "demo/secret".to_owned();
    secret.visibility = Visibility::Private;
    secret.members.push(("gus".to_owned(), Role::Guest));
    config.seed.projects.push(secret);
    config
}

impl World {
    pub(crate) async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let forge = DemoForge::start(config(&home.path().join("forge"))).await.unwrap();
        Self { home, forge }
    }

    pub(crate) fn token(&self, user: &str) -> String {
        self.forge.token_create(user, "test", &["api"], None).unwrap()
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let stream = TcpStream::connect(self.forge.addr()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut running = JoinSet::new();
        running.spawn(async move { drop(connection.await) });
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.forge.addr().to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// A request to the API with a token; an empty one is none.
    pub(crate) async fn api(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("content-type", "application/json")];
        if !token.is_empty() {
            headers.push(("authorization", &bearer));
        }
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(method, path, &headers, &body).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.api(token, "GET", path, &Value::Null).await
    }

    /// The address of a repository with a credential in it.
    pub(crate) fn clone_url(&self, user: &str, token: &str, project: &str) -> String {
        format!("http://{user}:{token}@{}/{project}.git", self.forge.addr())
    }

    /// A clone of the greeter as a user.
    pub(crate) async fn clone(&self, user: &str, into: &str) -> PathBuf {
        let url = self.clone_url(user, &self.token(user), "demo/greeter");
        let directory = self.home.path().join(into);
        let done = git(self.home.path(), &["clone", "-q", &url, into]).await;
        assert!(done.ok, "{}", done.said);
        directory
    }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, of an answer with this status.
    pub(crate) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) ok: bool,
    pub(crate) said: String,
}

/// Runs a program in a directory, without this machine's settings of git.
pub(crate) async fn run(directory: &Path, program: &str, arguments: &[&str]) -> Done {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Dan Developer")
        .env("GIT_AUTHOR_EMAIL", "dan@demo.invalid")
        .env("GIT_COMMITTER_NAME", "Dan Developer")
        .env("GIT_COMMITTER_EMAIL", "dan@demo.invalid")
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    Done {
        ok: output.status.success(),
        said: String::from_utf8_lossy(&said).into_owned(),
    }
}

pub(crate) async fn git(directory: &Path, arguments: &[&str]) -> Done {
    run(directory, "git", arguments).await
}

/// The same, which has to succeed.
pub(crate) async fn git_ok(directory: &Path, arguments: &[&str]) -> String {
    let done = git(directory, arguments).await;
    assert!(done.ok, "git {arguments:?}: {}", done.said);
    done.said
}

/// A delivery that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Receives webhooks, and answers with what is scripted, then with 200.
pub(crate) struct Receiver {
    pub(crate) url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    _accepting: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(statuses.iter().copied().collect::<VecDeque<u16>>()));
        let mut accepting = JoinSet::new();
        let seen = Arc::clone(&arrived);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let headers = head.headers;
                        seen.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(Arrived { headers, body });
                        let status = script
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .pop_front()
                            .unwrap_or(200);
                        let mut answer = Response::new(Full::<Bytes>::default());
                        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
                        Ok::<_, Infallible>(answer)
                    }
                });
                connections.spawn(async move {
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            url,
            arrived,
            _accepting: accepting,
        }
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last delivery of a kind.
    pub(crate) fn last(&self, event: &str) -> Arrived {
        let all = self.arrived();
        let last = all
            .iter()
            .rev()
            .find(|arrived| arrived.header("x-gitlab-event") == event);
        last.unwrap_or_else(|| panic!("no {event}")).clone()
    }
}
