//! Where agents dial in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Extension;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bailey_api::Code;
use bailey_api::agent::{CredentialAsk, LinkClass, Purpose};
use bailey_core::people::PersonStatus;
use bailey_core::workspace::Workspace;
use bailey_gate::token::{self, Kind};
use bailey_link::{Connection, Incoming, MAX_MESSAGE, Pending, Stream};
use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, TryStreamExt as _};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;

use super::control::{Control, ControlError};
use super::{Fleet, Inner};
use crate::app::App;
use crate::apps::Place;
use crate::bridge::READ_BUFFER;
use crate::links::Phase;
use crate::outbound::Way;
use crate::reject::Reject;

/// Control streams of one connection. An agent opens one, and another where the first was lost.
const CONTROLS: u32 = 16;
/// An agent that was cut off this often does not get another try.
const CUTS: u32 = 3;

/// Which of an agent's connections it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkQuery {
    class: LinkClass,
}

/// Takes an agent's connection in. Its token selects the workspace, and nothing else that it says does.
#[utoipa::path(
    get,
    path = "/api/v1/agent/link",
    operation_id = "agent_link",
    tag = "agents",
    params(("class" = String, Query, description = "`interactive` or `bulk`")),
    responses((status = 101, description = "A WebSocket with multiplexed streams; for workspace agents, with their own token")),
)]
pub(crate) async fn handler(
    State(app): State<App>,
    Query(query): Query<LinkQuery>,
    headers: HeaderMap,
    place: Option<Extension<Place>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let fleet = app.fleet().clone();
    match fleet.0.authenticate(&headers).await {
        Ok(dialled) => upgrade
            .max_message_size(MAX_MESSAGE)
            .max_frame_size(MAX_MESSAGE)
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .on_upgrade(move |socket| async move {
                serve((app, fleet), dialled, query.class, socket).await;
                // A link counts among the connections that the server holds for as long as it lives.
                drop(place);
            }),
        Err(reject) => reject.into_response(),
    }
}

/// Who dials in.
pub(super) struct Dialled {
    /// The workspace, as it was then.
    pub(super) workspace: Workspace,
    /// The public id of the agent's token.
    pub(super) agent: String,
}

impl Inner {
    /// The workspace whose agent presents this token.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Dialled, Reject> {
        let unknown = || Reject::new(Code::TokenInvalid, "this is not the token of a workspace's agent");
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(unknown());
        };
        let text = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        let parsed = text
            .and_then(|text| token::parse(Kind::Agent, text))
            .ok_or_else(unknown)?;
        let found = self.store().workspace_by_agent(parsed.public_id).await;
        let found = found.map_err(|error| Reject::from(crate::app::AppError::from(error)))?;
        let (workspace, hash) = found.ok_or_else(unknown)?;
        if !token::matches(&hash, &parsed.hash) || workspace.deleted_at.is_some() {
            return Err(unknown());
        }
        let owner = self.store().person_get(workspace.owner).await;
        let owner = owner.map_err(|error| Reject::from(crate::app::AppError::from(error)))?;
        if owner.is_none_or(|owner| owner.status != PersonStatus::Active) {
            return Err(Reject::new(Code::PersonSuspended, "the workspace's owner is suspended"));
        }
        Ok(Dialled {
            workspace,
            agent: parsed.public_id.to_owned(),
        })
    }

    /// Ends the connections of an agent that does not keep to what an agent may say. One that goes on with it is ended
    /// altogether, and its workspace with it.
    async fn cut_off(self: &Arc<Self>, workspace: &Workspace, reason: &str) {
        let times = self.links.cut_off(workspace.id);
        tracing::warn!(workspace.id = %workspace.id, times, reason, "an agent is cut off");
        if times < CUTS {
            return;
        }
        let cause = format!("its agent was cut off {times} times, the last time because {reason}");
        self.links.report(workspace.id, Phase::Over(cause.clone()));
        if let Err(error) = self.stop(workspace, format!("stopped because {cause}")).await {
            tracing::error!(workspace.id = %workspace.id, error = &error as &dyn std::error::Error, "cannot stop a workspace whose agent misbehaves");
        }
    }
}

/// The binary messages of a WebSocket.
fn messages(
    socket: WebSocket,
) -> impl Sink<Bytes, Error = axum::Error> + futures_util::Stream<Item = Result<Bytes, axum::Error>> + Send + Unpin + 'static
{
    let messages = socket
        .try_filter_map(|message| {
            std::future::ready(Ok(match message {
                Message::Binary(bytes) => Some(bytes),
                _ => None,
            }))
        })
        .with(|bytes: Bytes| std::future::ready(Ok(Message::Binary(bytes))));
    Box::pin(messages)
}

async fn serve((app, fleet): (App, Fleet), dialled: Dialled, class: LinkClass, socket: WebSocket) {
    let inner = Arc::clone(&fleet.0);
    let Connection {
        opener,
        incoming,
        driver,
    } = Connection::server(messages(socket));
    let id = dialled.workspace.id;
    let place = inner.links.attach(id, class, opener);
    let peer = Arc::new(Peer {
        app,
        dialled,
        controls: AtomicU32::new(0),
    });
    let streams = accept(Arc::clone(&inner), peer, incoming);
    tokio::select! {
        ended = driver => {
            if let Err(error) = ended {
                tracing::debug!(workspace.id = %id, error = &error as &dyn std::error::Error, "a link ended");
            }
        }
        () = streams => {}
        () = place.end.cancelled() => {}
        () = inner.closing.cancelled() => {}
    }
}

/// The agent at the other end of a connection.
struct Peer {
    app: App,
    dialled: Dialled,
    /// Control streams so far.
    controls: AtomicU32,
}

/// A stream of an agent ended as it should not.
#[derive(Debug, thiserror::Error)]
enum StreamError {
    #[error(transparent)]
    Purpose(#[from] bailey_link::PurposeError),
    #[error("the stream broke: {0}")]
    Broken(#[from] std::io::Error),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("it opened {CONTROLS} control streams on one connection")]
    Controls,
}

impl StreamError {
    /// Why the agent is to be cut off, if it is.
    fn misbehaviour(&self) -> Option<String> {
        match self {
            Self::Control(ControlError::Misbehaved(reason)) => Some((*reason).to_owned()),
            Self::Controls => Some(self.to_string()),
            Self::Purpose(_) | Self::Broken(_) | Self::Control(_) => None,
        }
    }
}

/// Serves the streams that an agent opens.
async fn accept(inner: Arc<Inner>, peer: Arc<Peer>, mut incoming: Incoming) {
    while let Some(stream) = incoming.next().await {
        let (inner, peer) = (Arc::clone(&inner), Arc::clone(&peer));
        let tasks = inner.tasks.clone();
        tasks.spawn(async move {
            let workspace = &peer.dialled.workspace;
            let Err(error) = one(&inner, &peer, stream).await else {
                return;
            };
            match error.misbehaviour() {
                Some(reason) => inner.cut_off(workspace, &reason).await,
                None => {
                    tracing::debug!(workspace.id = %workspace.id, error = &error as &dyn std::error::Error, "a stream of an agent ended early");
                }
            }
        });
    }
}

async fn one(inner: &Arc<Inner>, peer: &Peer, stream: Stream) -> Result<(), StreamError> {
    let (purpose, pending): (Purpose, Pending) = bailey_link::accept(stream).await?;
    let workspace = &peer.dialled.workspace;
    match purpose {
        Purpose::Control => {
            if peer.controls.fetch_add(1, Ordering::Relaxed) >= CONTROLS {
                return Err(StreamError::Controls);
            }
            let stream = pending.accept().await?;
            Control::new(inner, &peer.app, &peer.dialled).serve(stream).await?;
        }
        Purpose::Gate => {
            let is_barred = || inner.links.is_barred(workspace.id);
            match inner.outbound.enter(workspace.id, Way::Gate, is_barred) {
                Ok(passage) => {
                    let stream = pending.accept().await?;
                    let (fleet, id) = (Arc::clone(inner), workspace.id);
                    let note = Arc::new(move || fleet.note_activity(id));
                    inner.outbound.gate(workspace.id, passage, stream, note).await;
                }
                Err(refusal) => pending.refuse(&refusal.to_string()).await,
            }
        }
        Purpose::Credential(ask) => credential(inner, peer, pending, &ask).await?,
        Purpose::Connect { host, port } => connect(inner, workspace, pending, &host, port).await?,
        _ => pending.refuse("agents open no such streams").await,
    }
    Ok(())
}

/// Answers git inside: what it asks for is the owner's, at the host that it names, or there is nothing.
async fn credential(inner: &Inner, peer: &Peer, pending: Pending, ask: &CredentialAsk) -> Result<(), StreamError> {
    let id = peer.dialled.workspace.id;
    let is_barred = || inner.links.is_barred(id);
    // Not more at a time than connections to the gate.
    let _passage = match inner.outbound.enter(id, Way::Gate, is_barred) {
        Ok(passage) => passage,
        Err(refusal) => {
            pending.refuse(&refusal.to_string()).await;
            return Ok(());
        }
    };
    let answer = match peer.app.git_asks(id, ask).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::info!(workspace.id = %id, host = ?ask.host, error = &error as &dyn std::error::Error, "git gets no token");
            pending.refuse(&error.told()).await;
            return Ok(());
        }
    };
    // Suspended while the forge made up its mind.
    if is_barred() {
        pending.refuse("the workspace's owner is suspended").await;
        return Ok(());
    }
    let line = serde_json::to_vec(&answer).map_err(std::io::Error::other)?;
    let mut stream = pending.accept().await?;
    stream.write_all(&line).await?;
    Ok(stream.shutdown().await?)
}

async fn connect(
    inner: &Inner,
    workspace: &Workspace,
    pending: Pending,
    host: &str,
    port: u16,
) -> Result<(), StreamError> {
    // Before anything is looked up: a name is a message, too.
    let is_barred = || inner.links.is_barred(workspace.id);
    let passage = match inner.outbound.enter(workspace.id, Way::Host, is_barred) {
        Ok(passage) => passage,
        Err(refusal) => {
            pending.refuse(&refusal.to_string()).await;
            return Ok(());
        }
    };
    let rules = &workspace.resolved.egress;
    match inner.outbound.connect(workspace.id, rules, host, port).await {
        Ok(tcp) => {
            let stream = pending.accept().await?;
            inner.outbound.carry(passage, stream, tcp).await;
        }
        Err(refusal) => pending.refuse(&refusal.to_string()).await,
    }
    Ok(())
}
