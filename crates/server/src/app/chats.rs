//! Chats: what people do to runs of AI agents.

pub(super) mod begin;
pub(crate) mod follow;
pub(super) mod view;

use bailey_api::chats::{self as wire, ChatLimitsInput, ChatListQuery, ChatPlanAnswer, ChatUpdate};
use bailey_api::{Code, Page};
use bailey_chats::{ChatError, PlanAnswer};
use bailey_core::chat::{Cause, Chat, ChatState, InvalidTransition, Limits};
use bailey_core::{CallId, ChatId, Money, WorkspaceId};
use bailey_store::ChatFilter;
use serde_json::json;

use super::caller::sees;
use super::checks::Checks;
use super::names::Names;
use super::{App, AppError, Caller, cursor};
use crate::audit::{Change, Resource};
use crate::streams::StreamError;

const CURSOR: u8 = b'c';

impl From<InvalidTransition> for AppError {
    fn from(error: InvalidTransition) -> Self {
        Self::Conflict {
            code: Code::ChatState,
            detail: error.to_string(),
        }
    }
}

/// What went wrong, where a text of the body at `pointer` is looked at.
pub(super) fn chat_error(error: ChatError, pointer: &str) -> AppError {
    match error {
        ChatError::Invalid(invalid) => invalid.into(),
        error @ (ChatError::Empty | ChatError::TooLong) => AppError::field(pointer, error.to_string()),
        error @ ChatError::Protocol => AppError::field("/model", error.to_string()),
        ChatError::Store(error) => error.into(),
    }
}

/// A chat as the audit log names it.
fn resource(chat: &Chat) -> Resource {
    Resource::new("chat", chat.id).named(&chat.title)
}

impl App {
    /// Chats within reach, newest first.
    pub async fn chats_list(&self, caller: &Caller, query: ChatListQuery) -> Result<Page<wire::Chat>, AppError> {
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), ChatId::from_uuid)?;
        let places = (query.owner.as_deref(), query.workspace.as_deref());
        let Some(filter) = self.chat_filter(caller, places, query.state.as_deref()).await? else {
            return Ok(Page {
                items: Vec::new(),
                next_cursor: None,
            });
        };
        let filter = ChatFilter {
            text: query.q,
            ..filter
        };
        let (found, next) = self.store().chats_list(&filter, page).await?;
        Ok(Page {
            items: self.chats_view(found).await?,
            next_cursor: cursor::next(CURSOR, next.map(ChatId::uuid)),
        })
    }

    /// Which chats within reach are asked for; `None` = there is no such person or workspace, and so no such chat.
    pub(super) async fn chat_filter(
        &self,
        caller: &Caller,
        (owner, workspace): (Option<&str>, Option<&str>),
        state: Option<&str>,
    ) -> Result<Option<ChatFilter>, AppError> {
        let mut filter = ChatFilter::within(self.people_within(caller).await?);
        if let Some(text) = owner {
            match self.find_person(text, &filter.reach).await? {
                Some(person) => filter.owner = Some(person.id),
                None => return Ok(None),
            }
        }
        if let Some(text) = workspace {
            match text.parse::<WorkspaceId>() {
                Ok(id) => filter.workspace = Some(id),
                Err(_) => return Ok(None),
            }
        }
        if let Some(text) = state {
            filter.state = Some(ChatState::parse(text).ok_or_else(|| AppError::Query {
                parameter: "state",
                detail: "is no state of a chat".to_owned(),
            })?);
        }
        Ok(Some(filter))
    }

    /// One chat.
    pub async fn chat_get(&self, caller: &Caller, id: ChatId) -> Result<wire::Chat, AppError> {
        let chat = self.chat_within(caller, id).await?;
        self.chat_view(chat, &mut Names::default()).await
    }

    /// Gives a chat another title.
    pub async fn chat_update(&self, caller: &Caller, id: ChatId, change: ChatUpdate) -> Result<wire::Chat, AppError> {
        let chat = self.chat_within(caller, id).await?;
        let mut checks = Checks::default();
        if let Some(title) = &change.title {
            checks.text("/title", title);
        }
        checks.done()?;
        let record = Change::new("chats.update", resource(&chat))
            .before(&json!({ "title": chat.title }))
            .after(&json!({ "title": change.title.as_ref().unwrap_or(&chat.title) }));
        caller.record(record).await?;
        if let Some(title) = &change.title {
            self.store().chat_set_title(id, title).await?;
        }
        self.chat_get(caller, id).await
    }

    /// Writes to a chat.
    pub async fn chat_post(&self, caller: &Caller, id: ChatId, text: &str) -> Result<wire::Chat, AppError> {
        let chat = self.chat_within(caller, id).await?;
        // What is said stands in the chat's own log.
        let record = Change::new("chats.message", resource(&chat)).after(&json!({ "bytes": text.len() }));
        caller.record(record).await?;
        let posted = self.chats().post(id, Some(caller.person()), text).await;
        let (_, chat) = posted.map_err(|error| chat_error(error, "/text"))?;
        self.chat_view(chat, &mut Names::default()).await
    }

    /// Answers a question of the agent.
    pub async fn chat_answer(
        &self,
        caller: &Caller,
        (id, call): (ChatId, CallId),
        text: &str,
    ) -> Result<wire::Chat, AppError> {
        let chat = self.chat_within(caller, id).await?;
        let record = Change::new("chats.answer", resource(&chat)).after(&json!({ "call": call, "bytes": text.len() }));
        caller.record(record).await?;
        let answered = self.chats().answer(id, call, caller.person(), text).await;
        let chat = answered.map_err(|error| chat_error(error, "/text"))?;
        self.chat_view(chat, &mut Names::default()).await
    }

    /// Accepts or rejects a plan of the agent.
    pub async fn chat_answer_plan(
        &self,
        caller: &Caller,
        (id, call): (ChatId, CallId),
        ask: ChatPlanAnswer,
    ) -> Result<wire::Chat, AppError> {
        let chat = self.chat_within(caller, id).await?;
        let (pointer, answer) = match ask {
            ChatPlanAnswer {
                accept: true,
                plan,
                reason: None,
            } => ("/plan", plan.map_or(PlanAnswer::Accept, PlanAnswer::AcceptEdited)),
            ChatPlanAnswer {
                accept: false,
                plan: None,
                reason,
            } => {
                let reason = reason.unwrap_or_else(|| "They did not say why.".to_owned());
                ("/reason", PlanAnswer::Reject(reason))
            }
            ChatPlanAnswer { accept: true, .. } => {
                return Err(AppError::field("/reason", "belongs to a plan that is not accepted"));
            }
            ChatPlanAnswer { .. } => return Err(AppError::field("/plan", "belongs to a plan that is accepted")),
        };
        let record = Change::new("chats.plan", resource(&chat)).after(&json!({
            "call": call,
            "accepted": !matches!(answer, PlanAnswer::Reject(_)),
            "edited": matches!(answer, PlanAnswer::AcceptEdited(_)),
        }));
        caller.record(record).await?;
        let answered = self.chats().answer_plan(id, call, caller.person(), &answer).await;
        let chat = answered.map_err(|error| chat_error(error, pointer))?;
        self.chat_view(chat, &mut Names::default()).await
    }

    /// Lets a paused chat go on, with more of what it has used up.
    pub async fn chat_resume(
        &self,
        caller: &Caller,
        id: ChatId,
        more: Option<ChatLimitsInput>,
    ) -> Result<wire::Chat, AppError> {
        let chat = self.chat_within(caller, id).await?;
        let held = matches!(chat.run.cause, Some(Cause::Steps | Cause::Time | Cause::Money));
        let limits = (more.is_some() || held)
            .then(|| begin::more(&chat.run, &self.chats_config().limits(), &more.unwrap_or_default()))
            .transpose()?;
        let record = Change::new("chats.resume", resource(&chat))
            .before(&json!({ "limits": view::limits(&chat.run.limits) }))
            .after(&json!({ "limits": view::limits(&limits.unwrap_or(chat.run.limits)) }));
        caller.record(record).await?;
        let resumed = self.chats().resume(id, limits).await;
        let chat = resumed.map_err(|error| chat_error(error, "/more"))?;
        self.chat_view(chat, &mut Names::default()).await
    }

    /// Interrupts a chat: it can go on.
    pub async fn chat_interrupt(&self, caller: &Caller, id: ChatId) -> Result<wire::Chat, AppError> {
        let chat = self.chat_within(caller, id).await?;
        caller.record(Change::new("chats.interrupt", resource(&chat))).await?;
        let done = self.chats().interrupt(id).await;
        self.chat_done(done).await
    }

    /// Stops a chat for good.
    pub async fn chat_stop(&self, caller: &Caller, id: ChatId) -> Result<wire::Chat, AppError> {
        let chat = self.chat_within(caller, id).await?;
        caller.record(Change::new("chats.stop", resource(&chat))).await?;
        let done = self.chats().stop(id).await;
        self.chat_done(done).await
    }

    /// Calls a chat done that nothing runs in.
    pub async fn chat_finish(&self, caller: &Caller, id: ChatId) -> Result<wire::Chat, AppError> {
        let chat = self.chat_within(caller, id).await?;
        caller.record(Change::new("chats.finish", resource(&chat))).await?;
        let done = self.chats().finish(id).await;
        self.chat_done(done).await
    }

    async fn chat_done(&self, done: Result<Chat, ChatError>) -> Result<wire::Chat, AppError> {
        let chat = done.map_err(|error| chat_error(error, ""))?;
        self.chat_view(chat, &mut Names::default()).await
    }

    /// The chat of this id, if it is within reach. What a chat shows of a workspace that only the browser leads into, it shows in
    /// Bailey's own pages alone.
    pub(super) async fn chat_within(&self, caller: &Caller, id: ChatId) -> Result<Chat, AppError> {
        let reach = self.people_within(caller).await?;
        let chat = self.store().chat_get(id).await?;
        let chat = chat
            .filter(|chat| sees(&reach, Some(chat.owner)))
            .ok_or(AppError::NotFound)?;
        self.chat_in_browser(caller, chat.workspace).await?;
        Ok(chat)
    }

    pub(super) async fn chat_in_browser(&self, caller: &Caller, workspace: WorkspaceId) -> Result<(), AppError> {
        if caller.actor.session.is_some() {
            return Ok(());
        }
        let workspace = self.store().workspace_get(workspace).await?;
        match workspace {
            Some(workspace) if workspace.resolved.browser_only || self.fleet().settings().browser_only => {
                Err(StreamError::BrowserOnly(workspace.name).into())
            }
            _ => Ok(()),
        }
    }

    /// A person's chats were stopped in the store: what this server still does in them ends now.
    pub(crate) async fn chats_of_suspended(&self, owner: bailey_core::PersonId) -> Result<(), AppError> {
        let mut filter = ChatFilter::within(bailey_store::LedgerReach::All);
        filter.owner = Some(owner);
        filter.state = Some(ChatState::Cancelled);
        let page = bailey_store::ListPage {
            after: None,
            limit: 100,
        };
        let (chats, _) = self.store().chats_list(&filter, page).await?;
        for chat in &chats {
            self.chats().look(chat);
        }
        Ok(())
    }
}

/// The smaller of a limit that is asked for and one that holds anyway.
pub(super) fn least<T: Ord>(asked: Option<T>, most: Option<T>) -> Option<T> {
    match (asked, most) {
        (Some(asked), Some(most)) => Some(asked.min(most)),
        (asked, most) => asked.or(most),
    }
}

/// What is asked for, within what the deployment allows.
pub(super) fn within(asked: &ChatLimitsInput, most: &Limits) -> Limits {
    Limits {
        steps: least(asked.steps, most.steps),
        seconds: least(asked.seconds, most.seconds),
        cost: least(asked.cost.map(|cost| cost.0), most.cost),
    }
}

/// Mistakes of limits that are asked for.
pub(super) fn check_limits(checks: &mut Checks, pointer: &str, asked: &ChatLimitsInput) {
    checks.not_zero(&format!("{pointer}/steps"), asked.steps.map(u64::from));
    checks.not_zero(&format!("{pointer}/seconds"), asked.seconds);
    if asked.cost.is_some_and(|cost| cost.0 <= Money::ZERO) {
        checks.wrong(format!("{pointer}/cost"), "must be more than nothing");
    }
}
