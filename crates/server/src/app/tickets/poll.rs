//! The poll: finds what webhooks did not tell. What it finds goes the same way as what they told.

use bailey_core::Timestamp;
use bailey_forges::event::{self, CommentMade, Event, LabelChange, TicketChange, What};
use bailey_forges::forge::ProjectKey;
use bailey_forges::label::{self, Reading};
use bailey_forges::model::{ProjectRef, Ticket};
use bailey_store::{ConnectionRecord, TicketKey, TicketRun};
use futures_util::StreamExt as _;

use super::Trouble;
use super::facts::{Work, asks};
use crate::app::{App, AppError};

/// What the id of a look at a ticket with a live run begins with. Forges' own ids are others.
pub(super) const LOOK: &str = "ticket-";
/// What the id of a label event that was found begins with.
const FOUND: &str = "label-event-";
/// What the id of a comment that was found begins with.
const COMMENT: &str = "comment-";
/// Connections that are polled at the same time.
const CONNECTIONS: usize = 8;
/// Pages of changed tickets of one project in one poll.
const PAGES: usize = 20;
/// How far back is asked beyond what was seen, in seconds: changes become visible a moment after their time.
const OVERLAP: i64 = 60;
/// The last comments of a ticket that are looked at.
const COMMENTS: u8 = 50;

/// Whether a delivery was found by a poll.
pub(super) fn is_found(delivery: &str) -> bool {
    [LOOK, FOUND, COMMENT].iter().any(|begins| delivery.starts_with(begins))
}

impl App {
    /// Asks every forge what has changed. One that does not answer is asked again the next time, from the same point on.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn tickets_poll(&self) -> Result<(), AppError> {
        let connections = self.store().connections_enabled().await?;
        let polled = futures_util::stream::iter(connections).map(|record| self.poll_connection(record));
        let done: Vec<Result<(), AppError>> = polled.buffer_unordered(CONNECTIONS).collect().await;
        done.into_iter().collect()
    }

    async fn poll_connection(&self, record: ConnectionRecord) -> Result<(), AppError> {
        let polls = self.store().connection_polls(record.id).await?;
        for path in &record.settings.projects {
            let known = polls.iter().find(|poll| poll.path == *path);
            let (to, since) = known.map_or((record.created_at, record.created_at), |poll| {
                (poll.polled_to, poll.since)
            });
            if let Err(error) = self.poll_project(&record, path, to, since).await {
                tracing::warn!(
                    connection.id = %record.id,
                    project = path,
                    error = &error as &dyn std::error::Error,
                    "a project cannot be polled"
                );
                if matches!(&error, Trouble::Forge(error) if error.may_pass()) {
                    // The forge is not well; its other projects are asked the next time.
                    break;
                }
            }
        }
        Ok(())
    }

    /// `to`: up to where it was polled. `since`: from when on labels ask for something.
    async fn poll_project(
        &self,
        record: &ConnectionRecord,
        path: &str,
        to: Timestamp,
        since: Timestamp,
    ) -> Result<(), Trouble> {
        let work = self.work_of(record.clone()).await?;
        let Some(project) = work.forge.project(ProjectKey::Path(path)).await? else {
            return Ok(());
        };
        let project = project.project;
        let mut from = to.plus_seconds(-OVERLAP);
        let mut seen = to;
        for _ in 0..PAGES {
            let changed = work.forge.tickets_since(&project, from).await?;
            for ticket in &changed.tickets {
                match self.poll_ticket(&work, &project, ticket, since).await {
                    // One ticket that the forge cannot tell about does not keep the others back.
                    Err(Trouble::Forge(error)) if !error.may_pass() => {
                        tracing::warn!(connection.id = %record.id, ticket = ticket.number, %error, "a ticket cannot be polled");
                    }
                    done => done?,
                }
                seen = seen.max(ticket.updated_at);
            }
            // By the forge's times alone: its clock may be another.
            self.store().connection_polled(record.id, path, seen).await?;
            if !changed.more || seen <= from {
                break;
            }
            from = seen;
        }
        Ok(())
    }

    async fn poll_ticket(
        &self,
        work: &Work,
        project: &ProjectRef,
        ticket: &Ticket,
        since: Timestamp,
    ) -> Result<(), Trouble> {
        let key = TicketKey {
            connection: work.record.id,
            project: project.id,
            path: project.path.clone(),
            ticket: ticket.number,
        };
        let at = ticket.updated_at.micros();
        if let Some(run) = self.store().ticket_run_live(&key).await? {
            self.found(work, state_of(project, ticket, at)).await?;
            if run.new.agent {
                self.poll_comments(work, project, ticket, &run).await?;
            }
            return Ok(());
        }
        if !ticket.open || !asks(&work.prefix, ticket) {
            return Ok(());
        }
        let handled = self.store().ticket_run_arrivals(&key).await?;
        let history = work.forge.label_history(project, ticket.number).await?;
        let wants = |label: &str| matches!(label::read(&work.prefix, label), Reading::Trigger(_));
        // Labels that were there before the connection ask it for nothing.
        let old = |id: &str| {
            let of = |event: &&bailey_forges::model::LabelEvent| id == event.id.to_string();
            let found = history.iter().find(of);
            found.is_some_and(|event| event.at < since.plus_seconds(-OVERLAP))
        };
        for mut event in event::from_history(project, ticket, &history, wants) {
            let id = event.delivery.rsplit('-').next().unwrap_or_default().to_owned();
            if handled.contains(&id) || old(&id) {
                continue;
            }
            // Anything that changed about the ticket may be what the label waited for.
            event.delivery = format!("{}@{at}", event.delivery);
            self.found(work, event).await?;
        }
        Ok(())
    }

    async fn poll_comments(
        &self,
        work: &Work,
        project: &ProjectRef,
        ticket: &Ticket,
        run: &TicketRun,
    ) -> Result<(), Trouble> {
        for comment in work.forge.comments(project, ticket.number, COMMENTS).await? {
            if comment.system || comment.created_at < run.created_at {
                continue;
            }
            let made = CommentMade {
                number: ticket.number,
                id: comment.id,
                body: comment.body,
                edited: false,
                confidential: ticket.confidential || comment.internal,
            };
            let event = Event {
                delivery: format!("{COMMENT}{}", comment.id),
                project: project.clone(),
                sender: comment.author,
                what: What::Comment(made),
            };
            self.found(work, event).await?;
        }
        Ok(())
    }

    /// Keeps what a poll found. What was found before is there already.
    async fn found(&self, work: &Work, event: Event) -> Result<(), Trouble> {
        let text = serde_json::to_string(&event).unwrap_or_default();
        let what = (event.delivery.as_str(), "poll");
        let fresh = self
            .store()
            .delivery_insert(work.record.id, what, &text, self.now())
            .await?;
        if fresh {
            self.forges().wake();
        }
        Ok(())
    }
}

/// How a ticket with a live run is now: closed, without its label, or somebody else's.
fn state_of(project: &ProjectRef, ticket: &Ticket, at: i64) -> Event {
    Event {
        delivery: format!("{LOOK}{}-{}@{at}", project.id, ticket.number),
        project: project.clone(),
        sender: ticket.author.clone(),
        what: What::Ticket(TicketChange {
            number: ticket.number,
            confidential: ticket.confidential,
            state: None,
            labels: LabelChange::None,
            assigned: Vec::new(),
            assignees_changed: false,
        }),
    }
}
