//! The one status comment of a ticket: written from what is stored of its run, and brought to the forge.

use bailey_core::ConnectionId;
use bailey_forges::comment::{Phase, Status, StatusKey};
use bailey_forges::forge::StatusWanted;
use bailey_store::{NewRun, StatusDue, TicketKey, TicketRun};
use futures_util::StreamExt as _;

use super::work::project;
use super::{TRIES, Trouble, again};
use crate::app::{App, AppError};

/// Comments of one look.
const MOST: u32 = 32;
/// Comments that are written at the same time.
const WRITTEN: usize = 8;

/// What a ticket's status comment is found by when its id is lost.
pub(super) fn key(of: &TicketKey) -> StatusKey {
    let connection = of.connection.uuid().simple().to_string();
    // What is random of it: the numbers have room beside it.
    let connection = connection.get(16..).unwrap_or_default();
    let text = format!("t-{connection}-{}-{}", of.project.unsigned_abs(), of.ticket);
    StatusKey::of(&text)
}

/// The page of a merge request at a GitLab.
pub(super) fn page_of_merge_request(base_url: &str, path: &str, number: u64) -> String {
    format!("{base_url}/{path}/-/merge_requests/{number}")
}

impl App {
    /// What a run's status comment says in this phase.
    pub(super) fn status(&self, run: &NewRun, phase: Phase) -> Status {
        let mut status = Status::new(phase);
        status.person = Some(run.assignee_name.clone());
        status.model.clone_from(&run.model);
        status.workspace = Some(format!("{}/workspaces/{}", self.platform(), run.workspace));
        status.chat = run.chat.map(|chat| format!("{}/chats/{chat}", self.platform()));
        status
    }

    /// What a run's status comment says in this phase, as far as it has come: with its merge request, and without a chat that was never
    /// begun.
    pub(super) async fn status_of(&self, run: &TicketRun, phase: Phase) -> Result<String, AppError> {
        let mut status = self.status(&run.new, phase);
        if let Some(number) = run.merge_request
            && let Some(record) = self.store().connection_get(run.new.key.connection).await?
        {
            let page = page_of_merge_request(&record.base_url, &run.new.key.path, number);
            status.merge_request = Some((number, page));
        }
        if let Some(chat) = run.new.chat {
            match self.store().chat_get(chat).await? {
                Some(chat) => {
                    status.model = Some(chat.engine.model);
                    status.cost = Some(chat.run.cost);
                }
                None => status.chat = None,
            }
        }
        Ok(status.render(&key(&run.new.key)))
    }

    /// Brings status comments to a connection's forge.
    pub(super) async fn statuses_step(&self, connection: ConnectionId) -> Result<(), AppError> {
        let due = self.store().ticket_statuses_due(connection, self.now(), MOST).await?;
        let shown = futures_util::stream::iter(due).map(async |due| self.status_show(&due).await);
        let done: Vec<Result<(), AppError>> = shown.buffer_unordered(WRITTEN).collect().await;
        done.into_iter().collect()
    }

    async fn status_show(&self, due: &StatusDue) -> Result<(), AppError> {
        let error = match self.status_write(due).await {
            Ok(comment) => return Ok(self.store().ticket_status_shown(due, comment).await?),
            Err(error) => error,
        };
        tracing::warn!(ticket = %super::work::ticket(&due.key).id, error = &error as &dyn std::error::Error, "a status comment cannot be written");
        let passes = match &error {
            Trouble::Forge(error) => error.may_pass(),
            Trouble::App(_) => true,
        };
        // Until the ticket has something else to say.
        let at = (passes || due.tries + 1 < TRIES).then(|| again(self.now(), due.tries, &error));
        Ok(self.store().ticket_status_later(due, at).await?)
    }

    async fn status_write(&self, due: &StatusDue) -> Result<i64, Trouble> {
        let record = self.store().connection_get(due.key.connection).await?;
        let record = record.ok_or(AppError::NotFound)?;
        let work = self.work_of(record).await?;
        let key = key(&due.key);
        let wanted = StatusWanted {
            known: due.comment,
            key: &key,
            body: &due.wanted,
        };
        let project = project(&due.key);
        let comment = work.forge.status_comment(&project, due.key.ticket, wanted).await?;
        Ok(comment.get().id)
    }
}

#[cfg(test)]
mod tests {
    use bailey_core::ConnectionId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_ticket_has_a_key_of_its_own() {
        let of = |n: u128, project, ticket| {
            key(&TicketKey {
                connection: ConnectionId::from_uuid(Uuid::from_u128(n)),
                project,
                path: String::new(),
                ticket,
            })
        };
        assert_eq!(of(1, 2, 3).marker(), "<!-- bailey:status:t-0000000000000001-2-3 -->");
        let longest = of(u128::MAX, i64::MIN, u64::MAX).marker();
        assert!(
            longest.ends_with(&format!("-{}-{} -->", i64::MIN.unsigned_abs(), u64::MAX)),
            "{longest}"
        );
        assert_ne!(of(1, 2, 3), of(1, 2, 4));
        assert_ne!(of(1, 2, 3), of(2, 2, 3));
    }
}
