//! Accepting connections: model calls go straight to the model door, everything else to the API's router.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bailey_gateway::{Body, Gateway};
use bailey_runtime::Tasks;
use bailey_runtime::config::Config;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::apps::{AppBody, Apps, Place};
use crate::way::Peer;
use crate::web;

/// What connections are held to.
#[derive(Debug, Clone)]
pub(crate) struct ServeOptions {
    /// The longest time for a request's head.
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

/// Everything a connection needs.
struct Shared {
    router: axum::Router,
    gateway: Arc<Gateway>,
    apps: Apps,
    options: ServeOptions,
    closing: CancellationToken,
}

/// Accepts connections until `stop`; then stops accepting, and tells open connections to end with their current request.
pub(crate) async fn serve(
    listener: TcpListener,
    router: axum::Router,
    gateway: Arc<Gateway>,
    apps: Apps,
    options: ServeOptions,
    tasks: &Tasks,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(options.connections));
    let shared = Arc::new(Shared {
        router,
        gateway,
        apps,
        options,
        closing: stop.clone(),
    });
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
                tasks.spawn(connection(stream, peer, Arc::clone(&shared), place));
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
    let place = Place::new(place);
    let service = service_fn({
        let (shared, place) = (Arc::clone(&shared), place.clone());
        move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(place.clone());
            request.extensions_mut().insert(Peer(peer.ip()));
            dispatch(Arc::clone(&shared), peer.ip(), request)
        }
    });
    let cut = place.cut.clone();
    let builder = http1(&shared.options);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = cut.cancelled() => return,
        () = shared.closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error = &error as &dyn std::error::Error, "a connection ended early");
    }
    drop(place);
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
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<AnyBody>, Infallible> {
    // First of all: what comes to an app's host never reaches a route of Bailey's.
    if let Some(host) = shared
        .apps
        .host(shared.options.hosts.as_deref(), request.uri(), request.headers())
    {
        return Ok(shared.apps.serve(peer, host, request).await.map(AnyBody::App));
    }
    if !host_allowed(shared.options.hosts.as_deref(), request.uri(), request.headers()) {
        return Ok(misdirected());
    }
    if shared.gateway.handles(&request) {
        return Ok(shared.gateway.call(request).await.map(AnyBody::Door));
    }
    if let Some(response) = web::answer(&request) {
        return Ok(response.map(|bytes| AnyBody::Door(Body::full(bytes))));
    }
    let request = request.map(axum::body::Body::new);
    match shared.router.clone().oneshot(request).await {
        Ok(response) => Ok(response.map(AnyBody::Router)),
        Err(never) => match never {},
    }
}

/// Whether a request names this server. A page of another site whose name is made to resolve to loopback (DNS rebinding)
/// names itself, and is refused.
pub(crate) fn host_allowed(hosts: Option<&[String]>, uri: &Uri, headers: &HeaderMap) -> bool {
    let Some(hosts) = hosts else { return true };
    let mut named = headers.get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return false;
    }
    let host = match (uri.host(), first) {
        (Some(host), _) => host,
        (None, Some(value)) => match value.to_str() {
            Ok(text) => text,
            Err(_) => return false,
        },
        (None, None) => return false,
    };
    let name = without_port(host);
    is_loopback(host)
        || hosts
            .iter()
            .any(|allowed| name.eq_ignore_ascii_case(allowed) || host.eq_ignore_ascii_case(allowed))
}

/// Whether a `Host` names this machine alone.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = without_port(host);
    name == "localhost"
        || name.ends_with(".localhost")
        || name
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// `name:port` without the port; an IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (name.ends_with(']') || !name.contains(':')) =>
        {
            name
        }
        _ => host,
    }
}

fn misdirected() -> Response<AnyBody> {
    const BODY: &str = r#"{"type":"/errors/host_not_allowed","title":"Host not allowed","status":421,"code":"host_not_allowed","detail":"this server does not answer to that name; add it to server.allowed_hosts"}"#;
    let mut response = Response::new(AnyBody::Door(Body::full(BODY)));
    *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
    let value = http::HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, value);
    response
}

/// The body of either side.
enum AnyBody {
    Door(Body),
    Router(axum::body::Body),
    App(AppBody),
}

impl http_body::Body for AnyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Door(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|f| f.map_err(axum::Error::new))),
            Self::Router(body) => Pin::new(body).poll_frame(cx),
            Self::App(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Door(body) => body.is_end_stream(),
            Self::Router(body) => body.is_end_stream(),
            Self::App(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Door(body) => body.size_hint(),
            Self::Router(body) => body.size_hint(),
            Self::App(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &[&str], host: &str) -> bool {
        let hosts: Vec<String> = hosts.iter().map(|h| (*h).to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        host_allowed(Some(&hosts), &Uri::from_static("/"), &headers)
    }

    #[test]
    fn a_rebound_name_is_refused_on_loopback() {
        for host in [
            "localhost",
            "localhost:7080",
            "127.0.0.1:7080",
            "[::1]:7080",
            "app.localhost",
            "127.1.2.3",
        ] {
            assert!(allowed(&[], host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "2130706433",
            "localhost:80@evil",
            "10.0.0.1",
            "",
        ] {
            assert!(!allowed(&[], host), "{host}");
        }
        assert!(allowed(&["bailey.example.com"], "Bailey.Example.com:443"));
        assert!(!allowed(&["bailey.example.com"], "xbailey.example.com"));
    }

    #[test]
    fn two_hosts_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, "localhost".parse().unwrap());
        headers.append(HOST, "evil.example".parse().unwrap());
        assert!(!host_allowed(Some(&[]), &Uri::from_static("/"), &headers));
    }
}
