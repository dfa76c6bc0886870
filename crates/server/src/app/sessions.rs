//! Sessions in browsers.

use bailey_api::Page;
use bailey_api::sessions::{OwnSession, Session, SessionListQuery};
use bailey_core::SessionId;
use bailey_core::identity::Session as Record;
use bailey_gate::authorize::Actor;
use bailey_store::SessionFilter;

use serde_json::json;

use super::caller::sees;
use super::names::Names;
use super::{App, AppError, Caller, cursor};
use crate::audit::{Change, Resource};
use crate::way::Way;

const CURSOR: u8 = b's';

impl App {
    /// Good sessions within reach, newest first: the asker's own unless they say whose.
    pub(crate) async fn sessions_list(
        &self,
        caller: &Caller,
        query: SessionListQuery,
    ) -> Result<Page<Session>, AppError> {
        let reach = self.people_within(caller).await?;
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), SessionId::from_uuid)?;
        let person = match query.person.as_deref() {
            None => Some(caller.person()),
            Some("*") => None,
            Some(text) => match self.find_person(text, &reach).await? {
                Some(found) => Some(found.id),
                None => {
                    return Ok(Page {
                        items: Vec::new(),
                        next_cursor: None,
                    });
                }
            },
        };
        let filter = SessionFilter {
            person,
            reach,
            now: self.now(),
            idle_seconds: self.identity().idle_seconds(),
        };
        let (sessions, next) = self.store().sessions_list(&filter, page).await?;
        let mut names = Names::default();
        names
            .look_up(self, sessions.iter().map(|session| session.person))
            .await?;
        let mut items = Vec::with_capacity(sessions.len());
        for session in sessions {
            items.push(Session {
                id: session.id,
                person: names.person(self, session.person).await?,
                method: session.method.to_string(),
                address: session.address,
                agent: session.agent,
                created_at: session.created_at.into(),
                last_used_at: session.last_used_at.into(),
                expires_at: session.expires_at.into(),
                current: caller.actor.session == Some(session.id),
            });
        }
        Ok(Page {
            items,
            next_cursor: cursor::next(CURSOR, next.map(SessionId::uuid)),
        })
    }

    /// Ends a session within reach. Again is as good as once.
    pub(crate) async fn session_end(&self, caller: &Caller, id: SessionId) -> Result<(), AppError> {
        let session = self.session_within(caller, id).await?;
        let before = json!({
            "person": session.person,
            "method": session.method.to_string(),
            "address": session.address,
            "agent": session.agent,
        });
        let change = Change::new("sessions.end", Resource::new("session", session.id)).before(&before);
        caller.record(change).await?;
        self.store().session_end(session.id, self.now()).await?;
        Ok(())
    }

    /// The session of this id, if it is within reach.
    pub(super) async fn session_within(&self, caller: &Caller, id: SessionId) -> Result<Record, AppError> {
        let reach = self.people_within(caller).await?;
        let session = self.store().session_get(id).await?;
        session
            .filter(|s| sees(&reach, Some(s.person)))
            .ok_or(AppError::NotFound)
    }

    /// Ends the session that asks. Answers where the browser is sent to sign out at the identity provider, too.
    pub(crate) async fn sign_out(&self, caller: &Caller, way: &Way) -> Result<Option<String>, AppError> {
        let Some(id) = caller.actor.session else {
            return Ok(None);
        };
        // Read before the end, with which what there is of the provider's may go.
        let elsewhere = self.sign_out_elsewhere(id, way).await;
        let change = Change::new("sign_out", Resource::new("session", id));
        caller.record(change).await?;
        self.store().session_end(id, self.now()).await?;
        Ok(elsewhere)
    }

    /// The session that asks, for the asker.
    pub(crate) async fn own_session(&self, actor: &Actor) -> Result<Option<OwnSession>, AppError> {
        let Some(id) = actor.session else { return Ok(None) };
        let session = self.store().session_get(id).await?;
        Ok(session.map(|session| OwnSession {
            id,
            expires_at: session.expires_at.into(),
            idle_seconds: self.identity().idle_seconds(),
        }))
    }
}
