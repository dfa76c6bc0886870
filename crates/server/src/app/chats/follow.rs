//! The log of a chat: what is there, and what comes.

use std::time::Instant;

use bailey_api::Page;
use bailey_api::chats::{self as wire, ChatEvent, ChatEventsQuery};
use bailey_chats::Watch;
use bailey_core::authz::Action;
use bailey_core::{ChatId, PersonId};

use super::chat_error;
use super::view::event;
use crate::app::caller::sees;
use crate::app::follow::JUDGED;
use crate::app::names::Names;
use crate::app::{App, AppError, Caller, cursor};
use crate::apps;
use crate::guard;
use crate::streams::Place;

const EVENTS: u32 = 1000;

/// A chat that is followed.
pub(crate) struct ChatFollow {
    app: App,
    caller: Caller,
    owner: PersonId,
    chat: ChatId,
    watch: Watch,
    judged: Instant,
    is_over: bool,
    place: Place,
}

/// What has come of a chat.
pub(crate) enum ChatNews {
    /// Events.
    Events(Vec<ChatEvent>),
    /// The chat is over, and this is all.
    Over(Box<wire::Chat>),
}

impl App {
    /// Events of a chat's log, in order.
    pub async fn chat_events(
        &self,
        caller: &Caller,
        id: ChatId,
        query: &ChatEventsQuery,
    ) -> Result<Page<ChatEvent>, AppError> {
        self.chat_within(caller, id).await?;
        let most = cursor::limit(query.limit, EVENTS, EVENTS)?;
        let parts = self.store().chat_parts(id, query.after.unwrap_or(0), most).await?;
        Ok(Page {
            items: parts.into_iter().filter_map(event).collect(),
            next_cursor: None,
        })
    }

    /// Follows a chat's log from the event after this number.
    pub(crate) async fn chat_follow(
        &self,
        caller: &Caller,
        id: ChatId,
        after: u64,
        connection: Option<&apps::Place>,
    ) -> Result<ChatFollow, AppError> {
        let chat = self.chat_within(caller, id).await?;
        let watch = self.chats().watch(id, after).await;
        Ok(ChatFollow {
            place: self.streams().enter_log(caller.person())?.over(connection),
            app: self.clone(),
            caller: caller.clone(),
            owner: chat.owner,
            chat: id,
            watch: watch.map_err(|error| chat_error(error, ""))?,
            judged: Instant::now(),
            is_over: false,
        })
    }
}

impl ChatFollow {
    /// What comes next; `None` = nothing any more, because it was all, the server stops, or the reader may not read on.
    pub(crate) async fn next(&mut self) -> Result<Option<ChatNews>, AppError> {
        let end = self.place.end();
        while !self.is_over && !self.app.draining() && !end.is_cancelled() {
            if self.judged.elapsed() >= JUDGED {
                self.judge().await?;
            }
            let parts = tokio::select! {
                parts = self.watch.next() => parts?,
                // To look away loses nothing of what is watched.
                () = tokio::time::sleep(JUDGED) => continue,
                () = end.cancelled() => break,
            };
            let Some(parts) = parts else {
                self.is_over = true;
                let chat = self.app.store().chat_get(self.chat).await?.ok_or(AppError::NotFound)?;
                let chat = self.app.chat_view(chat, &mut Names::default()).await?;
                return Ok(Some(ChatNews::Over(Box::new(chat))));
            };
            let events: Vec<ChatEvent> = parts.into_iter().filter_map(event).collect();
            if !events.is_empty() {
                return Ok(Some(ChatNews::Events(events)));
            }
        }
        Ok(None)
    }

    async fn judge(&mut self) -> Result<(), AppError> {
        self.caller = guard::renew(&self.app, &self.caller, Action::ChatRead).await?;
        let reach = self.app.people_within(&self.caller).await?;
        if !sees(&reach, Some(self.owner)) {
            return Err(AppError::NotFound);
        }
        self.judged = Instant::now();
        Ok(())
    }
}
