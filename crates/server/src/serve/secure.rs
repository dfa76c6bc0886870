//! Connections over TLS: the handshake, HTTP/2 for those who speak it, and an answer for those who do not speak TLS.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bailey_api::agent::LINK_PATH;
use bailey_runtime::Tasks;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_rustls::server::TlsStream;

use super::body::AnyBody;
use super::{Ended, Hop, Shared, dispatch, fixed, http1};
use crate::tls::{Acceptor, H2};

/// What a TLS record begins with that opens a handshake.
const HANDSHAKE: u8 = 0x16;
/// Requests of one HTTP/2 connection at the same time.
const STREAMS: u32 = 128;
/// How often the other side of an HTTP/2 connection is asked whether it is there.
const PING: Duration = Duration::from_secs(30);
/// How long it may take to say so, and to leave when it is asked to.
const PONG: Duration = Duration::from_secs(20);
/// After this long without a request, an HTTP/2 connection is closed.
const IDLE: Duration = Duration::from_mins(2);

const SPEAKS_TLS: &str = r#"{"type":"/errors/https_required","title":"Signing in takes https","status":400,"code":"https_required","detail":"this port speaks https and nothing else; write https:// instead of http://"}"#;

/// What the other side turns out to speak.
enum Opened {
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

/// Serves a connection from its handshake to its end.
pub(super) async fn connection(acceptor: &Acceptor, stream: TcpStream, hop: Hop, shared: &Arc<Shared>) -> Ended {
    let time = shared.serving.options.header_timeout;
    let opened = tokio::select! {
        opened = timeout(time, Box::pin(open(acceptor, stream))) => opened,
        () = shared.closing.cancelled() => return Ok(()),
    };
    match opened.map_err(|_| "the handshake took too long")?? {
        Opened::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(H2) => {
            Box::pin(speak_http2(*stream, hop, shared)).await
        }
        Opened::Tls(stream) => Box::pin(super::speak_http1(*stream, hop, shared)).await,
        Opened::Plain(stream) => Box::pin(speak_plain(stream, hop, shared)).await,
    }
}

async fn open(acceptor: &Acceptor, stream: TcpStream) -> std::io::Result<Opened> {
    let mut first = [0];
    let seen = stream.peek(&mut first).await?;
    // Who closes at once only wanted to know whether there is somebody.
    if seen == 0 || first == [HANDSHAKE] {
        let stream = acceptor.accept(stream).await?;
        return Ok(Opened::Tls(Box::new(stream)));
    }
    Ok(Opened::Plain(stream))
}

/// Who does not speak TLS is told so. Agents of workspaces on this machine are served: what they say does not leave it.
async fn speak_plain(stream: TcpStream, mut hop: Hop, shared: &Arc<Shared>) -> Ended {
    hop.encrypted = false;
    let own = stream.local_addr()?.ip();
    let here = hop.peer.to_canonical().is_loopback() || hop.peer == own;
    let service = service_fn({
        let shared = Arc::clone(shared);
        move |request: Request<Incoming>| {
            let (shared, hop) = (Arc::clone(&shared), hop.clone());
            async move {
                if here && request.uri().path() == LINK_PATH {
                    return dispatch(shared, hop, request).await;
                }
                Ok::<_, Infallible>(fixed(StatusCode::BAD_REQUEST, SPEAKS_TLS))
            }
        }
    });
    let mut builder = http1(&shared.serving.options);
    builder.keep_alive(false);
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::select! {
        ended = connection => ended?,
        () = shared.closing.cancelled() => {}
    }
    Ok(())
}

/// Runs what an HTTP/2 connection spawns where shutdown waits for it.
#[derive(Clone)]
struct Spawn(Tasks);

impl<F> Executor<F> for Spawn
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

/// Requests of a connection: how many there are, and how many there were.
#[derive(Default)]
struct Requests {
    open: AtomicUsize,
    seen: AtomicU64,
}

/// A request that is not answered whole.
struct Open(Arc<Requests>);

/// A body that counts as an open request until it is gone.
struct Counted {
    body: AnyBody,
    _open: Open,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Requests {
    fn begin(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.seen.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn speak_http2(stream: TlsStream<TcpStream>, hop: Hop, shared: &Arc<Shared>) -> Ended {
    let requests = Arc::new(Requests::default());
    let service = service_fn({
        let (shared, requests) = (Arc::clone(shared), Arc::clone(&requests));
        move |request: Request<Incoming>| {
            let open = requests.begin();
            let answered = dispatch(Arc::clone(&shared), hop.clone(), request);
            async move {
                let response = answered.await?;
                Ok::<_, Infallible>(response.map(|body| Counted { body, _open: open }))
            }
        }
    });
    let options = &shared.serving.options;
    let mut builder = http2::Builder::new(Spawn(shared.serving.tasks.clone()));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(options.header_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(64 * 1024)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = connection.as_mut() => return Ok(ended?),
        () = unused(&requests) => {
            connection.as_mut().graceful_shutdown();
            // Nothing is open, so that nothing is lost with one that does not leave.
            return timeout(PONG, connection).await.map_or(Ok(()), |ended| Ok(ended?));
        }
        () = shared.closing.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

/// Resolves when there was no request for a while.
async fn unused(requests: &Requests) {
    let mut ticks = tokio::time::interval(IDLE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = None;
    loop {
        ticks.tick().await;
        let seen = requests.seen.load(Ordering::Relaxed);
        if before == Some(seen) && requests.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        before = Some(seen);
    }
}
