//! What is to be done about an event. Pure: the same facts come to the same decision, and nothing is looked up.
//!
//! The ticket's state is taken as it is now, not as the event tells it. So events may come twice, late or out of order, and what is done
//! comes to the same.

mod no_op;

use bailey_core::PersonId;
use serde::{Deserialize, Serialize};

use crate::choose;
use crate::event::{CommentMade, Event, MergeRequestChange, StateChange, TicketChange, What, arrival};
use crate::label::{self, Prefix, Reading, Trigger};
use crate::model::{Access, Actor, LabelEvent, MergeRequestState, Ticket};

pub use no_op::NoOp;

/// What is known when an event is worked on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the labels begin with.
    pub prefix: &'a Prefix,
    /// The id of the user as whom Bailey works at the forge.
    pub myself: i64,
    /// What the event's sender may do in the project.
    pub sender: Access,
    /// The ticket as it is now; `None` where it is gone or the event is about none.
    pub ticket: Option<&'a Ticket>,
    /// Which labels came and went, oldest first; empty where the forge does not tell.
    pub history: &'a [LabelEvent],
    /// What those may do in the project who put labels on, by the forge's ids of them. Who is not named may do nothing.
    pub labellers: &'a [(i64, Access)],
    /// The label events that have been acted upon.
    pub handled: &'a [i64],
    /// The ticket's assignees, in its order.
    pub assignees: &'a [Assignee],
    /// The run of this ticket that has not ended.
    pub live: Option<&'a LiveRun>,
}

/// An assignee of the ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignee {
    /// Who they are at the forge.
    pub actor: Actor,
    /// Who they are at Bailey, by a linked account or the same identity at the same provider; `None` where they are nobody there.
    pub person: Option<Person>,
}

/// A person, and what they may do about this ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is the answer to a question of its own"
)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// Whether they are not suspended.
    pub active: bool,
    /// Whether they have linked their account of this forge, so that their git gets in there.
    pub linked: bool,
    /// Whether they may make a workspace in this way.
    pub may_start: bool,
    /// The template of the connection or repository.
    pub template: Template,
    /// The models that they may use in it.
    pub models: Vec<String>,
    /// The model where the label names none; `None` = what the workspace has for that.
    pub default_model: Option<String>,
    /// Whether every budget that an agent would be charged to has money left.
    pub budget_left: bool,
}

/// How it stands with the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Template {
    /// It is there, and the person may use it.
    Ready,
    /// The connection and the repository name none.
    Unnamed,
    /// There is none of this name that the person may use.
    Missing(String),
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRun {
    /// The label that started it.
    pub label: String,
    /// Whether an AI agent works in it.
    pub has_chat: bool,
    /// Its branch.
    pub branch: String,
    /// The forge's id of whom it is for.
    pub assignee: i64,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decision {
    /// Start a run.
    Start(Start),
    /// Pass a comment on to the chat of the live run.
    Message {
        /// The text; it is text of a stranger and is framed as such.
        body: String,
        /// Who wrote it.
        by: Actor,
    },
    /// Stop the live run.
    Stop(StopCause),
    /// Tell the live run that its merge request was merged, closed or opened.
    MergeRequest {
        /// The merge request's number.
        number: u64,
        /// How it stands.
        state: MergeRequestState,
    },
    /// Nothing.
    Nothing(NoOp),
}

/// A run to be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// What is asked for; of the model, what the label says.
    pub trigger: Trigger,
    /// The label.
    pub label: String,
    /// The label event that asked for it: with forge, project and ticket it is the run's unique key. `None` where the forge does not tell;
    /// then the delivery's id is.
    pub arrival: Option<i64>,
    /// For whom.
    pub person: PersonId,
    /// Who that is at the forge.
    pub assignee: Actor,
    /// The model that works; `None` where no agent is asked for.
    pub model: Option<String>,
    /// Whether the ticket's text may not be written anywhere else.
    pub confidential: bool,
}

/// Why a run is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// The ticket was closed.
    #[error("the ticket was closed")]
    Closed,
    /// The label that started it was taken off.
    #[error("the label that started it was taken off")]
    Unlabelled,
    /// The ticket is not assigned any more to the person whose workspace it is.
    #[error("the ticket is not assigned any more to the person it was started for")]
    Unassigned,
    /// The ticket cannot be read any more.
    #[error("the ticket was deleted or moved, or Bailey may not read it any more")]
    Gone,
}

/// Decides what `event` comes to.
pub fn decide(event: &Event, facts: &Facts<'_>) -> Decision {
    let Some(ticket) = facts.ticket else {
        return match (&event.what, facts.live) {
            (What::MergeRequest(_), None) => Decision::Nothing(NoOp::OtherBranch),
            (_, Some(_)) => Decision::Stop(StopCause::Gone),
            (_, None) => Decision::Nothing(NoOp::TicketGone),
        };
    };
    // Stopping needs no rights beyond what the forge asked for: it is the ticket's state that says it.
    if let (Some(live), What::Ticket(_) | What::Comment(_)) = (facts.live, &event.what) {
        if !ticket.open {
            return Decision::Stop(StopCause::Closed);
        }
        if !ticket.labels.contains(&live.label) {
            return Decision::Stop(StopCause::Unlabelled);
        }
        if !ticket.assignees.iter().any(|assignee| assignee.id == live.assignee) {
            return Decision::Stop(StopCause::Unassigned);
        }
    }
    let decided = match &event.what {
        What::MergeRequest(change) => merge_request(change, facts),
        What::Comment(comment) => message(event, comment, ticket, facts),
        What::Ticket(change) => start(event, change, ticket, facts),
    };
    decided.unwrap_or_else(Decision::Nothing)
}

fn merge_request(change: &MergeRequestChange, facts: &Facts<'_>) -> Result<Decision, NoOp> {
    let live = facts.live.ok_or(NoOp::NoRun)?;
    if live.branch != change.source_branch {
        return Err(NoOp::OtherBranch);
    }
    let (number, state) = (change.number, change.state);
    Ok(Decision::MergeRequest { number, state })
}

fn message(event: &Event, comment: &CommentMade, ticket: &Ticket, facts: &Facts<'_>) -> Result<Decision, NoOp> {
    from_person(&event.sender, facts)?;
    let live = facts.live.ok_or(NoOp::NoRun)?;
    if comment.edited {
        return Err(NoOp::CommentEdited);
    }
    if comment.confidential && !ticket.confidential {
        return Err(NoOp::CommentInternal);
    }
    if !live.has_chat {
        return Err(NoOp::NoChat);
    }
    if comment.body.trim().is_empty() {
        return Err(NoOp::CommentEmpty);
    }
    if !ticket.open {
        return Err(NoOp::TicketClosed);
    }
    if !facts.sender.can_write() {
        let name = event.sender.name.clone();
        return Err(NoOp::CommenterMayNot { name });
    }
    let (body, by) = (comment.body.clone(), event.sender.clone());
    Ok(Decision::Message { body, by })
}

fn start(event: &Event, change: &TicketChange, ticket: &Ticket, facts: &Facts<'_>) -> Result<Decision, NoOp> {
    from_person(&event.sender, facts)?;
    let wanted = wanted(change, ticket, facts)?;
    if !ticket.open {
        return Err(NoOp::TicketClosed);
    }
    if facts.live.is_some() {
        return Err(NoOp::AlreadyRunning);
    }
    if wanted.arrival.is_some_and(|id| facts.handled.contains(&id)) {
        return Err(NoOp::AlreadyHandled {
            label: wanted.label.to_owned(),
        });
    }
    may_start(&event.sender, facts.sender)?;
    if let Some(labeller) = wanted.labeller {
        let access = facts.labellers.iter().find(|(id, _)| *id == labeller.id);
        from_person(labeller, facts)?;
        may_start(labeller, access.map_or(Access::None, |(_, access)| *access))?;
    }
    let (assignee, person) = assignee(facts)?;
    if !person.may_start {
        return Err(NoOp::NoPermission {
            name: assignee.name.clone(),
        });
    }
    match &person.template {
        Template::Ready => {}
        Template::Unnamed => return Err(NoOp::TemplateUnnamed),
        Template::Missing(template) => {
            return Err(NoOp::TemplateMissing {
                template: template.clone(),
            });
        }
    }
    let model = match &wanted.trigger {
        Trigger::Workspace => None,
        Trigger::Agent { model } => choose_model(model.as_deref(), person)?,
    };
    if wanted.trigger != Trigger::Workspace && !person.linked {
        return Err(NoOp::AccountNotLinked {
            name: assignee.name.clone(),
        });
    }
    if wanted.trigger != Trigger::Workspace && !person.budget_left {
        return Err(NoOp::Budget {
            name: assignee.name.clone(),
        });
    }
    Ok(Decision::Start(Start {
        trigger: wanted.trigger,
        label: wanted.label.to_owned(),
        arrival: wanted.arrival,
        person: person.id,
        assignee: assignee.clone(),
        model,
        confidential: ticket.confidential || change.confidential,
    }))
}

/// A label that asks for something.
struct Wanted<'a> {
    trigger: Trigger,
    label: &'a str,
    arrival: Option<i64>,
    /// Who put it on, where the forge tells: the event may be somebody else's, who assigned the ticket.
    labeller: Option<&'a Actor>,
}

/// The label that decides: the one that arrived, of several the one that arrived last.
fn wanted<'a>(change: &'a TicketChange, ticket: &'a Ticket, facts: &Facts<'a>) -> Result<Wanted<'a>, NoOp> {
    let arrived = change.labels.arrived();
    let became_possible =
        !change.assigned.is_empty() || matches!(change.state, Some(StateChange::Opened | StateChange::Reopened));
    // Labels that arrived decide; where none that matters did, and the ticket came to what a label waited for, those that stand.
    let sources: [&'a [String]; 2] = [
        arrived.unwrap_or_default(),
        if became_possible { &ticket.labels } else { &[] },
    ];
    let mut fault = None;
    for labels in sources {
        let mut found: Vec<Wanted<'a>> = Vec::new();
        let mut gone = false;
        for label in labels {
            match label::read(facts.prefix, label) {
                Reading::Trigger(_) if !ticket.labels.contains(label) => gone = true,
                Reading::Trigger(trigger) => {
                    let arrived = arrival(facts.history, label);
                    found.push(Wanted {
                        trigger,
                        label,
                        arrival: arrived.map(|event| event.id),
                        labeller: arrived.map(|event| &event.by),
                    });
                }
                Reading::Refused(why) => fault = Some(why),
                Reading::Other => {}
            }
        }
        if !found.is_empty() {
            return last_arrived(found);
        }
        if gone {
            return Err(NoOp::LabelGone);
        }
    }
    if let Some(fault) = fault {
        return Err(NoOp::LabelRefused { why: fault.to_string() });
    }
    Err(if arrived.is_some() || became_possible {
        NoOp::NoMatchingLabel
    } else {
        NoOp::NothingAsked
    })
}

fn last_arrived(mut found: Vec<Wanted<'_>>) -> Result<Wanted<'_>, NoOp> {
    // Later arrivals have higher ids. Where none is known an agent, which has a workspace too, goes before a workspace.
    found.sort_by(|a, b| a.arrival.cmp(&b.arrival).then_with(|| a.trigger.cmp(&b.trigger)));
    let Some(last) = found.pop() else {
        return Err(NoOp::NoMatchingLabel);
    };
    let models = |other: &Wanted<'_>| match (&other.trigger, &last.trigger) {
        (Trigger::Agent { model: Some(a) }, Trigger::Agent { model: Some(b) }) => a != b,
        _ => false,
    };
    if last.arrival.is_none() && found.iter().any(models) {
        return Err(NoOp::ConflictingLabels);
    }
    Ok(last)
}

/// The first assignee who is a person that can work; else why none is.
fn assignee<'a>(facts: &Facts<'a>) -> Result<(&'a Actor, &'a Person), NoOp> {
    if facts.assignees.is_empty() {
        return Err(NoOp::NoAssignee);
    }
    let known = facts
        .assignees
        .iter()
        .filter_map(|assignee| Some((&assignee.actor, assignee.person.as_ref()?)));
    let mut suspended = None;
    for (actor, person) in known {
        if person.active {
            return Ok((actor, person));
        }
        suspended.get_or_insert(actor);
    }
    match suspended {
        Some(actor) => Err(NoOp::AssigneeSuspended {
            name: actor.name.clone(),
        }),
        None => {
            let names = facts
                .assignees
                .iter()
                .take(5)
                .map(|assignee| assignee.actor.name.clone());
            Err(NoOp::AssigneeUnknown { names: names.collect() })
        }
    }
}

/// The model that a label names, or the connection's; `None` = the template's or the deployment's, which is chosen in the workspace.
fn choose_model(wanted: Option<&str>, person: &Person) -> Result<Option<String>, NoOp> {
    let refused = |error: choose::ChooseError| NoOp::Model { why: error.to_string() };
    match (wanted, &person.default_model) {
        (Some(wanted), _) => {
            let chosen = choose::choose(wanted, &person.models).map_err(refused)?;
            Ok(Some(chosen.to_owned()))
        }
        (None, Some(model)) if person.models.contains(model) => Ok(Some(model.clone())),
        (None, None) if !person.models.is_empty() => Ok(None),
        (None, _) => Err(NoOp::NoDefaultModel),
    }
}

/// Bailey's own doings and those of other programs start nothing, or two of them would talk for ever.
fn from_person(who: &Actor, facts: &Facts<'_>) -> Result<(), NoOp> {
    if who.id == facts.myself {
        return Err(NoOp::Own);
    }
    if who.bot {
        return Err(NoOp::Bot { name: who.name.clone() });
    }
    Ok(())
}

fn may_start(who: &Actor, access: Access) -> Result<(), NoOp> {
    if access.can_write() {
        return Ok(());
    }
    Err(NoOp::SenderMayNot {
        name: who.name.clone(),
        member: access > Access::None,
    })
}

#[cfg(test)]
mod tests;
