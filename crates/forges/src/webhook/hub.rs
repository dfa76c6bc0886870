//! Deliveries of GitHub, and of Gitea and Forgejo, which took its shape over.
//!
//! What a delivery is about is told by what its body holds. The header that names the event is not signed and appears in reasons alone.

use serde::Deserialize;

use super::{Ignored, MOST, Read, comment_body, name, word};
use crate::event::{CommentMade, LabelChange, MergeRequestChange, StateChange, TicketChange, What};
use crate::model::{Actor, MergeRequestState, ProjectRef};

/// What is told when a ticket's labels change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Labels {
    /// The one that came or went.
    One,
    /// All that are there now.
    All,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    action: String,
    issue: Option<Issue>,
    comment: Option<Comment>,
    pull_request: Option<PullRequest>,
    review: Option<serde::de::IgnoredAny>,
    label: Option<Label>,
    assignee: Option<User>,
    repository: Option<Repository>,
    sender: Option<User>,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    labels: Option<Vec<Label>>,
    assignees: Option<Vec<User>>,
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Comment {
    id: i64,
    body: Option<String>,
}

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    state: String,
    merged: Option<bool>,
    head: Head,
    base: Head,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "ref")]
    branch: String,
    repo: Option<HeadRepository>,
}

#[derive(Deserialize)]
struct HeadRepository {
    id: i64,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

#[derive(Deserialize)]
struct User {
    id: i64,
    login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    id: i64,
    full_name: String,
}

pub(super) fn parse(body: &[u8], event: &str, labels: Labels) -> Read {
    let body: Body = serde_json::from_slice(body)?;
    let (Some(repository), Some(user)) = (body.repository, body.sender) else {
        // Pings, and events of an organization.
        return Ok(Err(Ignored::Kind(word(event))));
    };
    let sender = actor(user);
    if sender.id == 0 {
        return Ok(Err(Ignored::NoSender));
    }
    let what = match (body.issue, body.comment, body.pull_request) {
        (Some(issue), Some(comment), None) => comment_made(&body.action, &issue, comment),
        (Some(issue), None, None) => ticket(&body.action, issue, body.label, body.assignee, labels),
        (None, None, Some(request)) if body.review.is_none() => merge_request(request),
        (_, Some(_), Some(_)) => Err(Ignored::CommentElsewhere),
        _ => Err(Ignored::Kind(word(event))),
    };
    let project = ProjectRef {
        id: repository.id,
        path: name(repository.full_name),
    };
    Ok(what.map(|what| (project, sender, what)))
}

fn ticket(
    action: &str,
    issue: Issue,
    label: Option<Label>,
    assignee: Option<User>,
    labels: Labels,
) -> Result<What, Ignored> {
    let mut change = TicketChange {
        number: issue.number,
        confidential: false,
        state: None,
        labels: LabelChange::None,
        assigned: Vec::new(),
        assignees_changed: false,
    };
    let one = |label: Option<Label>| label.map(|label| name(label.name)).into_iter().collect();
    match action {
        "opened" => {
            change.state = Some(StateChange::Opened);
            change.labels = LabelChange::between(&[], &names(issue.labels));
            change.assigned = people(issue.assignees);
            change.assignees_changed = !change.assigned.is_empty();
        }
        "reopened" => change.state = Some(StateChange::Reopened),
        "closed" => change.state = Some(StateChange::Closed),
        "labeled" if labels == Labels::One => {
            change.labels = LabelChange::Changed {
                added: one(label),
                removed: Vec::new(),
            };
        }
        "unlabeled" if labels == Labels::One => {
            change.labels = LabelChange::Changed {
                added: Vec::new(),
                removed: one(label),
            };
        }
        "label_updated" | "label_cleared" if labels == Labels::All => {
            change.labels = LabelChange::Now {
                all: names(issue.labels),
            };
        }
        "assigned" => {
            // Gitea and Forgejo do not say who is new.
            let assignee = assignee.map(|user| vec![actor(user)]);
            change.assigned = assignee.unwrap_or_else(|| people(issue.assignees));
            change.assignees_changed = true;
        }
        "unassigned" => change.assignees_changed = true,
        // Whoever looks the ticket up finds it gone.
        "deleted" | "transferred" => {}
        other => return Err(Ignored::Action(word(other))),
    }
    Ok(What::Ticket(change))
}

fn comment_made(action: &str, issue: &Issue, comment: Comment) -> Result<What, Ignored> {
    if issue.pull_request.is_some() {
        return Err(Ignored::CommentElsewhere);
    }
    let edited = match action {
        "created" => false,
        "edited" => true,
        other => return Err(Ignored::Action(word(other))),
    };
    Ok(What::Comment(CommentMade {
        number: issue.number,
        id: comment.id,
        body: comment_body(&comment.body.unwrap_or_default()),
        edited,
        confidential: false,
    }))
}

fn merge_request(request: PullRequest) -> Result<What, Ignored> {
    let repository = |end: &Head| end.repo.as_ref().map(|repository| repository.id);
    // The branch's repository is `null` when the fork was deleted.
    if repository(&request.head).is_none() || repository(&request.head) != repository(&request.base) {
        return Err(Ignored::Fork);
    }
    let state = match (request.state.as_str(), request.merged) {
        ("open", _) => MergeRequestState::Open,
        ("closed", Some(true)) => MergeRequestState::Merged,
        ("closed", _) => MergeRequestState::Closed,
        (other, _) => return Err(Ignored::Action(word(other))),
    };
    Ok(What::MergeRequest(MergeRequestChange {
        number: request.number,
        source_branch: name(request.head.branch),
        state,
    }))
}

fn names(labels: Option<Vec<Label>>) -> Vec<String> {
    let labels = labels.unwrap_or_default().into_iter().take(MOST);
    labels.map(|label| name(label.name)).collect()
}

fn people(users: Option<Vec<User>>) -> Vec<Actor> {
    users.unwrap_or_default().into_iter().take(MOST).map(actor).collect()
}

fn actor(user: User) -> Actor {
    let name = name(user.login);
    // GitHub says it, or writes it behind the name; Gitea's and Forgejo's own actors have ids below zero.
    let bot = user.kind.as_deref() == Some("Bot") || name.ends_with("[bot]") || user.id < 0;
    Actor { id: user.id, name, bot }
}
