//! What a step has cost, until it is written down with the chat.

use bailey_core::chat::{Chat, Part};
use bailey_core::{ChatId, Money};
use bailey_runtime::Tasks;
use bailey_store::StoreError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Saves, Shared};
use crate::chats::Chats;

/// What the requests of one step have cost. Where it is dropped before that was written down, for the step was cut off, it is
/// written down as soon as it is known: what an answer costs that nobody reads to its end is settled after that.
pub(crate) struct Spent {
    entry: Option<Entry>,
    tasks: Tasks,
}

struct Entry {
    chats: Chats,
    chat: ChatId,
    /// The step.
    step: u32,
    /// The number in the log that its beginning is at, or before.
    began: u64,
    /// Receipts that are still to come.
    due: Option<UnboundedReceiver<Money>>,
    /// What is known, and is not written down.
    known: Money,
    /// Whether the end of the step may have been written down, and with it what is known.
    ending: bool,
}

impl Spent {
    pub(crate) fn new(shared: &Shared, chat: &Chat) -> Self {
        Self {
            entry: Some(Entry {
                chats: shared.saves.chats.clone(),
                chat: chat.id,
                step: chat.run.steps,
                began: chat.last,
                due: None,
                known: Money::ZERO,
                ending: false,
            }),
            tasks: shared.tasks.clone(),
        }
    }

    /// Where the receipts of one more request go, of which the one before is settled.
    pub(crate) fn receipts(&mut self) -> UnboundedSender<Money> {
        let (send, due) = unbounded_channel();
        if let Some(entry) = &mut self.entry {
            entry.due = Some(due);
        }
        send
    }

    /// Waits until the last request is settled; what all of them cost.
    pub(crate) async fn settled(&mut self) -> Money {
        match &mut self.entry {
            Some(entry) => entry.settled().await,
            None => Money::ZERO,
        }
    }

    /// The same, to be written down with the end of the step.
    pub(crate) async fn ending(&mut self) -> Money {
        let known = self.settled().await;
        if let Some(entry) = &mut self.entry {
            entry.ending = true;
        }
        known
    }

    /// It was written down with the end of the step.
    pub(crate) fn ended(&mut self) {
        self.entry = None;
    }

    /// Writes down what the step has cost that will have no end.
    pub(crate) async fn book(&mut self) -> Result<(), StoreError> {
        self.settled().await;
        let Some(entry) = &mut self.entry else { return Ok(()) };
        entry.chats.store.chat_spend(entry.chat, entry.known).await?;
        self.entry = None;
        Ok(())
    }
}

impl Drop for Spent {
    fn drop(&mut self) {
        let Some(mut entry) = self.entry.take() else { return };
        if entry.due.is_none() && entry.known == Money::ZERO {
            return;
        }
        self.tasks.spawn(async move {
            if let Err(error) = entry.book_late().await {
                tracing::warn!(chat = %entry.chat, error = &error as &dyn std::error::Error, "what a step cost is not with its chat");
            }
        });
    }
}

impl Entry {
    async fn settled(&mut self) -> Money {
        if let Some(due) = &mut self.due {
            // Receipts that were taken count, also where this is dropped before the last of them.
            while let Some(cost) = due.recv().await {
                self.known = self.known.saturating_add(cost);
            }
        }
        self.due = None;
        self.known
    }

    async fn book_late(&mut self) -> Result<(), StoreError> {
        let cost = self.settled().await;
        if cost == Money::ZERO || (self.ending && self.has_ended().await?) {
            return Ok(());
        }
        self.chats.store.chat_spend(self.chat, cost).await
    }

    /// Whether the log has the end of the step.
    async fn has_ended(&self) -> Result<bool, StoreError> {
        let parts = Saves::new(self.chats.clone()).parts(self.chat, self.began).await?;
        let mut of_step = parts
            .iter()
            .map(|part| &part.part)
            .take_while(|part| !matches!(part, Part::StepStarted { step } if *step != self.step));
        Ok(of_step.any(|part| matches!(part, Part::StepFinished { .. })))
    }
}
