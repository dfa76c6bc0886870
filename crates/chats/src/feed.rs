//! Who is told when something happens to a chat: those who watch it, and the worker of this process that has it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bailey_core::ChatId;
use bailey_core::chat::Chat;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// What a process knows of chats that something happens to. Other processes have their own: whoever watches looks at the store
/// from time to time, too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feed(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    watched: Mutex<HashMap<ChatId, watch::Sender<u64>>>,
    worked_on: Mutex<HashMap<ChatId, CancellationToken>>,
    work: Notify,
}

impl Feed {
    /// The number of a chat's last part from now on.
    pub(crate) fn watch(&self, chat: ChatId, last: u64) -> watch::Receiver<u64> {
        let mut watched = self.0.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, sender| sender.receiver_count() > 0);
        let sender = watched.entry(chat).or_insert_with(|| watch::Sender::new(last));
        advance(sender, last);
        sender.subscribe()
    }

    /// Says that a chat's log has come to this number.
    pub(crate) fn reached(&self, chat: ChatId, last: u64) {
        let watched = self.0.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = watched.get(&chat) {
            advance(sender, last);
        }
    }

    /// Says what a chat has come to by somebody's doing: its worker has nothing to do any more, or there is work.
    pub(crate) fn changed(&self, chat: &Chat) {
        self.reached(chat.id, chat.last);
        if chat.run.state.is_active() {
            self.0.work.notify_waiters();
        } else {
            let worked_on = self.0.worked_on.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(token) = worked_on.get(&chat.id) {
                token.cancel();
            }
        }
    }

    /// Until somebody says that there is work. What is said counts from now on, and not from the first poll.
    pub(crate) fn work(&self) -> Notified<'_> {
        self.0.work.notified()
    }

    /// The worker has taken a chat: the token is cancelled when it has nothing to do any more.
    pub(crate) fn taken(&self, chat: ChatId) -> CancellationToken {
        let token = CancellationToken::new();
        let mut worked_on = self.0.worked_on.lock().unwrap_or_else(PoisonError::into_inner);
        worked_on.insert(chat, token.clone());
        token
    }

    /// The worker has a chat no more.
    pub(crate) fn left(&self, chat: ChatId, token: &CancellationToken) {
        // Whoever waits on a token of before waits for nothing.
        token.cancel();
        let mut worked_on = self.0.worked_on.lock().unwrap_or_else(PoisonError::into_inner);
        if worked_on.get(&chat).is_some_and(CancellationToken::is_cancelled) {
            worked_on.remove(&chat);
        }
    }
}

fn advance(sender: &watch::Sender<u64>, last: u64) {
    sender.send_if_modified(|known| {
        let more = last > *known;
        *known = last.max(*known);
        more
    });
}
