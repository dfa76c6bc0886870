//! Where agents dial in.

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bailey_api::Code;
use bailey_api::agent::{FromAgent, FromServer, Handed, LinkClass, Purpose};
use bailey_core::people::PersonStatus;
use bailey_core::workspace::Workspace;
use bailey_core::{BuildId, Timestamp, WorkspaceId};
use bailey_gate::token::{self, Kind};
use bailey_link::{Connection, Incoming, MAX_MESSAGE, Pending, Stream};
use bailey_store::NewLine;
use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, TryStreamExt as _};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::{Fleet, Inner};
use crate::app::App;
use crate::links::Phase;
use crate::reject::Reject;

/// The longest line of a control stream.
const LINE: usize = 64 * 1024;

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
    upgrade: WebSocketUpgrade,
) -> Response {
    let fleet = app.fleet().clone();
    match fleet.0.authenticate(&headers).await {
        Ok(workspace) => upgrade
            .max_message_size(MAX_MESSAGE)
            .max_frame_size(MAX_MESSAGE)
            .write_buffer_size(0)
            .on_upgrade(move |socket| serve(fleet, workspace, query.class, socket)),
        Err(reject) => reject.into_response(),
    }
}

impl Inner {
    /// The workspace whose agent presents this token.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Workspace, Reject> {
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
        Ok(workspace)
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

async fn serve(fleet: Fleet, workspace: Workspace, class: LinkClass, socket: WebSocket) {
    let inner = Arc::clone(&fleet.0);
    let Connection {
        opener,
        incoming,
        driver,
    } = Connection::server(messages(socket));
    let place = inner.links.attach(workspace.id, class, opener);
    let workspace = Arc::new(workspace);
    let streams = accept(Arc::clone(&inner), Arc::clone(&workspace), incoming);
    tokio::select! {
        ended = driver => {
            if let Err(error) = ended {
                tracing::debug!(workspace.id = %workspace.id, error = &error as &dyn std::error::Error, "a link ended");
            }
        }
        () = streams => {}
        () = place.end.cancelled() => {}
        () = inner.closing.cancelled() => {}
    }
}

/// Serves the streams that an agent opens.
async fn accept(inner: Arc<Inner>, workspace: Arc<Workspace>, mut incoming: Incoming) {
    while let Some(stream) = incoming.next().await {
        let (inner, workspace) = (Arc::clone(&inner), Arc::clone(&workspace));
        let tasks = inner.tasks.clone();
        tasks.spawn(async move {
            if let Err(error) = one(&inner, &workspace, stream).await {
                tracing::debug!(workspace.id = %workspace.id, error = &error as &dyn std::error::Error, "a stream of an agent ended early");
            }
        });
    }
}

async fn one(inner: &Arc<Inner>, workspace: &Arc<Workspace>, stream: Stream) -> Result<(), bailey_link::PurposeError> {
    let (purpose, pending): (Purpose, Pending) = bailey_link::accept(stream).await?;
    match purpose {
        Purpose::Control => {
            let stream = pending.accept().await?;
            let mut control = Control {
                inner,
                workspace,
                build: None,
            };
            control.serve(stream).await?;
        }
        Purpose::Gate => {
            inner.note_activity(workspace.id);
            let stream = pending.accept().await?;
            inner.outbound.gate(workspace.id, stream).await;
        }
        Purpose::Connect { host, port } => {
            match inner
                .outbound
                .connect(workspace.id, &workspace.resolved.egress, &host, port)
                .await
            {
                Ok(tcp) => {
                    let stream = pending.accept().await?;
                    inner.outbound.carry(stream, tcp).await;
                }
                Err(refusal) => pending.refuse(&refusal.to_string()).await,
            }
        }
        _ => pending.refuse("agents open no such streams").await,
    }
    Ok(())
}

/// An agent's control stream.
struct Control<'a> {
    inner: &'a Arc<Inner>,
    workspace: &'a Arc<Workspace>,
    /// The build whose log the agent's lines go to.
    build: Option<BuildId>,
}

impl Control<'_> {
    async fn serve(&mut self, stream: Stream) -> std::io::Result<()> {
        let mut told = self.inner.links.control(self.workspace.id);
        let (read, mut write) = tokio::io::split(stream);
        let mut lines = BufReader::with_capacity(8 * 1024, read);
        let mut line = Vec::new();
        loop {
            line.clear();
            tokio::select! {
                message = told.recv() => match message {
                    Some(message) => say(&mut write, &message).await?,
                    None => return Ok(()),
                },
                read = read_line(&mut lines, &mut line) => {
                    if !read? {
                        return Ok(());
                    }
                    let Ok(message) = serde_json::from_slice::<FromAgent>(&line) else {
                        tracing::warn!(workspace.id = %self.workspace.id, "an agent said something that is not understood");
                        continue;
                    };
                    if let Some(answer) = self.hear(message).await {
                        say(&mut write, &answer).await?;
                    }
                }
            }
        }
    }

    /// Takes note of what an agent says; answers where it waits for an answer.
    async fn hear(&mut self, message: FromAgent) -> Option<FromServer> {
        let links = &self.inner.links;
        let id = self.workspace.id;
        match message {
            FromAgent::Hello {
                needs_key,
                ready,
                version,
                ..
            } => {
                tracing::info!(workspace.id = %id, agent.version = version, "an agent is connected");
                let key = if needs_key { self.key().await? } else { None };
                if ready {
                    links.report(id, Phase::Ready);
                }
                return Some(FromServer::Welcome { key });
            }
            FromAgent::Ready => links.report(id, Phase::Ready),
            FromAgent::Failed { cause } => links.report(id, Phase::Over(cause)),
            FromAgent::Ended { cause } => {
                links.report(id, Phase::Over(format!("the workspace ended by itself: {cause}")));
            }
            FromAgent::Log {
                number,
                source,
                at,
                text,
            } => {
                return self.log(number, source, at, text).await;
            }
            FromAgent::Activity { .. } => self.inner.note_activity(id),
            FromAgent::Status(status) => links.set_status(id, status),
        }
        None
    }

    /// The key for the agent; `None` outside = the agent gets no answer, and dials again.
    #[expect(
        clippy::option_option,
        reason = "no answer and an answer without a key are two things"
    )]
    async fn key(&self) -> Option<Option<Handed>> {
        match self.inner.mint_key(self.workspace).await {
            Ok(key) => Some(Some(Handed(key.expose().clone()))),
            Err(error) => {
                tracing::error!(workspace.id = %self.workspace.id, error = &error as &dyn std::error::Error, "cannot make a workspace's key");
                None
            }
        }
    }

    async fn log(&mut self, number: u64, source: String, at: i64, text: String) -> Option<FromServer> {
        let store = self.inner.store();
        if self.build.is_none() {
            self.build = current(self.inner, self.workspace.id).await;
        }
        let line = NewLine {
            agent_number: Some(number),
            at: Timestamp::from_micros(at),
            source: source.chars().take(64).collect(),
            text: text.chars().take(4096).collect(),
        };
        match store.build_log_append(self.build?, &[line]).await {
            Ok(_) => Some(FromServer::LogStored { number }),
            Err(error) => {
                tracing::warn!(workspace.id = %self.workspace.id, error = &error as &dyn std::error::Error, "cannot store an agent's log");
                None
            }
        }
    }
}

/// The last build of a workspace.
async fn current(inner: &Inner, id: WorkspaceId) -> Option<BuildId> {
    let store = inner.store();
    let workspace = store.workspace_get(id).await.ok()??;
    Some(store.build_get(id, workspace.build).await.ok()??.id)
}

async fn say(write: &mut (impl tokio::io::AsyncWrite + Unpin), message: &FromServer) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    write.flush().await
}

/// Reads a line of at most [`LINE`] bytes; `false` at the end.
async fn read_line(lines: &mut (impl tokio::io::AsyncBufRead + Unpin), line: &mut Vec<u8>) -> std::io::Result<bool> {
    loop {
        let buffered = lines.fill_buf().await?;
        if buffered.is_empty() {
            return Ok(false);
        }
        let end = buffered.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(buffered.len());
        line.extend_from_slice(buffered.get(..taken).unwrap_or_default());
        lines.consume(end.map_or(taken, |end| end + 1));
        if line.len() > LINE {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "a line is too long",
            ));
        }
        if end.is_some() {
            return Ok(true);
        }
    }
}
