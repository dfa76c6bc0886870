//! The control stream of an agent: what it says, within bounds, and what it is told.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bailey_api::agent::{AgentStatus, FromAgent, FromServer, Handed};
use bailey_core::template::Resolved;
use bailey_core::workspace::Workspace;
use bailey_core::{BuildId, Timestamp};
use bailey_link::Stream;
use bailey_store::{NewLine, StoreError};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::endpoint::Dialled;
use super::{Inner, mask};
use crate::app::App;
use crate::links::Phase;

/// The longest line. The longest that an agent has reason for is the state of everything that a template shows live.
const LINE: usize = 256 * 1024;
/// Messages that are not understood, of a newer agent say.
const UNKNOWN: u32 = 32;
/// Lines that are stored together, where so many are there.
const BATCH: usize = 256;
/// The longest text of a line, a figure or a cause, in characters.
const TEXT: usize = 4096;
/// Sources whose last line is remembered.
const SOURCES: usize = 256;

/// A control stream is over before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    /// The stream broke.
    #[error("the stream broke: {0}")]
    Broken(#[from] io::Error),
    /// The database failed; the agent says again what was not stored.
    #[error("what an agent said cannot be stored")]
    Store(#[from] StoreError),
    /// The agent says what no agent says.
    #[error("{0}")]
    Misbehaved(&'static str),
    /// It has no right to a key any more.
    #[error("the agent is not the workspace's any more")]
    Superseded,
}

/// An agent's control stream.
pub(super) struct Control<'a> {
    inner: &'a Arc<Inner>,
    app: &'a App,
    workspace: &'a Workspace,
    agent: &'a str,
    greeted: bool,
    unknown: u32,
    /// The log that the agent's lines go to.
    log: Option<BuildId>,
    /// Lines that are not stored yet.
    waiting: Vec<NewLine>,
    /// The end of each source's last line, in which a secret may begin.
    tails: HashMap<String, String>,
}

impl<'a> Control<'a> {
    pub(super) fn new(inner: &'a Arc<Inner>, app: &'a App, dialled: &'a Dialled) -> Self {
        Self {
            inner,
            app,
            workspace: &dialled.workspace,
            agent: &dialled.agent,
            greeted: false,
            unknown: 0,
            log: None,
            waiting: Vec::new(),
            tails: HashMap::new(),
        }
    }

    /// Serves the stream to its end.
    pub(super) async fn serve(&mut self, stream: Stream) -> Result<(), ControlError> {
        let mut told = self.inner.links.control(self.workspace.id);
        let (read, mut write) = tokio::io::split(stream);
        let mut lines = BufReader::with_capacity(8 * 1024, read);
        // What is read of a line stays when a message comes between.
        let mut line = Vec::new();
        loop {
            tokio::select! {
                message = told.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    if matches!(message, FromServer::Stop { .. }) {
                        // What stop scripts say belongs to the build that stops it.
                        self.store_lines().await?;
                        self.log = None;
                    }
                    say(&mut write, &message).await?;
                }
                read = read_line(&mut lines, &mut line) => {
                    if !read? {
                        return Ok(());
                    }
                    let message = serde_json::from_slice::<FromAgent>(&line);
                    line.clear();
                    if let Some(answer) = self.heard(message.ok()).await? {
                        say(&mut write, &answer).await?;
                    }
                    // Lines that have come together are stored together.
                    if (self.waiting.len() >= BATCH || !lines.buffer().contains(&b'\n'))
                        && let Some(answer) = self.store_lines().await?
                    {
                        say(&mut write, &answer).await?;
                    }
                }
            }
        }
    }

    /// Takes note of what an agent says; answers where it waits for an answer.
    async fn heard(&mut self, message: Option<FromAgent>) -> Result<Option<FromServer>, ControlError> {
        let (links, id) = (&self.inner.links, self.workspace.id);
        let Some(message) = message else {
            self.unknown += 1;
            if self.unknown > UNKNOWN {
                return Err(ControlError::Misbehaved("it said too much that is not understood"));
            }
            tracing::warn!(workspace.id = %id, "an agent said something that is not understood");
            return Ok(None);
        };
        match message {
            FromAgent::Hello {
                needs_key,
                ready,
                version,
                ..
            } => return self.greet(needs_key, ready, &version).await.map(Some),
            FromAgent::Ready => links.report(id, Phase::Ready),
            FromAgent::Failed { cause } => links.report(id, Phase::Over(short(&cause))),
            FromAgent::Ended { cause } => {
                let cause = short(&cause);
                links.report(id, Phase::Over(format!("the workspace ended by itself: {cause}")));
            }
            FromAgent::Log {
                number,
                source,
                at,
                text,
            } => {
                let source: String = source.chars().take(64).collect();
                if self.tails.len() >= SOURCES {
                    self.tails.clear();
                }
                let tail = self.tails.entry(source.clone()).or_default();
                self.waiting.push(NewLine {
                    agent_number: Some(number),
                    at: Timestamp::from_micros(at),
                    source,
                    text: cut(mask::keys_after(tail, &text)),
                });
            }
            FromAgent::Activity { .. } => self.inner.note_activity(id),
            FromAgent::Status(status) => links.set_status(id, bounded(status, &self.workspace.resolved)),
        }
        Ok(None)
    }

    async fn greet(&mut self, needs_key: bool, ready: bool, version: &str) -> Result<FromServer, ControlError> {
        if std::mem::replace(&mut self.greeted, true) {
            return Err(ControlError::Misbehaved("it greeted twice"));
        }
        let version: String = version.chars().take(64).collect();
        tracing::info!(workspace.id = %self.workspace.id, agent.version = version, "an agent is connected");
        let key = if needs_key { Some(self.key().await?) } else { None };
        let committer = match self.app.commit_identity(self.workspace.owner).await {
            Ok(committer) => committer,
            Err(error) => {
                tracing::warn!(workspace.id = %self.workspace.id, error = &error as &dyn std::error::Error, "nobody knows whose commits these will be");
                None
            }
        };
        if ready {
            self.inner.links.report(self.workspace.id, Phase::Ready);
        }
        Ok(FromServer::Welcome { key, committer })
    }

    /// The key for the agent. Without one the stream ends, and the agent asks again.
    async fn key(&self) -> Result<Handed, ControlError> {
        match self.inner.give_key(self.workspace, self.agent).await {
            Ok(Some(key)) => Ok(Handed(key.expose().clone())),
            Ok(None) => Err(ControlError::Superseded),
            Err(error) => {
                tracing::error!(workspace.id = %self.workspace.id, error = &error as &dyn std::error::Error, "cannot make a workspace's key");
                Err(ControlError::Broken(io::Error::other(error)))
            }
        }
    }

    /// Stores the lines that wait and says which was the last.
    async fn store_lines(&mut self) -> Result<Option<FromServer>, ControlError> {
        let Some(number) = self.waiting.last().and_then(|line| line.agent_number) else {
            return Ok(None);
        };
        let stored = Ok(Some(FromServer::LogStored { number }));
        let lines = std::mem::take(&mut self.waiting);
        if self.log.is_none() {
            self.log = current(self.inner, self.workspace).await?;
        }
        if let Some(build) = self.log {
            // What a full log has no room for is not asked for again.
            self.inner.store().build_log_append(build, &lines).await?;
        }
        stored
    }
}

/// A workspace's last build, whose log its agent writes to.
async fn current(inner: &Inner, workspace: &Workspace) -> Result<Option<BuildId>, StoreError> {
    let store = inner.store();
    let Some(workspace) = store.workspace_get(workspace.id).await? else {
        return Ok(None);
    };
    let build = store.build_get(workspace.id, workspace.build).await?;
    Ok(build.map(|build| build.id))
}

/// What the template shows live, and no more of it than anybody reads.
fn bounded(mut status: AgentStatus, resolved: &Resolved) -> AgentStatus {
    status
        .metadata
        .retain(|name, _| resolved.metadata.iter().any(|probe| probe.name == *name));
    status
        .apps
        .retain(|name, _| resolved.apps.iter().any(|app| app.name == *name));
    for reading in status.metadata.values_mut() {
        reading.display_name = short(&reading.display_name);
        reading.value = short(&reading.value);
        reading.error = reading.error.as_deref().map(short);
    }
    status
}

/// What is kept of a text that an agent says: without secrets, and no longer than anybody reads.
fn short(text: &str) -> String {
    cut(mask::keys(text))
}

fn cut(text: String) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

async fn say(write: &mut (impl AsyncWrite + Unpin), message: &FromServer) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    write.flush().await
}

/// Reads a line of at most [`LINE`] bytes, or what is missing of it; `false` at the end. What was read is in `line` also
/// where this is dropped before it is done.
async fn read_line(lines: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> Result<bool, ControlError> {
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
            return Err(ControlError::Misbehaved("it said a line of more than 256 KiB"));
        }
        if end.is_some() {
            return Ok(true);
        }
    }
}
