//! Deliveries, worked on: what each comes to is decided, stored and recorded.

use bailey_core::ticket::RunState;
use bailey_core::{ChatId, ConnectionId, RunId, WorkspaceId};
use bailey_forges::Decision;
use bailey_forges::branch::BranchName;
use bailey_forges::comment::{Phase, Status};
use bailey_forges::decide::{NoOp, Start, StopCause};
use bailey_forges::event::{Event, What};
use bailey_forges::label::Trigger;
use bailey_forges::model::{MergeRequestState, ProjectRef};
use bailey_runtime::ids::NewId;
use bailey_store::{
    ConnectionRecord, Delivery, DeliveryState, NewRun, RunBegun, RunChange, TicketKey, TicketMessage, TicketRun,
};
use futures_util::StreamExt as _;
use serde_json::json;

use super::facts::{Known, Work};
use super::status::{self, page_of_merge_request};
use super::{ACTOR, TRIES, Trouble, again, poll};
use crate::app::{App, AppError};
use crate::audit::{Change, Resource};

/// Deliveries of one look.
const MOST: u32 = 64;
/// Tickets that are worked on at the same time.
const TICKETS: usize = 8;

/// A project, and what of it is meant.
type About = (i64, String);

/// A delivery, and what it told if that can be read.
type Told = (Delivery, Option<Event>);

impl App {
    /// Works on deliveries of a connection that are due: those of one ticket one after another.
    pub(super) async fn deliveries_step(&self, connection: ConnectionId) -> Result<(), AppError> {
        let due = self.store().deliveries_due(connection, self.now(), MOST).await?;
        let mut groups: Vec<(Option<About>, Vec<Told>)> = Vec::new();
        for delivery in due {
            let event: Option<Event> = serde_json::from_str(&delivery.event).ok();
            let group = event.as_ref().map(|event| (event.project.id, about(event)));
            match groups.iter_mut().find(|(of, _)| *of == group) {
                Some((_, list)) => list.push((delivery, event)),
                None => groups.push((group, vec![(delivery, event)])),
            }
        }
        let work = async |list: Vec<Told>| {
            for (delivery, event) in list {
                self.delivery_work(&delivery, event.as_ref()).await?;
            }
            Ok(())
        };
        let groups = futures_util::stream::iter(groups).map(|(_, list)| work(list));
        let done: Vec<Result<(), AppError>> = groups.buffer_unordered(TICKETS).collect().await;
        done.into_iter().collect()
    }

    async fn delivery_work(&self, delivery: &Delivery, event: Option<&Event>) -> Result<(), AppError> {
        let store = self.store();
        let ended = async |state, reason: &str| {
            let reason = Some(reason).filter(|reason| !reason.is_empty());
            Ok(store.delivery_end(delivery, state, reason, self.now()).await?)
        };
        let Some(event) = event else {
            return ended(DeliveryState::Dead, "what was kept of it cannot be read").await;
        };
        let record = store.connection_get(delivery.connection).await?;
        let Some(record) = record.filter(|record| record.enabled) else {
            return ended(DeliveryState::Ignored, "the connection is turned off").await;
        };
        match self.event_work(record, event).await {
            Ok(came_to) => ended(DeliveryState::Done, &came_to).await,
            Err(error) if delivery.tries + 1 < TRIES => {
                let due = again(self.now(), delivery.tries, &error);
                Ok(store.delivery_retry(delivery, due, &error.to_string()).await?)
            }
            Err(error) => {
                let reason = format!("given up after {TRIES} tries: {error}");
                tracing::warn!(connection.id = %delivery.connection, delivery = delivery.delivery, reason, "a delivery is given up");
                let change = Change::new("deliveries.dead", Resource::new("connection", delivery.connection))
                    .after(&json!({ "delivery": delivery.delivery, "reason": reason }));
                self.audit().system(ACTOR, change).await?;
                ended(DeliveryState::Dead, &reason).await
            }
        }
    }

    /// Does what an event comes to; says what that is.
    async fn event_work(&self, record: ConnectionRecord, event: &Event) -> Result<String, Trouble> {
        let ours = |path: &String| path.eq_ignore_ascii_case(&event.project.path);
        if !record.settings.projects.iter().any(ours) {
            return Ok("the project is none of the connection's".to_owned());
        }
        let work = self.work_of(record).await?;
        let Some(number) = event.ticket(&work.prefix) else {
            return Ok(NoOp::OtherBranch.to_string());
        };
        let key = TicketKey {
            connection: work.record.id,
            project: event.project.id,
            path: event.project.path.clone(),
            ticket: number,
        };
        let known = self.known(&work, event, &key).await?;
        match (known.decide(event, &work), &known.live) {
            (Decision::Start(start), _) => self.ticket_begin(&work, event, &key, &known, &start).await,
            (Decision::Message { body, by }, Some(run)) => {
                let message = TicketMessage {
                    comment: comment_id(event),
                    author: by.name,
                    body,
                    at: self.now(),
                };
                let change = Change::new("tickets.message", ticket(&key))
                    .after(&json!({ "run": run.new.id, "comment": message.comment, "author": message.author }));
                if self.store().ticket_message_insert(run.new.id, &message, false).await? {
                    self.audit().system(ACTOR, change).await?;
                }
                Ok("passed on to the run's agent".to_owned())
            }
            (Decision::Stop(StopCause::Closed), Some(run)) => self.ticket_closed(&work, event, run).await,
            (Decision::Stop(cause), Some(run)) => self.ticket_end(run, &cause.to_string()).await,
            (Decision::MergeRequest { number, state }, Some(run)) => {
                self.merge_request(&work, run, number, state).await
            }
            (Decision::Nothing(no_op), live) => self.ticket_nothing(event, &key, &no_op, live.is_some()).await,
            // A decision about a run, and no run: it cannot come.
            (_, None) => Ok(NoOp::NoRun.to_string()),
        }
    }

    /// Starts a run: it is stored whole, and everything that it makes is named in it before it is made.
    async fn ticket_begin(
        &self,
        work: &Work,
        event: &Event,
        key: &TicketKey,
        known: &Known,
        start: &Start,
    ) -> Result<String, Trouble> {
        let now = self.now();
        let number = u32::try_from(known.arrivals.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let id = RunId::new_at(now);
        let arrival = start
            .arrival
            .map_or_else(|| format!("delivery:{}", event.delivery), |arrival| arrival.to_string());
        let new = NewRun {
            id,
            key: key.clone(),
            arrival,
            number,
            label: start.label.clone(),
            person: start.person,
            assignee: start.assignee.id,
            assignee_name: start.assignee.name.clone(),
            agent: matches!(start.trigger, Trigger::Agent { .. }),
            model: start.model.clone(),
            confidential: start.confidential,
            branch: BranchName::of_ticket(&work.prefix, key.ticket, number).to_string(),
            workspace: WorkspaceId::new_at(now),
            workspace_name: workspace_name(&key.path, key.ticket, id),
            chat: matches!(start.trigger, Trigger::Agent { .. }).then(|| ChatId::new_at(now)),
        };
        let change = Change::new("tickets.start", ticket(key)).after(&json!({
            "run": id, "connection": work.record.name, "label": new.label, "person": new.person,
            "assignee": new.assignee_name, "sender": event.sender.name, "model": new.model,
            "workspace": new.workspace, "branch": new.branch, "delivery": event.delivery,
        }));
        let entry = self.audit().begin(ACTOR, change).await?;
        let status = self.status(&new, Phase::Started).render(&status::key(key));
        match self.store().ticket_run_begin(&new, &status, now).await? {
            RunBegun::Yes => {
                entry.end();
                Ok(format!("started {id}"))
            }
            RunBegun::Handled => {
                entry.fail("what asked for it has started a run before");
                Ok(NoOp::AlreadyHandled { label: new.label }.to_string())
            }
            RunBegun::Live => {
                entry.fail("the ticket has a run");
                Ok(NoOp::AlreadyRunning.to_string())
            }
        }
    }

    /// A ticket is closed by merging its merge request as well, and either may be told first.
    async fn ticket_closed(&self, work: &Work, event: &Event, run: &TicketRun) -> Result<String, Trouble> {
        let proposed = work.forge.merge_request(&event.project, &run.new.branch).await?;
        match proposed {
            Some(made) if made.state == MergeRequestState::Merged => {
                self.merge_request(work, run, made.number, made.state).await
            }
            _ => self.ticket_end(run, &StopCause::Closed.to_string()).await,
        }
    }

    /// Begins to stop a run; its workspace is stopped in the next step.
    pub(super) async fn ticket_end(&self, run: &TicketRun, cause: &str) -> Result<String, Trouble> {
        if run.state == RunState::Stopping {
            return Ok(format!("{} is stopping already", run.new.id));
        }
        let change =
            Change::new("tickets.stop", ticket(&run.new.key)).after(&json!({ "run": run.new.id, "cause": cause }));
        let entry = self.audit().begin(ACTOR, change).await?;
        let now = self.now();
        let why = cause.to_owned();
        let status = self
            .status(&run.new, Phase::Stopped { why })
            .render(&status::key(&run.new.key));
        let change = RunChange {
            to: RunState::Stopping,
            cause: Some(cause),
            due_at: Some(now),
            status: Some(&status),
        };
        if self.store().ticket_run_change(run, change, now).await? {
            entry.end();
        } else {
            entry.fail("the run has gone on meanwhile");
            return Err(AppError::Interrupted.into());
        }
        Ok(format!("stops {}: {cause}", run.new.id))
    }

    async fn merge_request(
        &self,
        work: &Work,
        run: &TicketRun,
        number: u64,
        state: MergeRequestState,
    ) -> Result<String, Trouble> {
        let now = self.now();
        let page = page_of_merge_request(&work.record.base_url, &run.new.key.path, number);
        let mut status = self.status(&run.new, Phase::Proposed);
        status.merge_request = Some((number, page));
        let said = match state {
            MergeRequestState::Open => format!("merge request {number} is open"),
            MergeRequestState::Merged => format!("merge request {number} was merged"),
            MergeRequestState::Closed => format!("merge request {number} was closed"),
        };
        let change = Change::new("tickets.merge_request", ticket(&run.new.key))
            .after(&json!({ "run": run.new.id, "merge_request": number, "state": state }));
        self.audit().system(ACTOR, change).await?;
        let key = status::key(&run.new.key);
        if state == MergeRequestState::Merged {
            status.phase = Phase::Done;
            let change = RunChange {
                to: RunState::Done,
                cause: Some(&said),
                due_at: None,
                status: Some(&status.render(&key)),
            };
            if !self.store().ticket_run_change(run, change, now).await? {
                // It has gone on meanwhile, and is looked at again.
                return Err(AppError::Interrupted.into());
            }
            return Ok(said);
        }
        if state == MergeRequestState::Open && run.merge_request == Some(number) {
            // Bailey made it, and has said so.
            return Ok(said);
        }
        if state == MergeRequestState::Closed {
            status.phase = Phase::Working {
                note: Some(said.clone()),
            };
        }
        self.store()
            .ticket_status_want(&run.new.key, &status.render(&key), now)
            .await?;
        Ok(said)
    }

    /// Says once why nothing is done: in the audit log always, in the ticket where somebody there can do something about it.
    async fn ticket_nothing(
        &self,
        event: &Event,
        key: &TicketKey,
        no_op: &NoOp,
        live: bool,
    ) -> Result<String, Trouble> {
        let reason = no_op.to_string();
        if matches!(no_op, NoOp::NothingAsked) && event.delivery.starts_with(poll::LOOK) {
            // Nobody has asked anything: the poll has looked.
            return Ok(reason);
        }
        // Recorded first: what was noted as said has been said. What somebody asked for is recorded each time; what nobody did, or a
        // poll found once more, once.
        let seen = format!("{}: {reason}", no_op.code());
        let asked = no_op.is_refusal() && !poll::is_found(&event.delivery);
        if !asked && self.store().ticket_no_op_is(key, &seen).await? {
            return Ok(reason);
        }
        let change = Change::new("tickets.no_op", ticket(key)).after(&json!({
            "code": no_op.code(), "reason": reason, "delivery": event.delivery, "sender": event.sender.name,
        }));
        self.audit().system(ACTOR, change).await?;
        if no_op.is_told() && !live {
            let why = reason.clone();
            let body = Status::new(Phase::Refused { why }).render(&status::key(key));
            self.store().ticket_status_want(key, &body, self.now()).await?;
        }
        self.store().ticket_no_op(key, &seen).await?;
        Ok(reason)
    }
}

/// What of a project an event is about: what is about the same is worked on in order.
fn about(event: &Event) -> String {
    match &event.what {
        What::Ticket(change) => change.number.to_string(),
        What::Comment(comment) => comment.number.to_string(),
        What::MergeRequest(change) => format!("merge request {}", change.source_branch),
    }
}

fn comment_id(event: &Event) -> i64 {
    match &event.what {
        What::Comment(comment) => comment.id,
        What::Ticket(_) | What::MergeRequest(_) => 0,
    }
}

/// A ticket as the audit log names it: by numbers and its project, never by what is written in it.
pub(super) fn ticket(key: &TicketKey) -> Resource {
    Resource::new("ticket", format!("{}/{}/{}", key.connection, key.project, key.ticket))
        .named(format!("{}#{}", key.path, key.ticket))
}

/// A project, as the forge knows it.
pub(super) fn project(key: &TicketKey) -> ProjectRef {
    ProjectRef {
        id: key.project,
        path: key.path.clone(),
    }
}

/// A name for a run's workspace, one of 1 to 32 lower-case letters, digits and single dashes: the project's, the ticket's number, and
/// what no other run has.
fn workspace_name(path: &str, ticket: u64, run: RunId) -> String {
    let unique = run.uuid().simple().to_string();
    let unique = unique.get(26..).unwrap_or_default();
    let rest = format!("{ticket}-{unique}");
    let last = path.rsplit('/').next().unwrap_or_default();
    let mut slug = String::new();
    for c in last.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(31_usize.saturating_sub(rest.len()).min(16));
    let slug = slug.trim_matches('-');
    if slug.is_empty() {
        rest
    } else {
        format!("{slug}-{rest}")
    }
}

#[cfg(test)]
mod tests {
    use bailey_core::workspace::valid_name;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn workspaces_have_good_names_of_their_own() {
        let run = |n: u128| RunId::from_uuid(Uuid::from_u128(n));
        for path in [
            "g/p",
            "g/My.Project--x",
            "g/___",
            "g/-a-",
            "g/a-very-long-name-of-a-project-indeed",
            "g/é",
        ] {
            for ticket in [1, 12, 9_999_999_999_999, u64::MAX] {
                let name = workspace_name(path, ticket, run(0xabc_def0));
                assert_eq!(valid_name(&name), Ok(()), "{name}");
                assert_ne!(name, workspace_name(path, ticket, run(0xabc_def1)));
            }
        }
        assert_eq!(workspace_name("demo/greeter", 1, run(0xabc_def0)), "greeter-1-bcdef0");
    }
}
