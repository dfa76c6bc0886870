//! One chat in a worker's hands.

use std::sync::Arc;
use std::time::Duration;

use bailey_core::chat::{Cause, Chat, ChatState, Event, Part};
use bailey_core::mask::Secrets;
use bailey_store::{ChatLease, NewCall, StoreError};

use super::Shared;
use crate::prompt;
use crate::transcript::Transcript;
use crate::workspace::Workspace;

/// Why a worker lets go of a chat that there is something to do in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Halt {
    /// Somebody took it away: an interruption, or a worker that thinks this one lost.
    #[error("the chat was taken away")]
    LeaseLost,
    /// It is not as this worker thought.
    #[error("the chat is not as it was left")]
    AtOdds,
    /// The worker is to stop.
    #[error("the worker stops")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A chat that is carried on.
pub(crate) struct Job<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) lease: ChatLease,
    pub(crate) chat: Chat,
    pub(crate) transcript: Transcript,
    /// What the log never shows.
    pub(crate) secrets: Secrets,
    workspace: Option<Arc<dyn Workspace>>,
}

impl<'a> Job<'a> {
    pub(crate) fn new(shared: &'a Shared, chat: Chat, lease: ChatLease) -> Self {
        Self {
            shared,
            lease,
            chat,
            transcript: Transcript::default(),
            secrets: Secrets::default(),
            workspace: None,
        }
    }

    /// Does what is next, until there is nothing for a worker to do.
    pub(crate) async fn carry_on(mut self) -> Result<(), Halt> {
        self.refresh().await?;
        match self.shared.workspaces.secrets(&self.chat).await {
            Ok(secrets) => self.secrets = secrets,
            Err(error) => return self.hold(Cause::Workspace, error.to_string()).await,
        }
        loop {
            match self.chat.run.state {
                ChatState::Running => self.step().await?,
                ChatState::Tool => self.calls().await?,
                _ => return Ok(()),
            }
        }
    }

    /// Reads what was said since.
    pub(crate) async fn refresh(&mut self) -> Result<(), Halt> {
        let parts = self.shared.saves.parts(self.chat.id, self.transcript.last).await?;
        self.transcript.extend(parts);
        Ok(())
    }

    /// Writes down what has happened.
    pub(crate) async fn happened(&mut self, event: Event, parts: &[Part], calls: &[NewCall]) -> Result<(), Halt> {
        self.chat = self.shared.saves.step(&self.lease, event, parts, calls).await?;
        Ok(())
    }

    /// Stops where it is until somebody resumes it, and says why.
    pub(crate) async fn hold(&mut self, cause: Cause, why: impl Into<String>) -> Result<(), Halt> {
        let text = self.secrets.mask(&why.into());
        let note = Part::Note { text };
        self.happened(Event::LimitReached(cause), &[note], &[]).await
    }

    /// Ends the chat without success, and says why.
    pub(crate) async fn fail(&mut self, cause: Cause, why: impl Into<String>) -> Result<(), Halt> {
        let text = self.secrets.mask(&why.into());
        let note = Part::Note { text };
        self.happened(Event::Failed(cause), &[note], &[]).await
    }

    /// The workspace; `None` once the chat is held for want of it.
    pub(crate) async fn workspace(&mut self) -> Result<Option<Arc<dyn Workspace>>, Halt> {
        if self.workspace.is_none() {
            match self.shared.workspaces.open(&self.chat, self.transcript.wanted).await {
                Ok(workspace) => self.workspace = Some(workspace),
                Err(error) => self.hold(Cause::Workspace, error.to_string()).await?,
            }
        }
        Ok(self.workspace.clone())
    }

    /// The system prompt, put together if this is the first step; `None` once the chat is held.
    pub(crate) async fn system(&mut self) -> Result<Option<String>, Halt> {
        if let Some(system) = &self.chat.system {
            return Ok(Some(system.clone()));
        }
        let Some(workspace) = self.workspace().await? else {
            return Ok(None);
        };
        let repository = match prompt::instructions(&*workspace, self.chat.directory.as_deref()).await {
            Ok(found) => found,
            Err(error) => {
                self.hold(Cause::Workspace, error.to_string()).await?;
                return Ok(None);
            }
        };
        let repository = repository.as_ref().map(|(name, text)| (*name, text.as_str()));
        let system = self.secrets.mask(&prompt::system(&self.chat, repository));
        self.shared.saves.prepare(&self.lease, &system).await?;
        self.chat.system = Some(system.clone());
        Ok(Some(system))
    }

    /// How much of its time the chat has left; `None` = no limit.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let left = self.chat.run.left()?;
        let since = self.chat.run.since.unwrap_or_default();
        let passed = self.shared.saves.now().micros().saturating_sub(since.micros());
        let passed = u64::try_from(passed).unwrap_or(0);
        Some(Duration::from_micros(left.saturating_sub(passed)))
    }

    /// `work`, or `None` if the chat's time is over first.
    pub(crate) async fn in_time<T>(
        left: Option<Duration>,
        work: impl Future<Output = Result<T, Halt>>,
    ) -> Result<Option<T>, Halt> {
        match left {
            None => work.await.map(Some),
            Some(left) => match tokio::time::timeout(left, work).await {
                Ok(done) => done.map(Some),
                Err(_) => Ok(None),
            },
        }
    }
}
