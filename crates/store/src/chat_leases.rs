//! Who works on which chat. A lease ends by itself when its worker gives no sign of life; whoever takes the chat then gets a
//! new generation of it, and what the old worker still writes is refused.

use bailey_core::chat::{Chat, Event};
use bailey_core::{ChatId, Timestamp, WorkerId};

use crate::chat_steps::{Change, ChatLease, apply, holds, lock};
use crate::sql::{each, same, statements};
use crate::store::transaction;
use crate::{Store, StoreError};

statements! {
    /// Chats that somebody should work on and nobody does, the longest untouched first. What others are just taking is
    /// passed over.
    FREE = each(
        "SELECT c.id, c.worker FROM chats c JOIN people p ON p.id = c.owner \
         WHERE c.state IN ('running', 'tool') AND (c.lease_until IS NULL OR c.lease_until <= $1) AND p.status = 'active' \
         ORDER BY c.changed_at, c.id LIMIT $2",
        "SELECT c.id, c.worker FROM chats c JOIN people p ON p.id = c.owner \
         WHERE c.state IN ('running', 'tool') AND (c.lease_until IS NULL OR c.lease_until <= $1) AND p.status = 'active' \
         ORDER BY c.changed_at, c.id LIMIT $2 FOR UPDATE OF c SKIP LOCKED",
    );
    TAKE = same("UPDATE chats SET worker = $2, lease_until = $3, generation = generation + 1 WHERE id = $1");
    RENEW = same("UPDATE chats SET lease_until = $4 WHERE id = $1 AND worker = $2 AND generation = $3");
    LEAVE = same("UPDATE chats SET worker = NULL, lease_until = NULL WHERE id = $1");
}

/// Chats that one attempt to find work looks at, at most.
const LOOKED_AT: u32 = 8;

impl Store {
    /// Takes a chat that there is something to do in and that no worker has, until `until`. What a lost worker left is put in
    /// order first: its step is cut off, and the tool calls that ran are unknown. `None` if there is no work.
    pub async fn chat_claim(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<(Chat, ChatLease)>, StoreError> {
        transaction!(self, async |tx| {
            let free = |row: &crate::value::Row| Ok((row.get::<ChatId>("id")?, row.get::<Option<WorkerId>>("worker")?));
            for (id, lost) in tx.read_all(FREE.bind(now).bind(LOOKED_AT), free).await? {
                let mut chat = match lock(tx, id).await {
                    // One that cannot be read holds up no other.
                    Err(StoreError::Corrupt { .. }) => continue,
                    found => found?,
                };
                if lost.is_some() {
                    let event = Event::WorkerLost { crashed: true };
                    chat = match apply(tx, chat, event, Change::at(now)).await? {
                        Ok(chat) => chat,
                        Err(_) => return Err(StoreError::Corrupt { what: "chat" }),
                    };
                }
                if chat.run.state.is_active() {
                    tx.execute(TAKE.bind(id).bind(worker).bind(until)).await?;
                    chat.generation += 1;
                    let (chat_id, generation) = (chat.id, chat.generation);
                    let lease = ChatLease {
                        chat: chat_id,
                        worker,
                        generation,
                    };
                    return Ok(Some((chat, lease)));
                }
            }
            Ok(None)
        })
    }

    /// A sign of life for these leases: they last until `until`. Those that are still their worker's own. A lease that is not
    /// named here ends, so that no chat stays with a worker that does not know of it.
    pub async fn chat_renew(&self, leases: &[ChatLease], until: Timestamp) -> Result<Vec<ChatLease>, StoreError> {
        transaction!(self, async |tx| {
            let mut kept = Vec::with_capacity(leases.len());
            for lease in leases {
                let renew = RENEW.bind(lease.chat).bind(lease.worker).bind(lease.generation);
                if tx.execute(renew.bind(until)).await? == 1 {
                    kept.push(*lease);
                }
            }
            Ok(kept)
        })
    }

    /// Gives a chat back: the next worker need not wait. A step under way is cut off, tool calls that run are unknown. `false`
    /// if the worker does not have it any more.
    pub async fn chat_leave(&self, lease: &ChatLease, now: Timestamp) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            let chat = match lock(tx, lease.chat).await {
                Err(StoreError::NotFound { .. }) => return Ok(false),
                found => found?,
            };
            if !holds(tx, lease).await? {
                return Ok(false);
            }
            let event = Event::WorkerLost { crashed: false };
            // Where nothing is under way there is nothing to put in order.
            let _ = apply(tx, chat, event, Change::at(now)).await?;
            tx.execute(LEAVE.bind(lease.chat)).await?;
            Ok(true)
        })
    }
}
