//! The one way in which a worker writes: tests stop it before and after each write, to prove what survives.

use std::time::Duration;

use bailey_core::chat::{Chat, Event, LogPart, Part};
use bailey_core::{ChatId, Timestamp, WorkerId};
use bailey_store::{ChatLease, NewCall, Stepped, StoreError};

use super::job::Halt;
use crate::chats::Chats;

/// Parts that are read at once.
const READ: u32 = 1_000;

/// See the module.
pub(crate) struct Saves {
    pub(crate) chats: Chats,
    #[cfg(test)]
    pub(crate) crash: Option<std::sync::Arc<crate::tests::crash::Crash>>,
}

impl Saves {
    pub(crate) const fn new(chats: Chats) -> Self {
        Self {
            chats,
            #[cfg(test)]
            crash: None,
        }
    }

    /// A place where a worker may die, or the store fail.
    #[cfg(test)]
    async fn point(&self) -> Result<(), StoreError> {
        match &self.crash {
            Some(crash) => crash.point().await,
            None => Ok(()),
        }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_async, reason = "in tests it may fail or never return")]
    async fn point(&self) -> Result<(), StoreError> {
        Ok(())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.chats.clock.now()
    }

    fn until(&self, lease: Duration) -> Timestamp {
        let seconds = i64::try_from(lease.as_secs()).unwrap_or(i64::MAX);
        self.now().plus_seconds(seconds)
    }

    pub(crate) async fn claim(
        &self,
        worker: WorkerId,
        lease: Duration,
    ) -> Result<Option<(Chat, ChatLease)>, StoreError> {
        let taken = self
            .chats
            .store
            .chat_claim(worker, self.now(), self.until(lease))
            .await?;
        if let Some((chat, _)) = &taken {
            self.chats.feed.reached(chat.id, chat.last);
        }
        Ok(taken)
    }

    pub(crate) async fn renew(&self, held: &[ChatLease], lease: Duration) -> Result<Vec<ChatLease>, StoreError> {
        self.chats.store.chat_renew(held, self.until(lease)).await
    }

    pub(crate) async fn leave(&self, lease: &ChatLease) -> Result<bool, StoreError> {
        self.point().await?;
        self.chats.store.chat_leave(lease, self.now()).await
    }

    /// An event and what the log says of it, all or nothing.
    pub(crate) async fn step(
        &self,
        lease: &ChatLease,
        event: Event,
        parts: &[Part],
        calls: &[NewCall],
    ) -> Result<Chat, Halt> {
        self.point().await?;
        let stepped = self
            .chats
            .store
            .chat_step(lease, &event, (parts, calls), self.now())
            .await?;
        self.point().await?;
        match stepped {
            Stepped::Yes(chat) => {
                self.chats.feed.reached(chat.id, chat.last);
                Ok(*chat)
            }
            Stepped::Invalid(invalid) => {
                tracing::error!(chat = %lease.chat, error = &invalid as &dyn std::error::Error, "a worker is at odds with a chat");
                Err(Halt::AtOdds)
            }
            Stepped::LeaseLost => Err(Halt::LeaseLost),
        }
    }

    /// More of what streams in.
    pub(crate) async fn append(&self, lease: &ChatLease, parts: &[Part]) -> Result<(), Halt> {
        if parts.is_empty() {
            return Ok(());
        }
        self.point().await?;
        let last = self.chats.store.chat_append(lease, parts, self.now()).await?;
        self.point().await?;
        self.chats.feed.reached(lease.chat, last.ok_or(Halt::LeaseLost)?);
        Ok(())
    }

    /// The system prompt, which stays from then on.
    pub(crate) async fn prepare(&self, lease: &ChatLease, system: &str) -> Result<(), Halt> {
        self.point().await?;
        let held = self.chats.store.chat_prepare(lease, system).await?;
        self.point().await?;
        held.then_some(()).ok_or(Halt::LeaseLost)
    }

    pub(crate) async fn parts(&self, chat: ChatId, after: u64) -> Result<Vec<LogPart>, StoreError> {
        let mut all: Vec<LogPart> = Vec::new();
        loop {
            let from = all.last().map_or(after, |part| part.number);
            let more = self.chats.store.chat_parts(chat, from, READ).await?;
            let whole = more.len() < READ as usize;
            all.extend(more);
            if whole {
                return Ok(all);
            }
        }
    }
}
