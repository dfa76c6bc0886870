//! The workspace's files and other facts, as HTTP for the server.
//!
//! Files are touched by a helper that runs inside, as the person: this same program, started by the descriptor of its own
//! file, with a socket as its standard input. So whatever a path or a link inside leads to, it leads no further than the
//! person could go.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bailey_api::agent::HOME;
use bailey_core::template::ManagedFile;
use bailey_link::Pending;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::agent::{Agent, KILL};
use crate::pipes;
use crate::ports;
use crate::sandbox::{Command, program};

pub(crate) mod helper;
mod operations;
mod search;

/// A body of either direction.
pub(crate) type Body = BoxBody<Bytes, io::Error>;
/// How long the head of a request may take, and a connection rest.
const HEAD: Duration = Duration::from_mins(1);

/// How long the helper may take for an answer after the last of a request's body has reached it. It runs as the person, who may
/// stop it.
const SILENCE: Duration = Duration::from_mins(2);
/// How long writing one of Bailey's files may take.
const PLACING: Duration = Duration::from_secs(20);
/// The most bytes of what the helper says of a failure.
const LONGEST_FAILURE: usize = 64 * 1024;

/// All of `bytes` as a body.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<Body> {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}

/// An answer that says what went wrong.
pub(crate) fn failure(status: StatusCode, why: impl std::fmt::Display) -> Response<Body> {
    json(status, &serde_json::json!({ "error": why.to_string() }))
}

/// Serves a stream of the server's.
pub(crate) async fn serve(agent: &Arc<Agent>, pending: Pending) {
    let Ok(stream) = pending.accept().await else { return };
    // One helper per stream, from the first request that needs it to the end of the stream.
    let helper = Arc::new(Mutex::new(None));
    let service = service_fn(|request| {
        let (agent, helper) = (Arc::clone(agent), Arc::clone(&helper));
        async move { Ok::<_, Infallible>(answer(&agent, &helper, request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("a stream of requests ended: {error}");
    }
}

async fn answer(agent: &Arc<Agent>, helper: &Mutex<Option<Helper>>, request: Request<Incoming>) -> Response<Body> {
    match (request.method().as_str(), request.uri().path()) {
        ("GET", "/terminals") => json(
            StatusCode::OK,
            &serde_json::json!({ "terminals": agent.terminals.list() }),
        ),
        ("GET", "/stats") => json(StatusCode::OK, &agent.control.outbox.status_now()),
        ("GET", "/ports") => match ports::listening(agent.sandbox.init_pid()) {
            Ok(ports) => json(StatusCode::OK, &serde_json::json!({ "ports": ports })),
            Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, error),
        },
        (_, path) if helper::serves(path) => match forward(agent, helper, request).await {
            Ok(response) => response,
            Err(error) => failure(StatusCode::BAD_GATEWAY, error),
        },
        _ => failure(StatusCode::NOT_FOUND, "there is nothing at this path"),
    }
}

async fn forward(
    agent: &Arc<Agent>,
    helper: &Mutex<Option<Helper>>,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let mut helper = helper.lock().await;
    if helper.as_ref().is_none_or(|helper| helper.sender.is_closed()) {
        *helper = Some(Helper::start(agent).await?);
    }
    let running = helper.as_mut().ok_or(io::ErrorKind::NotConnected)?;
    let progress = Arc::new(std::sync::Mutex::new(Instant::now()));
    let moved = Arc::clone(&progress);
    let request = request.map(|body| {
        let noted = body.map_frame(move |frame| {
            *moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            frame
        });
        noted.map_err(io::Error::other).boxed()
    });
    let silence = async {
        loop {
            let until = *progress.lock().unwrap_or_else(PoisonError::into_inner) + SILENCE;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    };
    let answered = tokio::select! {
        response = running.send(request) => Some(response?),
        () = silence => None,
    };
    let Some(response) = answered else {
        // The person may have stopped it.
        agent.signal(running.pid, KILL).await;
        *helper = None;
        return Err(io::ErrorKind::TimedOut.into());
    };
    Ok(response.map(|body| body.map_err(io::Error::other).boxed()))
}

/// The helper inside. It ends when this is dropped.
pub(crate) struct Helper {
    pid: i32,
    sender: SendRequest<Body>,
}

impl Helper {
    /// Starts one.
    pub(crate) async fn start(agent: &Arc<Agent>) -> io::Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let program = program(Path::new("/proc/self/exe"))?;
        let command = Command {
            // Its own file, which is not to be found inside by any name.
            arguments: ["/proc/self/fd/2", "files"].map(str::to_owned).to_vec(),
            environment: std::collections::BTreeMap::new(),
            directory: HOME.to_owned(),
        };
        let process = agent
            .spawn(&command, [theirs, pipes::nothing()?, program])
            .await
            .map_err(io::Error::other)?;
        let stream = std::os::unix::net::UnixStream::from(ours);
        stream.set_nonblocking(true)?;
        let stream = UnixStream::from_std(stream)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        agent.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("the file helper is gone: {error}");
            }
        });
        let pid = process.pid;
        Ok(Self { pid, sender })
    }

    async fn send(&mut self, request: Request<Body>) -> io::Result<Response<Incoming>> {
        self.sender.ready().await.map_err(io::Error::other)?;
        self.sender.send_request(request).await.map_err(io::Error::other)
    }

    /// Writes a file that Bailey puts in place.
    pub(crate) async fn put(&mut self, file: &ManagedFile) -> io::Result<()> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("path", &file.path)
            .append_pair("parents", "true")
            .append_pair("executable", if file.executable { "true" } else { "false" })
            .append_pair("keep", if file.keep { "true" } else { "false" })
            .finish();
        let request = Request::put(format!("/files?{query}"))
            .body(full(file.content.clone()))
            .map_err(io::Error::other)?;
        let answered = timeout(PLACING, async {
            let response = self.send(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST_FAILURE).collect().await;
            io::Result::Ok((status, body.map_err(io::Error::other)?.to_bytes()))
        });
        let (status, body) = answered.await??;
        if status.is_success() {
            Ok(())
        } else {
            let why = String::from_utf8_lossy(&body);
            Err(io::Error::other(format!("{}: {why}", file.path)))
        }
    }
}
