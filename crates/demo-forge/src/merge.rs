//! Merge requests: made, changed and merged.

use serde_json::{Map, Value, json};

use crate::act::{Act, IssueChange, checked_labels, checked_text, checked_title};
use crate::clock;
use crate::error::ApiError;
use crate::events::{Event, Events};
use crate::model::{MergeRequest, MergeState, On, Role, State};

/// What is to be changed about a merge request; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct MergeChange {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) open: Option<bool>,
    pub(crate) labels: Option<Vec<String>>,
    pub(crate) assignees: Option<Vec<i64>>,
    pub(crate) remove_source_branch: Option<bool>,
}

/// A merge request that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct MergeWanted {
    pub(crate) source_branch: String,
    pub(crate) target_branch: String,
    /// The commit at the source branch's tip.
    pub(crate) sha: String,
    pub(crate) change: MergeChange,
}

impl Act<'_> {
    fn merge_events<'s>(&'s self, state: &'s State) -> Events<'s> {
        Events::new(state, self.base, self.project, self.actor)
    }

    /// Makes a merge request, if there is no open one for the two branches.
    pub(crate) fn merge_request_create(
        &self,
        state: &mut State,
        wanted: MergeWanted,
    ) -> Result<(MergeRequest, Vec<Event>), ApiError> {
        let mine = |request: &&MergeRequest| request.project == self.project.id;
        let clashes = |request: &&MergeRequest| {
            request.state == MergeState::Opened
                && request.source_branch == wanted.source_branch
                && request.target_branch == wanted.target_branch
        };
        if let Some(other) = state.merge_requests.iter().filter(mine).find(clashes) {
            let said = format!(
                "Another open merge request already exists for this source branch: !{}",
                other.iid
            );
            return Err(ApiError::Conflict(said));
        }
        let iid = state
            .merge_requests
            .iter()
            .filter(mine)
            .map(|request| request.iid)
            .max()
            .unwrap_or(0)
            + 1;
        let now = clock::now();
        let change = wanted.change;
        let request = MergeRequest {
            id: state.new_id(),
            project: self.project.id,
            iid,
            title: checked_title(&change.title.unwrap_or_default())?,
            description: checked_text(change.description.unwrap_or_default())?,
            source_branch: wanted.source_branch,
            target_branch: wanted.target_branch,
            state: MergeState::Opened,
            labels: checked_labels(change.labels.unwrap_or_default())?,
            assignees: self.checked_assignees(state, change.assignees.unwrap_or_default())?,
            author: self.actor,
            sha: wanted.sha,
            merge_commit: None,
            merged_base: None,
            remove_source_branch: change.remove_source_branch.unwrap_or(false),
            created_at: now,
            updated_at: now,
        };
        for label in &request.labels {
            state.label_ensure(self.project.id, label);
        }
        state.merge_requests.push(request.clone());
        for iid in closes(&request.description) {
            if let Some(issue) = state.issue(self.project.id, iid).map(|issue| issue.id) {
                self.system_note(
                    state,
                    On::Issue(issue),
                    format!("mentioned in merge request !{}", request.iid),
                );
            }
        }
        let event = self
            .merge_events(state)
            .merge_request(&request, "open", &json!({}), None, None);
        Ok((request, vec![event]))
    }

    /// Changes a merge request: its author may, and a Developer.
    pub(crate) fn merge_request_update(
        &self,
        state: &mut State,
        before: &MergeRequest,
        change: MergeChange,
    ) -> Result<(MergeRequest, Vec<Event>), ApiError> {
        let trusted = state.role(self.project, Some(self.actor)) >= Some(Role::Developer);
        if !trusted && before.author != self.actor {
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
            after.labels = checked_labels(labels)?;
        }
        if let Some(assignees) = change.assignees {
            after.assignees = self.checked_assignees(state, assignees)?;
        }
        after.remove_source_branch = change.remove_source_branch.unwrap_or(after.remove_source_branch);
        if before.state != MergeState::Merged {
            after.state = match change.open {
                Some(true) => MergeState::Opened,
                Some(false) => MergeState::Closed,
                None => before.state,
            };
        }
        for label in &after.labels {
            state.label_ensure(self.project.id, label);
        }
        let changes = self.merge_changes(state, before, &after);
        if changes.is_empty() {
            return Ok((before.clone(), Vec::new()));
        }
        after.updated_at = clock::now();
        if let Some(request) = state.merge_request_mut(before.id) {
            request.clone_from(&after);
        }
        let action = match (before.state, after.state) {
            (MergeState::Opened, MergeState::Closed) => "close",
            (MergeState::Closed, MergeState::Opened) => "reopen",
            _ => "update",
        };
        if action != "update" {
            let word = if action == "close" { "closed" } else { "reopened" };
            self.system_note(state, On::MergeRequest(before.id), word.to_owned());
        }
        let event = self
            .merge_events(state)
            .merge_request(&after, action, &Value::Object(changes), None, None);
        Ok((after, vec![event]))
    }

    fn merge_changes(&self, state: &State, before: &MergeRequest, after: &MergeRequest) -> Map<String, Value> {
        let events = self.merge_events(state);
        let fields = [
            ("title", json!(before.title), json!(after.title)),
            ("description", json!(before.description), json!(after.description)),
            ("draft", json!(before.draft()), json!(after.draft())),
            ("state_id", json!(before.state.id()), json!(after.state.id())),
            (
                "labels",
                json!(events.labels(&before.labels)),
                json!(events.labels(&after.labels)),
            ),
            (
                "assignees",
                json!(events.people(&before.assignees)),
                json!(events.people(&after.assignees)),
            ),
            (
                "force_remove_source_branch",
                json!(before.remove_source_branch),
                json!(after.remove_source_branch),
            ),
        ];
        let differ = fields.into_iter().filter(|(_, previous, current)| previous != current);
        differ
            .map(|(name, previous, current)| (name.to_owned(), json!({ "previous": previous, "current": current })))
            .collect()
    }

    /// A merge request has been merged; the tickets that it says it closes are closed.
    /// `commit` is the merge's own, if there is one, and `base` where the two branches had parted.
    pub(crate) fn merge_request_merged(
        &self,
        state: &mut State,
        id: i64,
        commit: Option<String>,
        base: Option<String>,
    ) -> Vec<Event> {
        let Some(request) = state
            .merge_request_mut(id)
            .filter(|request| request.state == MergeState::Opened)
        else {
            return Vec::new();
        };
        request.state = MergeState::Merged;
        request.updated_at = clock::now();
        request.merge_commit = commit;
        request.merged_base = base;
        let request = request.clone();
        self.system_note(state, On::MergeRequest(id), "merged".to_owned());
        let changes =
            json!({ "state_id": { "previous": MergeState::Opened.id(), "current": MergeState::Merged.id() } });
        let mut events = vec![
            self.merge_events(state)
                .merge_request(&request, "merge", &changes, None, None),
        ];
        if request.target_branch != self.project.default_branch {
            return events;
        }
        for iid in closes(&request.description) {
            let Some(issue) = state.issue(self.project.id, iid).cloned() else {
                continue;
            };
            let close = IssueChange {
                open: Some(false),
                ..IssueChange::default()
            };
            // Whoever may not close it merges all the same.
            if let Ok((_, closed)) = self.issue_update(state, &issue, close) {
                events.extend(closed);
            }
        }
        events
    }
}

/// The numbers of the tickets that a text says it closes: `Closes #1`, `fixes #2 and #3`.
pub(crate) fn closes(text: &str) -> Vec<i64> {
    const VERBS: [&str; 14] = [
        "close",
        "closes",
        "closed",
        "closing",
        "fix",
        "fixes",
        "fixed",
        "fixing",
        "resolve",
        "resolves",
        "resolved",
        "resolving",
        "implements",
        "implementing",
    ];
    let mut numbers = Vec::new();
    let mut closing = false;
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches([',', '.', ';', ')', ':']);
        if VERBS.iter().any(|verb| bare.eq_ignore_ascii_case(verb)) {
            closing = true;
            continue;
        }
        match bare.strip_prefix('#').and_then(|number| number.parse::<i64>().ok()) {
            Some(number) if closing && number > 0 => {
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
            _ => closing = closing && matches!(bare, "and" | ""),
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_closed_is_named() {
        assert_eq!(closes("Closes #23\n\n### Provenance"), [23]);
        assert_eq!(closes("This fixes: #1, #2 and #3."), [1, 2, 3]);
        assert_eq!(closes("Resolves #4. See #5"), [4]);
        assert!(closes("See #1, for #2; closes nothing #3; Closes #x #-1").is_empty());
    }
}
