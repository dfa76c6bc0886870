//! GitLab's deliveries. What they are is told by `object_kind` in the body, which is signed, and not by a header.

use serde::Deserialize;

use super::{Ignored, MOST, Read, comment_body, name, word};
use crate::event::{CommentMade, LabelChange, MergeRequestChange, StateChange, TicketChange, What};
use crate::model::{Actor, MergeRequestState, ProjectRef};

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    object_kind: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    id: i64,
    username: String,
}

#[derive(Deserialize)]
struct Project {
    id: i64,
    path_with_namespace: String,
}

#[derive(Deserialize)]
struct Label {
    title: String,
}

/// A field's value before and after; `null` where there was none.
#[derive(Deserialize)]
struct Delta<T> {
    previous: Option<Vec<T>>,
    current: Option<Vec<T>>,
}

#[derive(Deserialize)]
struct Issue {
    #[serde(default)]
    event_type: String,
    user: User,
    project: Project,
    object_attributes: IssueAttributes,
    labels: Option<Vec<Label>>,
    assignees: Option<Vec<User>>,
    changes: Option<Changes>,
}

#[derive(Deserialize)]
struct IssueAttributes {
    iid: u64,
    action: Option<String>,
    confidential: Option<bool>,
}

#[derive(Deserialize)]
struct Changes {
    labels: Option<Delta<Label>>,
    assignees: Option<Delta<User>>,
}

#[derive(Deserialize)]
struct Note {
    #[serde(default)]
    event_type: String,
    user: User,
    project: Project,
    object_attributes: NoteAttributes,
    issue: Option<NotedIssue>,
}

#[derive(Deserialize)]
struct NoteAttributes {
    id: i64,
    note: Option<String>,
    noteable_type: Option<String>,
    system: Option<bool>,
    internal: Option<bool>,
    action: Option<String>,
}

#[derive(Deserialize)]
struct NotedIssue {
    iid: u64,
    confidential: Option<bool>,
}

#[derive(Deserialize)]
struct MergeRequest {
    user: User,
    project: Project,
    object_attributes: MergeRequestAttributes,
}

#[derive(Deserialize)]
struct MergeRequestAttributes {
    iid: u64,
    source_branch: String,
    source_project_id: Option<i64>,
    target_project_id: Option<i64>,
    state: String,
}

pub(super) fn parse(body: &[u8]) -> Read {
    let head: Head = serde_json::from_slice(body)?;
    Ok(match head.object_kind.as_str() {
        "issue" => issue(serde_json::from_slice(body)?),
        "note" => note(serde_json::from_slice(body)?),
        "merge_request" => merge_request(serde_json::from_slice(body)?),
        other => Err(Ignored::Kind(word(other))),
    })
}

type Found = Result<(ProjectRef, Actor, What), Ignored>;

fn issue(issue: Issue) -> Found {
    let sender = sender(issue.user)?;
    let attributes = issue.object_attributes;
    let state = match attributes.action.as_deref() {
        Some("open") => Some(StateChange::Opened),
        Some("reopen") => Some(StateChange::Reopened),
        Some("close") => Some(StateChange::Closed),
        _ => None,
    };
    let changes = issue.changes.unwrap_or(Changes {
        labels: None,
        assignees: None,
    });
    let opened = state == Some(StateChange::Opened);
    let (labels, assigned) = if opened {
        // Nothing is a change of a new ticket: what it has came with it.
        let labels = LabelChange::between(&[], &titles(issue.labels));
        (labels, people(issue.assignees))
    } else {
        let labels = changes.labels.map_or(LabelChange::None, |delta| {
            LabelChange::between(&titles(delta.previous), &titles(delta.current))
        });
        (labels, changes.assignees.as_ref().map_or_else(Vec::new, newly_assigned))
    };
    let change = TicketChange {
        number: attributes.iid,
        confidential: attributes.confidential == Some(true) || issue.event_type == "confidential_issue",
        state,
        labels,
        assignees_changed: changes.assignees.is_some() || !assigned.is_empty(),
        assigned,
    };
    Ok((project(issue.project), sender, What::Ticket(change)))
}

fn note(note: Note) -> Found {
    let attributes = note.object_attributes;
    if attributes.system == Some(true) {
        return Err(Ignored::SystemComment);
    }
    let Some(issue) = note
        .issue
        .filter(|_| attributes.noteable_type.as_deref() == Some("Issue"))
    else {
        return Err(Ignored::CommentElsewhere);
    };
    let sender = sender(note.user)?;
    let comment = CommentMade {
        number: issue.iid,
        id: attributes.id,
        body: comment_body(&attributes.note.unwrap_or_default()),
        // Before GitLab 16.11 there was no action, and only new comments were told.
        edited: attributes.action.as_deref().is_some_and(|action| action != "create"),
        confidential: issue.confidential == Some(true)
            || attributes.internal == Some(true)
            || note.event_type == "confidential_note",
    };
    Ok((project(note.project), sender, What::Comment(comment)))
}

fn merge_request(request: MergeRequest) -> Found {
    let attributes = request.object_attributes;
    if attributes.source_project_id != attributes.target_project_id {
        return Err(Ignored::Fork);
    }
    let state = match attributes.state.as_str() {
        // Locked: it is being merged.
        "opened" | "locked" => MergeRequestState::Open,
        "merged" => MergeRequestState::Merged,
        "closed" => MergeRequestState::Closed,
        other => return Err(Ignored::Action(word(other))),
    };
    let change = MergeRequestChange {
        number: attributes.iid,
        source_branch: name(attributes.source_branch),
        state,
    };
    Ok((
        project(request.project),
        sender(request.user)?,
        What::MergeRequest(change),
    ))
}

fn newly_assigned(delta: &Delta<User>) -> Vec<Actor> {
    let before = delta.previous.as_deref().unwrap_or_default();
    let now = delta.current.as_deref().unwrap_or_default().iter().take(MOST);
    let new = now.filter(|user| {
        !before
            .iter()
            .any(|other| other.id == user.id && other.username == user.username)
    });
    new.map(|user| actor(user.id, user.username.clone())).collect()
}

fn people(users: Option<Vec<User>>) -> Vec<Actor> {
    let users = users.unwrap_or_default().into_iter().take(MOST);
    users.map(|user| actor(user.id, user.username)).collect()
}

fn titles(labels: Option<Vec<Label>>) -> Vec<String> {
    let labels = labels.unwrap_or_default().into_iter().take(MOST);
    labels.map(|label| name(label.title)).collect()
}

fn project(project: Project) -> ProjectRef {
    ProjectRef {
        id: project.id,
        path: name(project.path_with_namespace),
    }
}

fn sender(user: User) -> Result<Actor, Ignored> {
    if user.id <= 0 {
        return Err(Ignored::NoSender);
    }
    Ok(actor(user.id, user.username))
}

fn actor(id: i64, username: String) -> Actor {
    let name = name(username);
    let bot = is_bot(&name);
    Actor { id, name, bot }
}

/// Whether a user name is one that GitLab gives to programs: to tokens of projects and groups, to service accounts and to itself. A delivery
/// says no more of its sender; the look-up of the account does.
pub(crate) fn is_bot(name: &str) -> bool {
    let token = |kind: &str| {
        let rest = name.strip_prefix(kind).and_then(|rest| rest.split_once("_bot"));
        rest.is_some_and(|(id, _)| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
    };
    let own = [
        "alert-bot",
        "support-bot",
        "migration-bot",
        "security-bot",
        "automation-bot",
        "ghost",
        "duo-code-review-bot",
    ];
    token("project_")
        || token("group_")
        || name.starts_with("service_account_")
        || name == "GitLabDuo"
        || own.contains(&name)
}
