//! What people do to tickets and comments: the state changes, and events tell of it.

use serde_json::{Map, Value, json};

use crate::clock;
use crate::error::ApiError;
use crate::events::{Event, Events, Noted};
use crate::model::{Issue, LabelEvent, Note, On, Project, Role, State};

/// The longest title, in characters.
const LONGEST_TITLE: usize = 255;
/// The longest description or comment, in characters.
const LONGEST_TEXT: usize = 1_048_576;
/// The longest label, in characters.
const LONGEST_LABEL: usize = 255;
/// The most labels or assignees of one thing.
const MOST: usize = 100;

/// What is to be changed about a ticket; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct IssueChange {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) open: Option<bool>,
    pub(crate) confidential: Option<bool>,
    pub(crate) labels: Option<Vec<String>>,
    pub(crate) add_labels: Vec<String>,
    pub(crate) remove_labels: Vec<String>,
    pub(crate) assignees: Option<Vec<i64>>,
}

/// Somebody does something in a project.
pub(crate) struct Act<'a> {
    pub(crate) base: &'a str,
    pub(crate) project: &'a Project,
    pub(crate) actor: i64,
}

impl Act<'_> {
    fn role(&self, state: &State) -> Option<Role> {
        state.role(self.project, Some(self.actor))
    }

    fn events<'s>(&'s self, state: &'s State) -> Events<'s> {
        Events::new(state, self.base, self.project, self.actor)
    }

    /// Opens a ticket. Labels and assignees of somebody who is below Reporter are passed over, as GitLab does.
    pub(crate) fn issue_create(&self, state: &mut State, wanted: IssueChange) -> Result<(Issue, Vec<Event>), ApiError> {
        let title = checked_title(&wanted.title.unwrap_or_default())?;
        let description = checked_text(wanted.description.unwrap_or_default())?;
        if self.role(state).is_none() && state.user(self.actor).is_none() {
            return Err(ApiError::Forbidden);
        }
        let trusted = self.role(state) >= Some(Role::Reporter);
        let iids = state
            .issues
            .iter()
            .filter(|issue| issue.project == self.project.id)
            .map(|issue| issue.iid);
        let (iid, now) = (iids.max().unwrap_or(0) + 1, clock::now());
        let mut issue = Issue {
            id: state.new_id(),
            project: self.project.id,
            iid,
            title,
            description,
            open: true,
            confidential: wanted.confidential.unwrap_or(false),
            labels: Vec::new(),
            assignees: Vec::new(),
            author: self.actor,
            created_at: now,
            updated_at: now,
            closed_at: None,
        };
        if trusted {
            issue.labels = checked_labels(wanted.labels.unwrap_or_default())?;
            issue.assignees = self.checked_assignees(state, wanted.assignees.unwrap_or_default())?;
        }
        self.label_events(state, &issue, &[]);
        state.issues.push(issue.clone());
        let event = self.events(state).issue(&issue, "open", &json!({}));
        Ok((issue, vec![event]))
    }

    /// Changes a ticket.
    pub(crate) fn issue_update(
        &self,
        state: &mut State,
        before: &Issue,
        change: IssueChange,
    ) -> Result<(Issue, Vec<Event>), ApiError> {
        let trusted = self.role(state) >= Some(Role::Reporter);
        let own = before.author == self.actor;
        let for_members = change.labels.is_some()
            || !change.add_labels.is_empty()
            || !change.remove_labels.is_empty()
            || change.assignees.is_some()
            || change.confidential.is_some();
        if !trusted && (!own || for_members) {
            return Err(ApiError::Forbidden);
        }
        let mut after = before.clone();
        if let Some(title) = change.title {
            after.title = checked_title(&title)?;
        }
        if let Some(description) = change.description {
            after.description = checked_text(description)?;
        }
        if let Some(labels) = change.labels {
            after.labels = labels;
        }
        after.labels.retain(|label| !change.remove_labels.contains(label));
        after.labels.extend(change.add_labels);
        after.labels = checked_labels(after.labels)?;
        if let Some(assignees) = change.assignees {
            after.assignees = self.checked_assignees(state, assignees)?;
        }
        after.confidential = change.confidential.unwrap_or(after.confidential);
        after.open = change.open.unwrap_or(after.open);
        let changes = self.issue_changes(state, before, &after);
        if changes.is_empty() {
            return Ok((before.clone(), Vec::new()));
        }
        after.updated_at = clock::now();
        if before.open != after.open {
            after.closed_at = (!after.open).then_some(after.updated_at);
        }
        self.label_events(state, &after, &before.labels);
        self.issue_history(state, before, &after);
        if let Some(issue) = state.issue_mut(before.id) {
            issue.clone_from(&after);
        }
        let action = match (before.open, after.open) {
            (true, false) => "close",
            (false, true) => "reopen",
            _ => "update",
        };
        let changes = self.with_labels(state, before, &after, changes);
        let event = self.events(state).issue(&after, action, &Value::Object(changes));
        Ok((after, vec![event]))
    }

    /// What differs, as webhooks tell it; nothing where nothing does.
    fn issue_changes(&self, state: &State, before: &Issue, after: &Issue) -> Map<String, Value> {
        let events = self.events(state);
        let number = |open: bool| json!(if open { 1 } else { 2 });
        let fields = [
            ("title", json!(before.title), json!(after.title)),
            ("description", json!(before.description), json!(after.description)),
            ("confidential", json!(before.confidential), json!(after.confidential)),
            ("state_id", number(before.open), number(after.open)),
            (
                "assignees",
                json!(events.people(&before.assignees)),
                json!(events.people(&after.assignees)),
            ),
            ("labels", json!(before.labels), json!(after.labels)),
        ];
        let differ = fields.into_iter().filter(|(_, previous, current)| previous != current);
        differ
            .map(|(name, previous, current)| (name.to_owned(), json!({ "previous": previous, "current": current })))
            .collect()
    }

    /// Labels are told with all that belongs to them, which is there only after they were made.
    fn with_labels(
        &self,
        state: &State,
        before: &Issue,
        after: &Issue,
        mut changes: Map<String, Value>,
    ) -> Map<String, Value> {
        let events = self.events(state);
        if let Some(labels) = changes.get_mut("labels") {
            *labels = json!({ "previous": events.labels(&before.labels), "current": events.labels(&after.labels) });
        }
        let times = json!({ "previous": clock::hook(before.updated_at), "current": clock::hook(after.updated_at) });
        changes.insert("updated_at".to_owned(), times);
        changes
    }

    /// Makes labels that are new to the project, and notes which came and which went.
    fn label_events(&self, state: &mut State, issue: &Issue, before: &[String]) {
        let gone = before
            .iter()
            .filter(|label| !issue.labels.contains(label))
            .map(|label| (label, false));
        let come = issue
            .labels
            .iter()
            .filter(|label| !before.contains(label))
            .map(|label| (label, true));
        for (label, added) in gone.chain(come) {
            state.label_ensure(self.project.id, label);
            let event = LabelEvent {
                id: state.new_id(),
                issue: issue.id,
                user: self.actor,
                label: label.clone(),
                added,
                created_at: clock::now(),
            };
            state.label_events.push(event);
        }
    }

    /// Writes into a ticket what was done to it. Labels have a history of their own.
    fn issue_history(&self, state: &mut State, before: &Issue, after: &Issue) {
        let named = |state: &State, ids: &[i64], others: &[i64]| {
            let new = ids.iter().filter(|id| !others.contains(id));
            let names = new
                .filter_map(|id| state.user(*id))
                .map(|user| format!("@{}", user.username));
            names.collect::<Vec<_>>().join(" and ")
        };
        let mut lines = Vec::new();
        for (word, names) in [
            ("assigned to", named(state, &after.assignees, &before.assignees)),
            ("unassigned", named(state, &before.assignees, &after.assignees)),
        ] {
            if !names.is_empty() {
                lines.push(format!("{word} {names}"));
            }
        }
        if before.title != after.title {
            lines.push(format!(
                "changed title from **{}** to **{}**",
                before.title, after.title
            ));
        }
        if before.description != after.description {
            lines.push("changed the description".to_owned());
        }
        if before.confidential != after.confidential {
            let word = if after.confidential {
                "confidential"
            } else {
                "visible to everyone"
            };
            lines.push(format!("made the issue {word}"));
        }
        if before.open != after.open {
            lines.push(if after.open { "reopened" } else { "closed" }.to_owned());
        }
        for line in lines {
            self.system_note(state, On::Issue(before.id), line);
        }
    }

    /// Writes what was done as a note of the forge's own. No webhook tells of it.
    pub(crate) fn system_note(&self, state: &mut State, on: On, body: String) {
        let now = clock::now();
        let note = Note {
            id: state.new_id(),
            on,
            author: self.actor,
            body,
            system: true,
            internal: false,
            created_at: now,
            updated_at: now,
        };
        state.notes.push(note);
    }

    /// Comments on something.
    pub(crate) fn note_create(
        &self,
        state: &mut State,
        on: &Noted<'_>,
        body: String,
        internal: bool,
    ) -> Result<(Note, Vec<Event>), ApiError> {
        if internal && self.role(state) < Some(Role::Reporter) {
            return Err(ApiError::Forbidden);
        }
        let now = clock::now();
        let note = Note {
            id: state.new_id(),
            on: on.key(),
            author: self.actor,
            body: checked_text(body)?,
            system: false,
            internal,
            created_at: now,
            updated_at: now,
        };
        state.notes.push(note.clone());
        // A comment changes what it is on, so that whoever asks for what has changed finds it.
        match on {
            Noted::Issue(issue) => {
                if let Some(issue) = state.issue_mut(issue.id) {
                    issue.updated_at = now;
                }
            }
            Noted::MergeRequest(request) => {
                if let Some(request) = state.merge_request_mut(request.id) {
                    request.updated_at = now;
                }
            }
        }
        let event = self.events(state).note(&note, on, "create");
        Ok((note, vec![event]))
    }

    /// Changes a comment: its author may, and a Maintainer.
    pub(crate) fn note_update(
        &self,
        state: &mut State,
        on: &Noted<'_>,
        id: i64,
        body: String,
    ) -> Result<(Note, Vec<Event>), ApiError> {
        let body = checked_text(body)?;
        let maintains = self.role(state) >= Some(Role::Maintainer);
        let actor = self.actor;
        let note = state.notes.iter_mut().find(|note| note.id == id && note.on == on.key());
        let note = note.ok_or(ApiError::NotFound("Note"))?;
        if note.system || (note.author != actor && !maintains) {
            return Err(ApiError::Forbidden);
        }
        if note.body == body {
            return Ok((note.clone(), Vec::new()));
        }
        note.body = body;
        note.updated_at = clock::now();
        let note = note.clone();
        let event = self.events(state).note(&note, on, "update");
        Ok((note, vec![event]))
    }

    /// Assignees that are users of the forge and may see the project.
    pub(crate) fn checked_assignees(&self, state: &State, mut ids: Vec<i64>) -> Result<Vec<i64>, ApiError> {
        ids.retain(|id| state.user(*id).is_some() && state.sees_project(self.project, Some(*id)));
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > MOST {
            return Err(ApiError::Unprocessable(format!("more than {MOST} assignees")));
        }
        Ok(ids)
    }
}

impl Noted<'_> {
    /// What notes are kept under.
    pub(crate) const fn key(&self) -> On {
        match self {
            Self::Issue(issue) => On::Issue(issue.id),
            Self::MergeRequest(request) => On::MergeRequest(request.id),
        }
    }
}

/// A title: one line, not empty.
pub(crate) fn checked_title(title: &str) -> Result<String, ApiError> {
    if title.trim().is_empty() {
        return Err(ApiError::Missing("title"));
    }
    if title.chars().count() > LONGEST_TITLE {
        return Err(ApiError::Bad(format!(
            "title is too long (maximum is {LONGEST_TITLE} characters)"
        )));
    }
    Ok(title.replace(['\r', '\n'], " "))
}

/// A description or a comment.
pub(crate) fn checked_text(text: String) -> Result<String, ApiError> {
    if text.chars().count() > LONGEST_TEXT {
        return Err(ApiError::Bad(format!(
            "text is too long (maximum is {LONGEST_TEXT} characters)"
        )));
    }
    Ok(text)
}

/// Labels, each once.
pub(crate) fn checked_labels(labels: Vec<String>) -> Result<Vec<String>, ApiError> {
    let mut checked: Vec<String> = Vec::new();
    for label in labels {
        let sound = (1..=LONGEST_LABEL).contains(&label.chars().count()) && !label.contains(',');
        if !sound {
            return Err(ApiError::Bad("label is invalid".to_owned()));
        }
        if !checked.contains(&label) {
            checked.push(label);
        }
    }
    if checked.len() > MOST {
        return Err(ApiError::Unprocessable(format!("more than {MOST} labels")));
    }
    Ok(checked)
}
