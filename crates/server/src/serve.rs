//! Accepting connections: model calls go straight to the model door, everything else to the API's router.

mod body;
mod headers;
mod host;
mod secure;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bailey_gateway::{Body, Gateway};
use bailey_runtime::Tasks;
use bailey_runtime::config::Config;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::apps::{Apps, Place};
use crate::tls::Acceptor;
use crate::way::{Encrypted, Peer, Ways};
use crate::web;
use body::AnyBody;
pub(crate) use host::{host_allowed, is_loopback};

/// What connections are held to.
#[derive(Debug, Clone)]
pub(crate) struct ServeOptions {
    /// The longest time for a request's head, and for a handshake.
    pub(crate) header_timeout: Duration,
    /// The most bytes of a request's head.
    pub(crate) header_bytes: usize,
    /// The most headers.
    pub(crate) headers: usize,
    /// The most connections at once.
    pub(crate) connections: usize,
    /// Names that the `Host` header may have besides loopback names; `None` = any.
    pub(crate) hosts: Option<Vec<String>>,
}

impl ServeOptions {
    /// What the configuration says. On an address that is not loopback, and with no hosts configured, any name is taken.
    pub(crate) fn new(config: &Config) -> Self {
        let listen = config.server.listen;
        let open = !listen.ip().is_loopback() && config.server.allowed_hosts.is_empty();
        let hosts = (!open).then(|| {
            let mut hosts = config.server.allowed_hosts.clone();
            hosts.push(listen.ip().to_string());
            hosts
        });
        Self {
            header_timeout: config.server.header_timeout,
            header_bytes: config.limits.header_bytes,
            headers: config.limits.headers,
            connections: config.limits.connections,
            hosts,
        }
    }
}

/// What answers, and how.
pub(crate) struct Serving {
    /// The API.
    pub(crate) router: axum::Router,
    /// The model door.
    pub(crate) gateway: Arc<Gateway>,
    /// Apps of workspaces.
    pub(crate) apps: Apps,
    /// How requests came.
    pub(crate) ways: Ways,
    /// What connections are held to.
    pub(crate) options: ServeOptions,
    /// What makes them secure; `None` = they are plain.
    pub(crate) tls: Option<Acceptor>,
    /// Where the tasks of connections run.
    pub(crate) tasks: Tasks,
}

/// Everything a connection needs.
struct Shared {
    serving: Serving,
    closing: CancellationToken,
}

/// A connection as its requests know it.
#[derive(Clone)]
struct Hop {
    peer: IpAddr,
    encrypted: bool,
    place: Place,
}

/// Accepts connections until `stop`; then stops accepting, and tells open connections to end with their current request.
pub(crate) async fn serve(listener: TcpListener, serving: Serving, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(serving.options.connections));
    let closing = stop.clone();
    let shared = Arc::new(Shared { serving, closing });
    loop {
        // A place is taken before the connection is accepted: beyond the limit, clients wait in the kernel's queue.
        let place = tokio::select! {
            () = stop.cancelled() => return,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { return };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, Arc::clone(&shared), place);
                shared.serving.tasks.spawn(connection);
            }
            Err(error) => {
                // Out of file descriptors, mostly: others will be freed.
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>, place: OwnedSemaphorePermit) {
    // An event that waits for the acknowledgement of the one before it is an event 40 ms late.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, error = &error as &dyn std::error::Error, "cannot set TCP_NODELAY");
    }
    let mut hop = Hop {
        peer: peer.ip(),
        encrypted: false,
        place: Place::new(place),
    };
    let cut = hop.place.cut.clone();
    let spoken = async {
        match &shared.serving.tls {
            None => speak_http1(stream, hop, &shared).await,
            Some(acceptor) => {
                hop.encrypted = true;
                secure::connection(acceptor, stream, hop, &shared).await
            }
        }
    };
    let ended = tokio::select! {
        ended = spoken => ended,
        () = cut.cancelled() => return,
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error = &*error as &dyn std::error::Error, "a connection ended early");
    }
}

/// How a connection ended that did not end well.
type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Serves HTTP/1.1 on a connection until it ends.
async fn speak_http1<S>(stream: S, hop: Hop, shared: &Arc<Shared>) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn({
        let shared = Arc::clone(shared);
        move |request| dispatch(Arc::clone(&shared), hop.clone(), request)
    });
    let builder = http1(&shared.serving.options);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    tokio::select! {
        ended = connection.as_mut() => ended?,
        () = shared.closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await?;
        }
    }
    Ok(())
}

/// HTTP/1.1 with the caps that every connection has, whatever carries it.
pub(crate) fn http1(options: &ServeOptions) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_buf_size(options.header_bytes)
        .max_headers(options.headers)
        .half_close(false);
    builder
}

async fn dispatch(
    shared: Arc<Shared>,
    hop: Hop,
    mut request: Request<Incoming>,
) -> Result<Response<AnyBody>, Infallible> {
    let Serving { apps, ways, .. } = &shared.serving;
    let peer = Peer(hop.peer);
    let extensions = request.extensions_mut();
    extensions.insert(hop.place);
    extensions.insert(peer);
    if hop.encrypted {
        extensions.insert(Encrypted);
    }
    if let Err(error) = host::settle(&mut request) {
        tracing::debug!(peer = %hop.peer, %error, "a request is refused");
        return Ok(fixed(StatusCode::BAD_REQUEST, BAD_HOST));
    }
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let local = named.is_none_or(is_loopback);
    // First of all: what comes to an app's host never reaches a route of Bailey's.
    let hosts = shared.serving.options.hosts.as_deref();
    if let Some(host) = apps.host(hosts, request.uri(), request.headers()) {
        let address = ways.address(peer, request.headers());
        let mut response = apps.serve(address, host, request).await.map(AnyBody::App);
        headers::transport(response.headers_mut(), apps.https() && !local);
        return Ok(response);
    }
    let https = ways.is_https(request.extensions(), request.headers()) && !local;
    let mut response = answer(&shared.serving, request).await;
    headers::own(response.headers_mut());
    headers::transport(response.headers_mut(), https);
    Ok(response)
}

/// Bailey's own answer.
async fn answer(serving: &Serving, request: Request<Incoming>) -> Response<AnyBody> {
    let hosts = serving.options.hosts.as_deref();
    if !host_allowed(hosts, request.uri(), request.headers()) {
        return fixed(StatusCode::MISDIRECTED_REQUEST, MISDIRECTED);
    }
    if serving.gateway.handles(&request) {
        return serving.gateway.call(request).await.map(AnyBody::Door);
    }
    if let Some(response) = web::answer(&request) {
        return response.map(|bytes| AnyBody::Door(Body::full(bytes)));
    }
    let request = request.map(axum::body::Body::new);
    match serving.router.clone().oneshot(request).await {
        Ok(response) => response.map(AnyBody::Router),
        Err(never) => match never {},
    }
}

const MISDIRECTED: &str = r#"{"type":"/errors/host_not_allowed","title":"Host not allowed","status":421,"code":"host_not_allowed","detail":"this server does not answer to that name; add it to server.allowed_hosts"}"#;
const BAD_HOST: &str = r#"{"type":"/errors/host_not_allowed","title":"Host not allowed","status":400,"code":"host_not_allowed","detail":"a request names one host, once"}"#;

/// A problem that is known beforehand.
fn fixed(status: StatusCode, problem: &'static str) -> Response<AnyBody> {
    let mut response = Response::new(AnyBody::Door(Body::full(problem)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers::own(headers);
    response
}
