//! A GitLab that is played: the part of its API that Bailey uses, with faults on demand and a record of what it saw.

mod routes;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query, as they were sent.
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
}

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It is not done, and this is the answer.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// It is done, and the connection breaks before the answer.
    Lost,
    /// It is done by somebody else just before, so that it clashes.
    Raced,
    /// Nothing comes.
    Stall,
}

/// A fault for requests whose method and path contain a text, so many times.
#[derive(Debug, Clone)]
struct Script {
    matches: &'static str,
    times: usize,
    fault: Fault,
}

/// What the forge has.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) myself: Value,
    pub(crate) users: Vec<Value>,
    pub(crate) token: Option<Value>,
    pub(crate) project: Value,
    pub(crate) members: Vec<Value>,
    pub(crate) issues: Vec<Value>,
    pub(crate) notes: Vec<Value>,
    pub(crate) label_events: Vec<Value>,
    pub(crate) branches: Vec<Value>,
    pub(crate) merge_requests: Vec<Value>,
    pub(crate) hooks: Vec<Value>,
    /// Whether the version knows signing tokens.
    pub(crate) signs: bool,
    /// Where links to next pages lead.
    pub(crate) link_base: String,
    pub(crate) seen: Vec<Seen>,
    scripts: Vec<Script>,
    next: i64,
}

impl State {
    pub(crate) fn new_id(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    /// Requests whose method and path contain a text.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.seen
            .iter()
            .filter(|seen| format!("{} {}", seen.method, seen.path).contains(text))
            .count()
    }

    /// Lets the next requests that match fail.
    pub(crate) fn fail(&mut self, matches: &'static str, times: usize, fault: Fault) {
        self.scripts.push(Script { matches, times, fault });
    }

    fn fault(&mut self, line: &str) -> Option<Fault> {
        let script = self
            .scripts
            .iter_mut()
            .find(|script| script.times > 0 && line.contains(script.matches))?;
        script.times -= 1;
        Some(script.fault.clone())
    }
}

/// A running fake. Dropped, it stops.
pub(crate) struct Fake {
    address: std::net::SocketAddr,
    state: Arc<Mutex<State>>,
    _accepting: JoinSet<()>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(seeded(address)));
        let mut accepting = JoinSet::new();
        let shared = Arc::clone(&state);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                connections.spawn(async move {
                    // A fault breaks connections on purpose.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            state,
            _accepting: accepting,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/git", self.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seeded(address: std::net::SocketAddr) -> State {
    let user =
        |id: i64, name: &str| json!({ "id": id, "username": name, "name": name, "state": "active", "bot": false });
    let mut myself = user(90, "bailey");
    myself["is_admin"] = json!(false);
    State {
        myself: myself.clone(),
        users: vec![user(51, "ada"), user(52, "grace"), myself],
        token: Some(json!({ "id": 3, "scopes": ["api"], "expires_at": "2027-01-01", "active": true })),
        project: json!({
            "id": 14, "path_with_namespace": "space/rocket", "web_url": "https://gitlab.example.com/space/rocket",
            "http_url_to_repo": "https://evil.example/space/rocket.git", "default_branch": "main", "visibility": "private",
            "archived": false, "empty_repo": false, "issues_access_level": "enabled", "merge_requests_access_level": "enabled",
            "permissions": { "project_access": { "access_level": 40 }, "group_access": null },
        }),
        branches: vec![json!({ "name": "main", "commit": { "id": "95790bf891e76fee5e1747ab589903a6a1f80f22" } })],
        signs: true,
        link_base: format!("http://{address}/git"),
        next: 1_000,
        ..State::default()
    }
}

/// An issue as GitLab tells it.
pub(crate) fn issue(number: u64, updated_at: &str) -> Value {
    json!({
        "id": 300 + number, "iid": number, "project_id": 14, "title": "Countdown stops at two", "description": "The countdown stops.",
        "state": "opened", "confidential": false, "labels": ["bug", "bailey-agent"], "updated_at": updated_at,
        "web_url": format!("https://gitlab.example.com/space/rocket/-/issues/{number}"),
        "assignees": [{ "id": 51, "username": "ada", "name": "Ada", "state": "active" }],
        "author": { "id": 52, "username": "grace", "name": "Grace", "state": "active" },
    })
}

/// A note as GitLab tells it.
pub(crate) fn note(id: i64, author: i64, body: &str) -> Value {
    let created_at = format!("2026-11-25T10:{:02}:{:02}.000Z", id / 60 % 60, id % 60);
    json!({
        "id": id, "body": body, "system": false, "created_at": created_at, "noteable_iid": 23,
        "author": { "id": author, "username": format!("user{author}"), "name": "", "state": "active" },
    })
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, &'static str> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| "the body broke")?.to_bytes();
    let body: Value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).map_err(|_| "no JSON")?
    };
    let path = head.uri.path_and_query().map_or("", |path| path.as_str()).to_owned();
    let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    let authorization = authorization.map(str::to_owned);
    let (fault, authorized) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.seen.push(Seen {
            method: head.method.to_string(),
            path: path.clone(),
            authorization: authorization.clone(),
            body: body.clone(),
        });
        let authorized = authorization.as_deref() == Some(&format!("Bearer {}", crate::support::TOKEN));
        (state.fault(&format!("{} {path}", head.method)), authorized)
    };
    if !authorized {
        return Ok(json_answer(401, &json!({ "message": "401 Unauthorized" }), &[]));
    }
    let query: HashMap<String, String> = head
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(pair)
        .collect();
    let decoded: Vec<String> = head
        .uri
        .path()
        .trim_start_matches("/git/api/v4/")
        .split('/')
        .map(decode)
        .collect();
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let act = || {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        routes::route(&mut state, head.method.as_str(), &parts, &query, &body)
    };
    match fault {
        Some(Fault::Answer(status, headers, text)) => {
            let mut answer = Response::new(Full::new(text.into()));
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                answer.headers_mut().insert(name, value.parse().unwrap());
            }
            return Ok(answer);
        }
        Some(Fault::Stall) => tokio::time::sleep(Duration::from_mins(1)).await,
        Some(Fault::Lost) => {
            act();
            return Err("lost on purpose");
        }
        Some(Fault::Raced) => {
            act();
        }
        None => {}
    }
    let (status, body, headers) = act();
    Ok(json_answer(status, &body, &headers))
}

fn json_answer(status: u16, body: &Value, headers: &[(&'static str, String)]) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.to_string().into()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        answer.headers_mut().insert(*name, value.parse().unwrap());
    }
    answer
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((decode(name), decode(value)))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A server that answers everything and tells what it saw: where a redirect leads.
pub(crate) async fn elsewhere() -> (String, Arc<Mutex<Vec<String>>>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut accepting = JoinSet::new();
    let shared = Arc::clone(&seen);
    accepting.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&shared);
            let service = service_fn(move |request: Request<Incoming>| {
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(format!("{request:?}"));
                std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("{}"))))
            });
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    (url, seen, accepting)
}
