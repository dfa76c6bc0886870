//! What workspaces reach through the streams that their agents open: the model door, and hosts that their template allows.
//!
//! The streams come authenticated: whoever serves a link knows which workspace's agent opened it, and hands that
//! workspace's rules over. Nothing that the agent says selects another workspace.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bailey_api::agent::GATE_PORT;
use bailey_core::WorkspaceId;
use bailey_core::template::EgressRule;
use bailey_egress::{Exceptions, Hosts, Policy, Refusal, Rules, SystemResolver};
use bailey_gateway::metrics::Word;
use bailey_gateway::{Body, Gateway};
use bailey_runtime::config::EgressConfig;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::serve::{self, ServeOptions};

/// For looking a name up and connecting together.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes in memory of one direction of one connection.
const BUFFER: usize = 32 * 1024;
/// Connections to the gate that one workspace may have open at a time.
const GATE: usize = 64;

/// What connections out of workspaces are held to.
#[derive(Clone, Copy)]
pub(crate) struct Limits<'a> {
    /// `[egress]`.
    pub(crate) egress: &'a EgressConfig,
    /// Connections to hosts that one workspace may have open at a time.
    pub(crate) connections: usize,
}

/// Where a connection out of a workspace leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the gate.
    Gate,
    /// To a host.
    Host,
}

/// There is no place for a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlace {
    /// A workspace has as many connections open as it may.
    #[error("{most} connections {to} are open, and a workspace may not have more; close some of them")]
    TooMany { most: usize, to: &'static str },
    /// Nothing leads out of it any more.
    #[error("the workspace's owner is suspended")]
    Barred,
}

/// Notes that something is done in a workspace.
pub(crate) type Note = Arc<dyn Fn() + Send + Sync>;

/// What is counted of a workspace.
struct Guest {
    gate: Arc<Semaphore>,
    hosts: Arc<Semaphore>,
    /// Cancelled when everything that is open is to end.
    cut: CancellationToken,
}

/// A place among a workspace's connections; given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Passage {
    _place: OwnedSemaphorePermit,
    cut: CancellationToken,
}

/// Labels of decisions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    /// `allowed`, or the refusal's code.
    decision: Word,
}

/// What serves the streams that agents open. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outbound(Arc<Inner>);

struct Inner {
    gateway: Arc<Gateway>,
    options: ServeOptions,
    resolver: SystemResolver,
    exceptions: Exceptions,
    hosts: Hosts,
    connections: usize,
    guests: Mutex<HashMap<WorkspaceId, Guest>>,
    decisions: Family<DecisionLabels, Counter>,
    closing: CancellationToken,
}

impl Inner {
    fn guests(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Guest>> {
        // Nothing that can panic happens under the lock.
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbound {
    /// The model door, and connections with a deployment's exceptions. Streams end with `closing`.
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        options: &ServeOptions,
        limits: Limits<'_>,
        registry: &mut Registry,
        closing: CancellationToken,
    ) -> Self {
        let decisions = Family::<DecisionLabels, Counter>::default();
        registry.register(
            "bailey_egress_decisions",
            "Connections that workspaces asked for, by what was decided",
            decisions.clone(),
        );
        Self(Arc::new(Inner {
            gateway,
            // The door is reached by one name inside.
            options: ServeOptions {
                hosts: Some(vec![format!("127.0.0.1:{GATE_PORT}")]),
                ..options.clone()
            },
            resolver: SystemResolver::default(),
            exceptions: Exceptions::new(limits.egress.allow_private.clone()),
            hosts: limits.egress.hosts.clone(),
            connections: limits.connections,
            guests: Mutex::default(),
            decisions,
            closing,
        }))
    }

    /// A place for one more connection of `workspace`, unless nothing may lead out of it. That is asked once the place is
    /// taken: whoever bars a workspace and then cuts it off either ends this connection too, or is seen here.
    ///
    /// # Errors
    /// Where it is barred, or has as many as it may; the text is for whoever asked.
    pub(crate) fn enter(
        &self,
        workspace: WorkspaceId,
        way: Way,
        is_barred: impl FnOnce() -> bool,
    ) -> Result<Passage, NoPlace> {
        let passage = self.take(workspace, way)?;
        if is_barred() { Err(NoPlace::Barred) } else { Ok(passage) }
    }

    fn take(&self, workspace: WorkspaceId, way: Way) -> Result<Passage, NoPlace> {
        let (most, to) = match way {
            Way::Gate => (GATE, "to the gate"),
            Way::Host => (self.0.connections, "to hosts outside"),
        };
        let mut guests = self.0.guests();
        let guest = guests.entry(workspace).or_insert_with(|| Guest {
            gate: Arc::new(Semaphore::new(GATE)),
            hosts: Arc::new(Semaphore::new(self.0.connections)),
            cut: CancellationToken::new(),
        });
        let places = match way {
            Way::Gate => &guest.gate,
            Way::Host => &guest.hosts,
        };
        match Arc::clone(places).try_acquire_owned() {
            Ok(place) => Ok(Passage {
                _place: place,
                cut: guest.cut.clone(),
            }),
            Err(_) => {
                drop(guests);
                let decision = Word("too_many");
                self.0.decisions.get_or_create(&DecisionLabels { decision }).inc();
                tracing::warn!(workspace.id = %workspace, most, "a workspace has as many connections {to} as it may");
                Err(NoPlace::TooMany { most, to })
            }
        }
    }

    /// Ends every connection of a workspace at once.
    pub(crate) fn cut(&self, workspace: WorkspaceId) {
        if let Some(guest) = self.0.guests().remove(&workspace) {
            guest.cut.cancel();
        }
    }

    /// Serves HTTP/1.1 on a stream to the gate's port inside `workspace`: model calls and nothing else.
    ///
    /// Who calls is settled by the key that a request carries, as everywhere; here only the workspace's own is good. So what
    /// happens inside is always charged to the workspace's owner, held to the limits of its key, and over when it stops.
    /// Each call is noted when it comes and whenever a piece of its answer goes out.
    pub(crate) async fn gate(
        &self,
        workspace: WorkspaceId,
        passage: Passage,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        note: Note,
    ) {
        let service = service_fn({
            let inner = Arc::clone(&self.0);
            move |request| answer(Arc::clone(&inner), workspace, request, Arc::clone(&note))
        });
        let builder = serve::http1(&self.0.options);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            // First: one that was cut off before this point carries nothing at all.
            biased;
            () = passage.cut.cancelled() => return,
            ended = connection.as_mut() => ended,
            () = self.0.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(workspace.id = %workspace, error = &error as &dyn std::error::Error, "a connection to the gate ended early");
        }
    }

    /// Judges a connection that something inside `workspace` asks for, and makes it. Every decision is logged and counted.
    ///
    /// # Errors
    /// Where it is refused, or cannot be reached; the text is for whoever asked.
    pub(crate) async fn connect(
        &self,
        workspace: WorkspaceId,
        rules: &[EgressRule],
        host: &str,
        port: u16,
    ) -> Result<TcpStream, Refusal> {
        let rules = Rules::new(rules).unwrap_or_else(|error| {
            // Templates are checked before they go live; rules that cannot be read allow nothing.
            tracing::error!(workspace.id = %workspace, error = &error as &dyn std::error::Error, "rules of a template cannot be used");
            Rules::default()
        });
        let inner = &self.0;
        let policy = Policy {
            rules: &rules,
            exceptions: &inner.exceptions,
            hosts: &inner.hosts,
        };
        let made = bailey_egress::connect(&inner.resolver, policy, host, port, PATIENCE).await;
        self.note(workspace, host, port, &made);
        let (stream, _) = made?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = &error as &dyn std::error::Error, "cannot set TCP_NODELAY");
        }
        Ok(stream)
    }

    fn note(&self, workspace: WorkspaceId, host: &str, port: u16, made: &Result<(TcpStream, SocketAddr), Refusal>) {
        let decision = Word(made.as_ref().map_or_else(Refusal::code, |_| "allowed"));
        self.0.decisions.get_or_create(&DecisionLabels { decision }).inc();
        // What was asked for comes from inside, and may be any text: `?` escapes it, and a name has at most 253 bytes.
        let host: String = host.chars().take(256).collect();
        match made {
            Ok((_, address)) => {
                tracing::info!(workspace.id = %workspace, ?host, port, %address, "a connection is allowed");
            }
            Err(refusal @ Refusal::NotPublic { address, .. }) => {
                tracing::warn!(workspace.id = %workspace, ?host, port, %address, reason = refusal.code(), "a connection is refused");
            }
            Err(refusal) if refusal.is_denial() => {
                tracing::warn!(workspace.id = %workspace, ?host, port, reason = refusal.code(), "a connection is refused");
            }
            Err(refusal) => {
                tracing::info!(workspace.id = %workspace, ?host, port, error = refusal as &dyn std::error::Error, "a connection failed");
            }
        }
    }

    /// Carries bytes both ways until both sides have ended, the workspace is cut off or the server stops.
    pub(crate) async fn carry(
        &self,
        passage: Passage,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        mut outside: TcpStream,
    ) {
        let carried = tokio::select! {
            biased;
            () = passage.cut.cancelled() => return,
            carried = tokio::io::copy_bidirectional_with_sizes(&mut stream, &mut outside, BUFFER, BUFFER) => carried,
            () = self.0.closing.cancelled() => return,
        };
        if let Err(error) = carried {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a connection outside ended early"
            );
        }
    }
}

async fn answer(
    inner: Arc<Inner>,
    workspace: WorkspaceId,
    request: Request<Incoming>,
    note: Note,
) -> Result<Response<Noted>, Infallible> {
    if !serve::host_allowed(inner.options.hosts.as_deref(), request.uri(), request.headers()) {
        return Ok(problem(
            StatusCode::MISDIRECTED_REQUEST,
            r#"{"type":"/errors/host_not_allowed","title":"This server does not answer to that host name","status":421,"code":"host_not_allowed","detail":"inside a workspace the gate is http://127.0.0.1:7080"}"#,
        ));
    }
    if inner.gateway.handles(&request) {
        note();
        let answer = inner.gateway.call_within(request, workspace).await;
        return Ok(answer.map(|body| Noted { body, note: Some(note) }));
    }
    Ok(problem(
        StatusCode::NOT_FOUND,
        r#"{"type":"/errors/no_such_route","title":"No such address","status":404,"code":"no_such_route","detail":"inside a workspace this port leads to the model door alone, such as /v1/messages and /v1/chat/completions"}"#,
    ))
}

/// An answer whose pieces are noted as they go out.
struct Noted {
    body: Body,
    note: Option<Note>,
}

impl http_body::Body for Noted {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let (Poll::Ready(Some(Ok(_))), Some(note)) = (&polled, &self.note) {
            note();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn problem(status: StatusCode, body: &'static str) -> Response<Noted> {
    let body = Body::full(body);
    let mut response = Response::new(Noted { body, note: None });
    *response.status_mut() = status;
    let value = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

#[cfg(test)]
mod tests;
