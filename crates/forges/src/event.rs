//! What happened at a forge, the same for all of them.

use serde::{Deserialize, Serialize};

use crate::branch::BranchName;
use crate::label::Prefix;
use crate::model::{Actor, LabelEvent, MergeRequestState, ProjectRef, Ticket};

/// Something that happened to a ticket or a merge request.
///
/// It comes from a webhook or from the poll. What it says of a ticket's state may be out of date when it is worked on:
/// [`decide()`](crate::decide()) takes the ticket as it is then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The id of the delivery: the same again is the same event.
    pub delivery: String,
    /// Where.
    pub project: ProjectRef,
    /// Who did it.
    pub sender: Actor,
    /// What.
    pub what: What,
}

impl Event {
    /// The ticket that it is about: for a merge request, the one whose branch it brings in. `None` where that is no ticket's branch.
    pub fn ticket(&self, prefix: &Prefix) -> Option<u64> {
        match &self.what {
            What::Ticket(change) => Some(change.number),
            What::Comment(comment) => Some(comment.number),
            What::MergeRequest(change) => BranchName::read(prefix, &change.source_branch).map(|(number, _)| number),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A ticket was opened or changed.
    Ticket(TicketChange),
    /// Somebody commented on a ticket.
    Comment(CommentMade),
    /// A merge request was opened or changed.
    MergeRequest(MergeRequestChange),
}

/// A change of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketChange {
    /// The ticket's number.
    pub number: u64,
    /// Whether only some may see it. GitHub, Gitea and Forgejo have no such tickets.
    pub confidential: bool,
    /// Whether it was closed or opened.
    pub state: Option<StateChange>,
    /// What became of its labels.
    pub labels: LabelChange,
    /// The names of people it was newly assigned to.
    pub assigned: Vec<Actor>,
    /// Whether assignees changed in any way.
    pub assignees_changed: bool,
}

/// What became of a ticket's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateChange {
    /// It is new.
    Opened,
    /// It was opened again.
    Reopened,
    /// It was closed.
    Closed,
}

/// What became of a ticket's labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LabelChange {
    /// Nothing.
    #[default]
    None,
    /// Some came or went.
    Changed {
        /// Those that came.
        added: Vec<String>,
        /// Those that went.
        removed: Vec<String>,
    },
    /// They changed, and the forge tells only what they are now (Gitea, Forgejo).
    Now {
        /// All labels of the ticket.
        all: Vec<String>,
    },
}

impl LabelChange {
    /// The change from one set of labels to another.
    pub fn between(previous: &[String], current: &[String]) -> Self {
        let missing_in = |from: &[String], other: &[String]| -> Vec<String> {
            from.iter().filter(|label| !other.contains(label)).cloned().collect()
        };
        let (added, removed) = (missing_in(current, previous), missing_in(previous, current));
        if added.is_empty() && removed.is_empty() {
            Self::None
        } else {
            Self::Changed { added, removed }
        }
    }

    /// The same change with what came and went, where the labels that the ticket had before are known.
    #[must_use]
    pub fn since(self, previous: &[String]) -> Self {
        match self {
            Self::Now { all } => Self::between(previous, &all),
            known => known,
        }
    }

    /// The labels that came, or may have come; `None` where nothing happened to labels.
    pub fn arrived(&self) -> Option<&[String]> {
        match self {
            Self::None => None,
            Self::Changed { added, .. } => Some(added),
            Self::Now { all } => Some(all),
        }
    }
}

/// A comment that was written or edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentMade {
    /// The ticket's number.
    pub number: u64,
    /// The comment's id.
    pub id: i64,
    /// The text.
    pub body: String,
    /// Whether it is an older comment that was edited.
    pub edited: bool,
    /// Whether only some may see the ticket or the comment.
    pub confidential: bool,
}

/// A change of a merge request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRequestChange {
    /// Its number.
    pub number: u64,
    /// The branch it brings in.
    pub source_branch: String,
    /// How it stands now.
    pub state: MergeRequestState,
}

/// The events that a ticket's history comes to, for labels in `wants` that were put on and have not been taken off: what a poll
/// found, whether or not a webhook told it before.
///
/// The delivery's id is made of the label event's, so that the same event has the same id in every poll.
pub fn from_history(
    project: &ProjectRef,
    ticket: &Ticket,
    history: &[LabelEvent],
    wants: impl Fn(&str) -> bool,
) -> Vec<Event> {
    let standing = ticket.labels.iter().filter(|label| wants(label));
    let mut arrivals: Vec<&LabelEvent> = standing.filter_map(|label| arrival(history, label)).collect();
    arrivals.sort_by_key(|event| event.id);
    let event = |arrived: &LabelEvent| Event {
        delivery: format!("label-event-{}", arrived.id),
        project: project.clone(),
        sender: arrived.by.clone(),
        what: What::Ticket(TicketChange {
            number: ticket.number,
            confidential: ticket.confidential,
            state: None,
            labels: LabelChange::Changed {
                added: vec![arrived.label.clone()],
                removed: Vec::new(),
            },
            assigned: Vec::new(),
            assignees_changed: false,
        }),
    };
    arrivals.into_iter().map(event).collect()
}

/// The event that put `label` on, unless it was taken off since.
pub fn arrival<'a>(history: &'a [LabelEvent], label: &str) -> Option<&'a LabelEvent> {
    let of_label = history.iter().filter(|event| event.label == label);
    of_label.max_by_key(|event| event.id).filter(|event| event.added)
}

#[cfg(test)]
mod tests {
    use bailey_core::Timestamp;

    use super::*;

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn history(entries: &[(i64, &str, bool)]) -> Vec<LabelEvent> {
        let by = Actor {
            id: 1,
            name: "ada".to_owned(),
            bot: false,
        };
        let event = |&(id, label, added): &(i64, &str, bool)| LabelEvent {
            id,
            label: label.to_owned(),
            added,
            by: by.clone(),
            at: Timestamp::from_seconds(id),
        };
        entries.iter().map(event).collect()
    }

    #[test]
    fn a_change_is_what_came_and_went() {
        assert_eq!(
            LabelChange::between(&labels(&["a", "b"]), &labels(&["b", "c"])),
            LabelChange::Changed {
                added: labels(&["c"]),
                removed: labels(&["a"]),
            }
        );
        assert_eq!(
            LabelChange::between(&labels(&["a"]), &labels(&["a"])),
            LabelChange::None
        );
        let now = LabelChange::Now {
            all: labels(&["a", "b"]),
        };
        assert_eq!(now.arrived(), Some(labels(&["a", "b"]).as_slice()));
        assert_eq!(now.since(&labels(&["a"])).arrived(), Some(labels(&["b"]).as_slice()));
        assert_eq!(LabelChange::None.arrived(), None);
    }

    #[test]
    fn a_label_that_was_taken_off_has_not_arrived() {
        let history = history(&[
            (3, "x", true),
            (1, "x", true),
            (2, "x", false),
            (4, "y", true),
            (5, "y", false),
        ]);
        assert_eq!(arrival(&history, "x").map(|event| event.id), Some(3));
        assert_eq!(arrival(&history, "y"), None);
        assert_eq!(arrival(&history, "z"), None);
    }

    #[test]
    fn a_poll_tells_what_stands_in_the_order_it_came() {
        let project = ProjectRef {
            id: 5,
            path: "g/p".to_owned(),
        };
        let history = history(&[(9, "bailey-hitl", true), (7, "bailey-agent", true), (8, "bug", true)]);
        let ticket = Ticket {
            number: 12,
            title: String::new(),
            body: String::new(),
            url: String::new(),
            open: true,
            confidential: true,
            labels: labels(&["bailey-agent", "bug", "bailey-hitl", "bailey-agent:x"]),
            assignees: Vec::new(),
            author: history[0].by.clone(),
            updated_at: Timestamp::from_seconds(0),
        };
        let events = from_history(&project, &ticket, &history, |label| label.starts_with("bailey-"));
        let ids: Vec<&str> = events.iter().map(|event| event.delivery.as_str()).collect();
        assert_eq!(ids, ["label-event-7", "label-event-9"]);
        assert!(matches!(&events[0].what, What::Ticket(change) if change.confidential && change.number == 12));
    }
}
