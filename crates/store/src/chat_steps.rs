//! What happens to chats: the machine is run inside the transaction that writes down what comes of it.

use bailey_core::chat::{CallKind, CallState, Chat, Effect, Event, InvalidTransition, LogPart, Part, Run};
use bailey_core::{CallId, ChatId, MessageId, Money, Timestamp, WorkerId};

use crate::bulk::Bulk;
use crate::chats::{NewMessage, fill, read, select};
use crate::conn::Conn;
use crate::sql::{each, same, statements};
use crate::store::transaction;
use crate::value::{Row, Value, json};
use crate::{Store, StoreError};

statements! {
    /// The chat, and nobody else changes it until this transaction is over.
    LOCK = each(select!(" WHERE c.id = $1"), select!(" WHERE c.id = $1 FOR UPDATE"));
    HELD = each(
        "SELECT id FROM chats WHERE id = $1 AND worker = $2 AND generation = $3",
        "SELECT id FROM chats WHERE id = $1 AND worker = $2 AND generation = $3 FOR UPDATE",
    );
    UPDATE = same(
        "UPDATE chats SET state = $2, cause = $3, plan = $4, limits = $5, steps = $6, asking = $7, losses = $8, cost = $9, \
         active = $10, since = $11, last = $12, changed_at = $13 WHERE id = $1",
    );
    /// Whoever has it has nothing to do any more.
    FREE = same("UPDATE chats SET worker = NULL, lease_until = NULL WHERE id = $1");
    INSERT_MESSAGE = same(
        "INSERT INTO chat_messages (id, chat, number, by_person, text, state, created_at) \
         VALUES ($1, $2, $3, $4, $5, 'queued', $6)",
    );
    MESSAGE = same("SELECT by_person, text FROM chat_messages WHERE id = $1");
    SET_MESSAGE = same("UPDATE chat_messages SET state = $2 WHERE id = $1 AND state = 'queued'");
    INSERT_CALL = same(
        "INSERT INTO chat_calls (id, chat, step, position, kind, state, tool, arguments, finished_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    SET_CALL = same(
        "UPDATE chat_calls SET state = $2, started_at = COALESCE($3, started_at), finished_at = $4 WHERE id = $1",
    );
    SPEND = same("UPDATE chats SET cost = cost + $2 WHERE id = $1");
    SET_LAST = same("UPDATE chats SET last = $2 WHERE id = $1");
    PREPARE = same("UPDATE chats SET system = $2 WHERE id = $1 AND system IS NULL");
    LAST = same("SELECT last FROM chats WHERE id = $1");
    PARTS = same("SELECT number, at, body FROM chat_parts WHERE chat = $1 AND number > $2 ORDER BY number LIMIT $3");
    PARTS_BEFORE = same(
        "SELECT number, at, body FROM chat_parts WHERE chat = $1 AND number < $2 ORDER BY number DESC LIMIT $3",
    );
}

const INSERT_PARTS: Bulk = Bulk::insert("chat_parts", &["chat", "number", "at", "body"], "");

/// That a worker has a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatLease {
    /// The chat.
    pub chat: ChatId,
    /// The worker.
    pub worker: WorkerId,
    /// Which of the chat's leases it is.
    pub generation: u64,
}

/// A tool call that an answer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// Its id.
    pub id: CallId,
    /// What it is.
    pub kind: CallKind,
    /// The tool's name.
    pub tool: String,
    /// What it is to be run with.
    pub arguments: String,
}

/// Whether something happened to a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stepped {
    /// It did; this is what the chat has come to.
    Yes(Box<Chat>),
    /// It does not fit the chat as it is; nothing was changed.
    Invalid(InvalidTransition),
    /// The worker does not have the chat any more; nothing was changed.
    LeaseLost,
}

/// What comes with an event.
#[derive(Debug, Clone)]
pub(crate) struct Change<'a> {
    pub(crate) message: Option<&'a NewMessage>,
    pub(crate) calls: &'a [NewCall],
    pub(crate) parts: Vec<Part>,
    pub(crate) at: Timestamp,
}

impl Change<'_> {
    /// Nothing but the time.
    pub(crate) const fn at(at: Timestamp) -> Self {
        Self {
            message: None,
            calls: &[],
            parts: Vec::new(),
            at,
        }
    }
}

/// The chat, locked.
pub(crate) async fn lock(tx: &mut Conn, id: ChatId) -> Result<Chat, StoreError> {
    let chat = tx.read_optional(LOCK.bind(id), read).await?;
    let mut found = [chat.ok_or(StoreError::NotFound { what: "chat" })?];
    fill(tx, &mut found).await?;
    let [chat] = found;
    Ok(chat)
}

pub(crate) async fn holds(tx: &mut Conn, lease: &ChatLease) -> Result<bool, StoreError> {
    let held = HELD.bind(lease.chat).bind(lease.worker).bind(lease.generation);
    Ok(tx.fetch_optional(held).await?.is_some())
}

/// Runs the machine and writes down what comes of it. The order in the log: messages that reach the model, what came with the
/// event, what follows from it, the new state.
pub(crate) async fn apply(
    tx: &mut Conn,
    mut chat: Chat,
    event: Event,
    mut change: Change<'_>,
) -> Result<Result<Chat, InvalidTransition>, StoreError> {
    let now = change.at;
    let (next, effects) = match chat.run.step(event.clone(), now) {
        Ok(stepped) => stepped,
        Err(invalid) => return Ok(Err(invalid)),
    };
    if let Some(message) = change.message {
        queue(tx, &chat, message, now).await?;
    }
    let (mut parts, follow) = effects_down(tx, &effects).await?;
    match event {
        Event::StepStarted => parts.push(Part::StepStarted { step: next.steps }),
        Event::CallStarted(call) => parts.push(Part::ToolStarted { call }),
        _ => {}
    }
    if let Some(NewMessage { id, by, text }) = change.message {
        let (message, by, text) = (*id, *by, text.clone());
        parts.push(Part::Queued { message, by, text });
    }
    parts.append(&mut change.parts);
    parts.extend(follow);
    calls_down(tx, &chat, &next, change.calls, now).await?;
    let seen = |run: &Run| (run.state, run.cause, run.plan);
    if seen(&chat.run) != seen(&next) {
        let (state, cause, plan) = seen(&next);
        parts.push(Part::State { state, cause, plan });
    }
    chat.last = append(tx, chat.id, chat.last, &parts, now).await?;
    chat.run = next;
    chat.changed_at = now;
    save(tx, &chat).await?;
    Ok(Ok(chat))
}

async fn queue(tx: &mut Conn, chat: &Chat, message: &NewMessage, now: Timestamp) -> Result<(), StoreError> {
    let insert = INSERT_MESSAGE
        .bind(message.id)
        .bind(chat.id)
        .bind(chat.last + 1)
        .bind(message.by)
        .bind(message.text.as_str())
        .bind(now);
    tx.execute(insert).await.map(drop)
}

/// Writes down what became of messages. Answers with what the log says first, and what it says last.
async fn effects_down(tx: &mut Conn, effects: &[Effect]) -> Result<(Vec<Part>, Vec<Part>), StoreError> {
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for effect in effects {
        match effect {
            Effect::Deliver(messages) => {
                for id in messages {
                    first.push(deliver(tx, *id).await?);
                }
            }
            Effect::Drop(messages) => {
                for id in messages {
                    tx.execute(SET_MESSAGE.bind(*id).bind("dropped")).await?;
                    last.push(Part::Dropped { message: *id });
                }
            }
            Effect::Resolve(call, how) => last.push(Part::ToolResult {
                call: *call,
                outcome: how.outcome(),
                text: how.text().to_owned(),
                by: None,
            }),
            Effect::Partial { kept } => last.push(Part::StepCut { kept: *kept }),
        }
    }
    Ok((first, last))
}

async fn deliver(tx: &mut Conn, id: MessageId) -> Result<Part, StoreError> {
    let part = |row: &Row| {
        Ok(Part::Message {
            message: id,
            by: row.get("by_person")?,
            text: row.get("text")?,
        })
    };
    let part = tx.read_optional(MESSAGE.bind(id), part).await?;
    tx.execute(SET_MESSAGE.bind(id).bind("delivered")).await?;
    part.ok_or(StoreError::Corrupt { what: "message" })
}

/// Writes down the calls that are new or have got on.
async fn calls_down(
    tx: &mut Conn,
    before: &Chat,
    next: &Run,
    new: &[NewCall],
    now: Timestamp,
) -> Result<(), StoreError> {
    for (position, call) in next.calls.iter().enumerate() {
        let over = call.state.is_over().then_some(now);
        let known = before.run.calls.iter().find(|known| known.id == call.id);
        match known {
            Some(known) if known.state == call.state => {}
            Some(_) => {
                let begun = (call.state == CallState::Running).then_some(now);
                let set = SET_CALL.bind(call.id).bind(call.state.as_str()).bind(begun).bind(over);
                tx.execute(set).await?;
            }
            None => {
                let made = new.iter().find(|new| new.id == call.id);
                let made = made.ok_or(StoreError::Corrupt { what: "call" })?;
                let insert = INSERT_CALL
                    .bind(call.id)
                    .bind(before.id)
                    .bind(next.steps)
                    .bind(u32::try_from(position).unwrap_or(u32::MAX))
                    .bind(call.kind.as_str())
                    .bind(call.state.as_str())
                    .bind(made.tool.as_str())
                    .bind(made.arguments.as_str())
                    .bind(over);
                tx.execute(insert).await?;
            }
        }
    }
    Ok(())
}

/// Adds to the log of a chat whose row is locked; answers with its last number.
async fn append(tx: &mut Conn, chat: ChatId, last: u64, parts: &[Part], now: Timestamp) -> Result<u64, StoreError> {
    let mut number = last;
    let mut values: Vec<Value> = Vec::with_capacity(parts.len() * 4);
    for part in parts {
        number += 1;
        values.extend([chat.into(), number.into(), now.into(), json("part", part)?.into()]);
    }
    if !values.is_empty() {
        INSERT_PARTS.execute(tx, values).await?;
    }
    Ok(number)
}

async fn save(tx: &mut Conn, chat: &Chat) -> Result<(), StoreError> {
    let run = &chat.run;
    let update = UPDATE
        .bind(chat.id)
        .bind(run.state.as_str())
        .bind(run.cause.map(bailey_core::chat::Cause::as_str))
        .bind(run.plan.as_str())
        .bind(json("limits", &run.limits)?)
        .bind(run.steps)
        .bind(run.asking)
        .bind(run.losses)
        .bind(run.cost)
        .bind(run.active)
        .bind(run.since)
        .bind(chat.last)
        .bind(chat.changed_at);
    tx.execute(update).await?;
    if !run.state.is_active() {
        tx.execute(FREE.bind(chat.id)).await?;
    }
    Ok(())
}

fn read_part(row: &Row) -> Result<LogPart, StoreError> {
    Ok(LogPart {
        number: row.get("number")?,
        at: row.get("at")?,
        part: row.json("body")?,
    })
}

impl Store {
    /// Puts a message into a chat's queue; it reaches the model with the next step.
    pub async fn chat_message(
        &self,
        chat: ChatId,
        message: &NewMessage,
        now: Timestamp,
    ) -> Result<Stepped, StoreError> {
        transaction!(self, async |tx| {
            let found = lock(tx, chat).await?;
            let change = Change {
                message: Some(message),
                ..Change::at(now)
            };
            let applied = apply(tx, found, Event::Message(message.id), change).await?;
            Ok(applied.map_or_else(Stepped::Invalid, |chat| Stepped::Yes(Box::new(chat))))
        })
    }

    /// Something that a person or Bailey does to a chat, with what the log says of it. A worker that has the chat loses it if
    /// there is nothing left for it to do.
    pub async fn chat_act(
        &self,
        chat: ChatId,
        event: &Event,
        parts: &[Part],
        now: Timestamp,
    ) -> Result<Stepped, StoreError> {
        transaction!(self, async |tx| {
            let found = lock(tx, chat).await?;
            let change = Change {
                parts: parts.to_vec(),
                ..Change::at(now)
            };
            let applied = apply(tx, found, event.clone(), change).await?;
            Ok(applied.map_or_else(Stepped::Invalid, |chat| Stepped::Yes(Box::new(chat))))
        })
    }

    /// What the worker that has a chat has done, with what the log says of it and, at the end of a step, the calls that the
    /// answer wants.
    pub async fn chat_step(
        &self,
        lease: &ChatLease,
        event: &Event,
        (parts, calls): (&[Part], &[NewCall]),
        now: Timestamp,
    ) -> Result<Stepped, StoreError> {
        transaction!(self, async |tx| {
            if !holds(tx, lease).await? {
                return Ok(Stepped::LeaseLost);
            }
            let found = lock(tx, lease.chat).await?;
            let change = Change {
                parts: parts.to_vec(),
                calls,
                ..Change::at(now)
            };
            let applied = apply(tx, found, event.clone(), change).await?;
            Ok(applied.map_or_else(Stepped::Invalid, |chat| Stepped::Yes(Box::new(chat))))
        })
    }

    /// Adds to the log what streams in. The number of the last part; `None` if the worker does not have the chat any more.
    pub async fn chat_append(
        &self,
        lease: &ChatLease,
        parts: &[Part],
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        transaction!(self, async |tx| {
            if !holds(tx, lease).await? {
                return Ok(None);
            }
            let row = tx.fetch_optional(LAST.bind(lease.chat)).await?;
            let last: u64 = row.ok_or(StoreError::Corrupt { what: "chat" })?.get("last")?;
            let last = append(tx, lease.chat, last, parts, now).await?;
            tx.execute(SET_LAST.bind(lease.chat).bind(last)).await?;
            Ok(Some(last))
        })
    }

    /// Adds to what a chat has cost what was spent for a step that has no end. Whether anybody has the chat does not matter: it
    /// was spent.
    pub async fn chat_spend(&self, chat: ChatId, cost: Money) -> Result<(), StoreError> {
        transaction!(self, async |tx| tx.execute(SPEND.bind(chat).bind(cost)).await.map(drop))
    }

    /// Fixes the system prompt of a chat, if it has none yet. `false` if the worker does not have the chat any more.
    pub async fn chat_prepare(&self, lease: &ChatLease, system: &str) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            if !holds(tx, lease).await? {
                return Ok(false);
            }
            tx.execute(PREPARE.bind(lease.chat).bind(system)).await?;
            Ok(true)
        })
    }

    /// Parts of a chat's log after a number, at most so many.
    pub async fn chat_parts(&self, chat: ChatId, after: u64, most: u32) -> Result<Vec<LogPart>, StoreError> {
        let parts = PARTS.bind(chat).bind(after).bind(most);
        self.reader().await?.read_all(parts, read_part).await
    }

    /// Parts of a chat's log before a number, the last first, at most so many.
    pub async fn chat_parts_before(&self, chat: ChatId, before: u64, most: u32) -> Result<Vec<LogPart>, StoreError> {
        // What counts in the database has a sign.
        let before = before.min(i64::MAX.unsigned_abs());
        let parts = PARTS_BEFORE.bind(chat).bind(before).bind(most);
        self.reader().await?.read_all(parts, read_part).await
    }
}
