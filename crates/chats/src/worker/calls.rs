//! Running the tools that an answer wants.

use std::sync::{Mutex, PoisonError};

use bailey_core::CallId;
use bailey_core::chat::{CallKind, Cause, Channel, Chat, Event, Part};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::batch::OutputBatch;
use super::job::{Halt, Job};
use crate::tools::{self, Bench, Done};
use crate::workspace::Workspace;

impl Job<'_> {
    /// Runs the calls that wait.
    pub(crate) async fn calls(&mut self) -> Result<(), Halt> {
        let Some(workspace) = self.workspace().await? else {
            return Ok(());
        };
        let kind = |id| {
            self.chat
                .run
                .calls
                .iter()
                .find(|call| call.id == id)
                .map(|call| call.kind)
        };
        let pending = self.chat.run.pending();
        let pending: Vec<(CallId, CallKind)> = pending.filter_map(|id| Some((id, kind(id)?))).collect();
        if pending.is_empty() {
            // Only a worker runs calls, and there is one.
            return Err(Halt::AtOdds);
        }
        let left = self.time_left();
        let ended = Self::in_time(left, self.in_order(&pending, &*workspace)).await?;
        match ended {
            Some(chat) => self.chat = chat,
            None => self.happened(Event::LimitReached(Cause::Time), &[], &[]).await?,
        }
        self.refresh().await
    }

    /// Runs calls in the model's order: those that only read side by side, and each that may change something by itself, so that
    /// none works on what another one is just changing. Answers with what the last of them left the chat as.
    async fn in_order(&self, pending: &[(CallId, CallKind)], workspace: &dyn Workspace) -> Result<Chat, Halt> {
        let most = self.shared.options.calls.max(1);
        let mut left = None;
        for group in pending.chunk_by(|(_, one), (_, next)| (*one, *next) == (CallKind::Read, CallKind::Read)) {
            let ids: Vec<CallId> = group.iter().map(|(id, _)| *id).collect();
            let calls = ids.into_iter().map(|id| self.call(id, workspace));
            let chats: Vec<Chat> = stream::iter(calls).buffer_unordered(most).try_collect().await?;
            left = chats.into_iter().max_by_key(|chat| chat.last);
        }
        left.ok_or(Halt::AtOdds)
    }

    /// Runs one call: that it begins is written down before it does, and its result after.
    async fn call(&self, id: CallId, workspace: &dyn Workspace) -> Result<Chat, Halt> {
        let saves = &self.shared.saves;
        let Some((tool, arguments, _)) = self.transcript.call(id) else {
            return Err(Halt::AtOdds);
        };
        saves.step(&self.lease, Event::CallStarted(id), &[], &[]).await?;
        let done = match tools::parse(tool, arguments) {
            Ok(request) => self.run(id, &request, workspace).await?,
            Err(error) => Done::error(error.to_string()),
        };
        let result = Part::ToolResult {
            call: id,
            outcome: done.outcome,
            text: done.text,
            by: None,
        };
        saves.step(&self.lease, Event::CallFinished(id), &[result], &[]).await
    }

    /// Runs a tool; its output is written down while it comes.
    async fn run(&self, id: CallId, request: &tools::Request, workspace: &dyn Workspace) -> Result<Done, Halt> {
        let batch = Mutex::new(OutputBatch::default());
        let take = |last| batch.lock().unwrap_or_else(PoisonError::into_inner).take(id, last);
        let mut output = |channel: Channel, bytes: &[u8]| {
            batch
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(channel, bytes);
        };
        let mut bench = Bench {
            call: id,
            workspace,
            directory: self.chat.directory.as_deref(),
            secrets: &self.secrets,
            output: &mut output,
        };
        let work = tools::run(request, &mut bench);
        tokio::pin!(work);
        let mut tick = tokio::time::interval(self.shared.options.batch);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                _ = tick.tick() => self.shared.saves.append(&self.lease, &take(false)).await?,
            }
        };
        self.shared.saves.append(&self.lease, &take(true)).await?;
        Ok(done)
    }
}
