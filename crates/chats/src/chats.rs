//! What people and the server do to chats. What is done by a worker is in [`crate::Worker`].

use std::time::Duration;

use bailey_core::chat::{
    Cause, Chat, Engine, Event, InvalidTransition, Limits, LogPart, Outcome, Part, PlanMode, Prompts,
};
use bailey_core::template::TaskOrigin;
use bailey_core::{CallId, ChatId, MessageId, PersonId, WorkspaceId};
use bailey_runtime::Clock;
use bailey_runtime::ids::NewId as _;
use bailey_store::{NewChat, NewMessage, Stepped, Store, StoreError};
use tokio::sync::watch;

use crate::feed::Feed;
use crate::protocol;

/// Bytes of a message, an answer or a plan, at most.
const TEXT_BYTES: usize = 256 << 10;
/// How often a watcher looks at the store, for what other processes have written.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Parts that a watcher is given at once, at most.
const BATCH: u32 = 500;

/// Why something was not done to a chat.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// It does not fit the chat as it is.
    #[error(transparent)]
    Invalid(#[from] InvalidTransition),
    /// There is nothing in the text.
    #[error("the text is empty")]
    Empty,
    /// The text is too long.
    #[error("the text has more than {} KiB", TEXT_BYTES >> 10)]
    TooLong,
    /// Chats do not speak the protocol.
    #[error("chats speak the protocols `messages` and `chat`")]
    Protocol,
    /// The store did not do it; [`StoreError::NotFound`] where there is no such chat or workspace.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a person says to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanAnswer {
    /// It is accepted as it is.
    Accept,
    /// It is accepted in this form.
    AcceptEdited(String),
    /// It is not accepted, and why.
    Reject(String),
}

/// What a chat is begun with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Its id, where it was named before; another chat with it is a conflict.
    pub id: Option<ChatId>,
    /// The workspace; its owner is the chat's.
    pub workspace: WorkspaceId,
    /// What it is called.
    pub title: String,
    /// The model.
    pub engine: Engine,
    /// The deployment's instructions.
    pub prompts: Prompts,
    /// The directory that tools start in.
    pub directory: Option<String>,
    /// Whether nothing is written until a plan is accepted.
    pub planned: bool,
    /// Whether it is over with the agent's first turn.
    pub once: bool,
    /// What it may take.
    pub limits: Limits,
    /// The task that it is a run of.
    pub task: Option<TaskOrigin>,
    /// The first message, and who writes it; `None` for Bailey itself.
    pub message: Option<(Option<PersonId>, String)>,
}

/// Chats, as the server uses them. Cheap to clone; clones share their watchers, so a process has one.
#[derive(Debug, Clone)]
pub struct Chats {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) feed: Feed,
}

fn checked(text: &str) -> Result<String, ChatError> {
    if text.trim().is_empty() {
        return Err(ChatError::Empty);
    }
    if text.len() > TEXT_BYTES {
        return Err(ChatError::TooLong);
    }
    // PostgreSQL stores no NUL.
    Ok(text.replace('\0', "\u{fffd}"))
}

impl Chats {
    /// The chats of a store.
    pub fn new(store: Store, clock: Clock) -> Self {
        let feed = Feed::default();
        Self { store, clock, feed }
    }

    /// Begins a chat. Without a message it waits for its first one.
    pub async fn create(&self, start: Start) -> Result<Chat, ChatError> {
        if protocol::of_engine(&start.engine).is_none() {
            return Err(ChatError::Protocol);
        }
        let now = self.clock.now();
        let message = start.message.as_ref().map(|(by, text)| {
            Ok::<_, ChatError>(NewMessage {
                id: MessageId::new_at(now),
                by: *by,
                text: checked(text)?,
            })
        });
        let new = NewChat {
            id: start.id.unwrap_or_else(|| ChatId::new_at(now)),
            workspace: start.workspace,
            title: start.title.replace('\0', "\u{fffd}"),
            engine: start.engine,
            prompts: start.prompts,
            directory: start.directory,
            plan: if start.planned {
                PlanMode::Planning
            } else {
                PlanMode::Off
            },
            once: start.once,
            limits: start.limits,
            task: start.task,
            message: message.transpose()?,
            created_at: now,
        };
        let chat = self.store.chat_create(&new).await?;
        self.feed.changed(&chat);
        Ok(chat)
    }

    /// Writes to a chat. The message reaches the model with its next step; an interrupted chat goes on with it.
    pub async fn post(&self, chat: ChatId, by: Option<PersonId>, text: &str) -> Result<(MessageId, Chat), ChatError> {
        let now = self.clock.now();
        let id = MessageId::new_at(now);
        let text = checked(text)?;
        let message = NewMessage { id, by, text };
        let stepped = self.store.chat_message(chat, &message, now).await?;
        Ok((id, self.come_of(stepped)?))
    }

    /// Writes to a chat what has an id already, from Bailey itself; once more is as good as once.
    pub async fn pass_on(&self, chat: ChatId, id: MessageId, text: &str) -> Result<(), ChatError> {
        let now = self.clock.now();
        let text = checked(text)?;
        let message = NewMessage { id, by: None, text };
        match self.store.chat_message(chat, &message, now).await {
            Ok(stepped) => self.come_of(stepped).map(drop),
            Err(StoreError::Conflict { field: "id", .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Answers a question of the agent.
    pub async fn answer(&self, chat: ChatId, call: CallId, by: PersonId, text: &str) -> Result<Chat, ChatError> {
        let result = Part::ToolResult {
            call,
            outcome: Outcome::Ok,
            text: checked(text)?,
            by: Some(by),
        };
        self.act(chat, Event::Answered(call), &[result]).await
    }

    /// Accepts or rejects a plan of the agent.
    pub async fn answer_plan(
        &self,
        chat: ChatId,
        call: CallId,
        by: PersonId,
        answer: &PlanAnswer,
    ) -> Result<Chat, ChatError> {
        let (event, outcome, text) = match answer {
            PlanAnswer::Accept => {
                let text = "The person accepted the plan as it is. You may change things now: follow it.".to_owned();
                (Event::PlanAccepted(call), Outcome::Ok, text)
            }
            PlanAnswer::AcceptEdited(plan) => {
                let plan = checked(plan)?;
                let text = format!(
                    "The person changed the plan and accepted it. You may change things now: follow this one.\n\n{plan}"
                );
                (Event::PlanAccepted(call), Outcome::Ok, text)
            }
            PlanAnswer::Reject(why) => {
                let why = checked(why)?;
                let text = format!("The person did not accept the plan. What they say:\n\n{why}");
                (Event::PlanRejected(call), Outcome::Rejected, text)
            }
        };
        let by = Some(by);
        let result = Part::ToolResult {
            call,
            outcome,
            text,
            by,
        };
        self.act(chat, event, &[result]).await
    }

    /// Interrupts the agent: what it has said stays, what it does is ended.
    pub async fn interrupt(&self, chat: ChatId) -> Result<Chat, ChatError> {
        self.act(chat, Event::Interrupt, &[]).await
    }

    /// Lets a paused chat go on, within other limits if there are any.
    pub async fn resume(&self, chat: ChatId, limits: Option<Limits>) -> Result<Chat, ChatError> {
        self.act(chat, Event::Resume(limits), &[]).await
    }

    /// Stops a chat for good.
    pub async fn stop(&self, chat: ChatId) -> Result<Chat, ChatError> {
        self.act(chat, Event::Stop(Cause::Stopped), &[]).await
    }

    /// Calls a chat done that nothing runs in.
    pub async fn finish(&self, chat: ChatId) -> Result<Chat, ChatError> {
        self.act(chat, Event::Finish, &[]).await
    }

    async fn act(&self, chat: ChatId, event: Event, parts: &[Part]) -> Result<Chat, ChatError> {
        let stepped = self.store.chat_act(chat, &event, parts, self.clock.now()).await?;
        self.come_of(stepped)
    }

    fn come_of(&self, stepped: Stepped) -> Result<Chat, ChatError> {
        match stepped {
            Stepped::Yes(chat) => {
                self.feed.changed(&chat);
                Ok(*chat)
            }
            Stepped::Invalid(invalid) => Err(invalid.into()),
            Stepped::LeaseLost => Err(ChatError::Store(StoreError::Corrupt { what: "lease" })),
        }
    }

    /// Something was done to a chat in the store by others: its watchers look, and this process's worker lets go of it if there is
    /// nothing left to do.
    pub fn look(&self, chat: &Chat) {
        self.feed.changed(chat);
    }

    /// Follows the log of a chat after the part of this number.
    pub async fn watch(&self, chat: ChatId, after: u64) -> Result<Watch, ChatError> {
        let found = self.store.chat_get(chat).await?;
        let found = found.ok_or(StoreError::NotFound { what: "chat" })?;
        Ok(Watch {
            store: self.store.clone(),
            changes: self.feed.watch(chat, found.last),
            chat,
            seen: after,
            over: false,
        })
    }
}

/// Follows the log of a chat: what is there, then what comes, until the chat is over. It may be left at any part and taken up
/// again by another watcher.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    changes: watch::Receiver<u64>,
    chat: ChatId,
    seen: u64,
    over: bool,
}

impl Watch {
    /// What comes next, at least one part; `None` once the chat is over and all of it was seen. To drop the future loses nothing.
    pub async fn next(&mut self) -> Result<Option<Vec<LogPart>>, StoreError> {
        loop {
            self.changes.borrow_and_update();
            let parts = self.store.chat_parts(self.chat, self.seen, BATCH).await?;
            if let Some(last) = parts.last() {
                self.seen = last.number;
                return Ok(Some(parts));
            }
            if self.over {
                return Ok(None);
            }
            let chat = self.store.chat_get(self.chat).await?;
            if let Some(chat) = chat.filter(|chat| !chat.run.state.is_final()) {
                // Something may have come between the two looks.
                if chat.last <= self.seen {
                    // An error means that nobody tells any more; then the store is looked at alone.
                    let _ = tokio::time::timeout(LOOK_EVERY, self.changes.changed()).await;
                }
            } else {
                // One more look: its last parts may have come since.
                self.over = true;
            }
        }
    }
}
