//! What webhooks tell, in GitLab's shapes.

use serde_json::{Value, json};

use crate::clock;
use crate::git::Commit;
use crate::model::{Issue, Label, MergeRequest, Note, Project, State, User, Visibility};
use crate::present::Present;

/// Something that webhooks tell.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) project: i64,
    /// The kind, by the name that the API's field has.
    pub(crate) kind: &'static str,
    /// The value of `X-Gitlab-Event`.
    pub(crate) header: &'static str,
    pub(crate) body: Value,
}

/// Makes events of what has happened: `state` is how it is afterwards.
#[derive(Clone, Copy)]
pub(crate) struct Events<'a> {
    pub(crate) present: Present<'a>,
    pub(crate) project: &'a Project,
    /// Who did it.
    pub(crate) actor: i64,
}

/// The author, project and address, which hooks tell in other words than the API.
impl<'a> Events<'a> {
    pub(crate) fn new(state: &'a State, base: &'a str, project: &'a Project, actor: i64) -> Self {
        let present = Present { state, base };
        Self {
            present,
            project,
            actor,
        }
    }

    const fn state(&self) -> &'a State {
        self.present.state
    }

    fn user(user: &User) -> Value {
        // GitLab tells the address of those alone who have made it public.
        json!({ "id": user.id, "name": user.name, "username": user.username, "avatar_url": null, "email": "[REDACTED]" })
    }

    fn actor(&self) -> Value {
        self.state().user(self.actor).map_or(Value::Null, Self::user)
    }

    pub(crate) fn people(&self, ids: &[i64]) -> Vec<Value> {
        ids.iter()
            .filter_map(|id| self.state().user(*id))
            .map(Self::user)
            .collect()
    }

    fn project(&self) -> Value {
        let project = self.project;
        let web = self.present.project_url(project);
        let git = format!("{web}.git");
        let level = match project.visibility {
            Visibility::Private => 0,
            Visibility::Internal => 10,
            Visibility::Public => 20,
        };
        json!({
            "id": project.id, "name": project.name, "description": project.description, "web_url": web, "avatar_url": null, "git_ssh_url": null,
            "git_http_url": git, "namespace": project.path.rsplit_once('/').map(|(group, _)| group), "visibility_level": level,
            "path_with_namespace": project.path, "default_branch": project.default_branch, "ci_config_path": null, "homepage": web,
            "url": git, "ssh_url": null, "http_url": git,
        })
    }

    fn repository(&self) -> Value {
        let project = self.project;
        let web = self.present.project_url(project);
        json!({ "name": project.name, "url": format!("{web}.git"), "description": project.description, "homepage": web })
    }

    pub(crate) fn labels(&self, names: &[String]) -> Vec<Value> {
        let label = |label: &Label| {
            json!({
                "id": label.id, "title": label.name, "color": label.color, "project_id": label.project, "description": label.description,
                "created_at": clock::hook(label.created_at), "updated_at": clock::hook(label.created_at), "template": false,
                "type": "ProjectLabel", "group_id": null,
            })
        };
        names
            .iter()
            .filter_map(|name| self.state().label(self.project.id, name))
            .map(label)
            .collect()
    }

    fn issue_attributes(&self, issue: &Issue) -> Value {
        json!({
            "id": issue.id, "iid": issue.iid, "project_id": issue.project, "author_id": issue.author, "title": issue.title,
            "description": issue.description, "confidential": issue.confidential, "state": if issue.open { "opened" } else { "closed" },
            "state_id": if issue.open { 1 } else { 2 }, "type": "Issue", "url": self.present.issue_url(self.project, issue),
            "assignee_id": issue.assignees.first(), "assignee_ids": issue.assignees, "labels": self.labels(&issue.labels),
            "created_at": clock::hook(issue.created_at), "updated_at": clock::hook(issue.updated_at),
            "closed_at": issue.closed_at.map(clock::hook), "updated_by_id": self.actor, "milestone_id": null, "due_date": null,
            "moved_to_id": null, "duplicated_to_id": null, "discussion_locked": null, "severity": "unknown", "time_estimate": 0,
            "total_time_spent": 0, "weight": null,
        })
    }

    /// A ticket was opened, changed, closed or opened again.
    pub(crate) fn issue(&self, issue: &Issue, action: &str, changes: &Value) -> Event {
        let mut attributes = self.issue_attributes(issue);
        if let Some(fields) = attributes.as_object_mut() {
            fields.insert("action".to_owned(), json!(action));
        }
        let (kind, header, event_type) = if issue.confidential {
            (
                "confidential_issues_events",
                "Confidential Issue Hook",
                "confidential_issue",
            )
        } else {
            ("issues_events", "Issue Hook", "issue")
        };
        let body = json!({
            "object_kind": "issue", "event_type": event_type, "user": self.actor(), "project": self.project(),
            "object_attributes": attributes, "labels": self.labels(&issue.labels), "changes": changes,
            "repository": self.repository(), "assignees": self.people(&issue.assignees),
        });
        Event {
            project: self.project.id,
            kind,
            header,
            body,
        }
    }

    /// Somebody commented, or changed a comment.
    pub(crate) fn note(&self, note: &Note, on: &Noted<'_>, action: &str) -> Event {
        let (noteable, url, id) = match on {
            Noted::Issue(issue) => ("Issue", self.present.issue_url(self.project, issue), issue.id),
            Noted::MergeRequest(request) => (
                "MergeRequest",
                self.present.merge_request_url(self.project, request),
                request.id,
            ),
        };
        let confidential = note.internal || matches!(on, Noted::Issue(issue) if issue.confidential);
        let (kind, header, event_type) = if confidential {
            (
                "confidential_note_events",
                "Confidential Note Hook",
                "confidential_note",
            )
        } else {
            ("note_events", "Note Hook", "note")
        };
        let mut body = json!({
            "object_kind": "note", "event_type": event_type, "user": self.actor(), "project_id": self.project.id, "project": self.project(),
            "repository": self.repository(),
            "object_attributes": {
                "id": note.id, "note": note.body, "description": note.body, "noteable_type": noteable, "noteable_id": id,
                "author_id": note.author, "project_id": self.project.id, "system": note.system, "internal": note.internal, "action": action,
                "created_at": clock::hook(note.created_at), "updated_at": clock::hook(note.updated_at), "attachment": null, "commit_id": null,
                "line_code": null, "type": null, "url": format!("{url}#note_{}", note.id),
            },
        });
        let (name, told) = match on {
            Noted::Issue(issue) => ("issue", self.issue_attributes(issue)),
            Noted::MergeRequest(request) => ("merge_request", self.merge_request_attributes(request, None)),
        };
        if let Some(fields) = body.as_object_mut() {
            fields.insert(name.to_owned(), told);
        }
        Event {
            project: self.project.id,
            kind,
            header,
            body,
        }
    }

    fn merge_request_attributes(&self, request: &MergeRequest, last: Option<&Commit>) -> Value {
        let last = last.map(|commit| self.commit(commit));
        json!({
            "id": request.id, "iid": request.iid, "title": request.title, "description": request.description, "state": request.state.as_str(),
            "state_id": request.state.id(), "draft": request.draft(), "work_in_progress": request.draft(), "author_id": request.author,
            "assignee_id": request.assignees.first(), "assignee_ids": request.assignees, "reviewer_ids": [],
            "source_branch": request.source_branch, "target_branch": request.target_branch, "source_project_id": request.project,
            "target_project_id": request.project, "source": self.project(), "target": self.project(), "last_commit": last,
            "merge_commit_sha": request.merge_commit, "merge_status": "can_be_merged", "detailed_merge_status": "mergeable",
            "merge_params": { "force_remove_source_branch": if request.remove_source_branch { "1" } else { "0" } },
            "labels": self.labels(&request.labels), "url": self.present.merge_request_url(self.project, request),
            "created_at": clock::hook(request.created_at), "updated_at": clock::hook(request.updated_at),
        })
    }

    /// A merge request was made, changed, pushed to, merged or closed.
    pub(crate) fn merge_request(
        &self,
        request: &MergeRequest,
        action: &str,
        changes: &Value,
        last: Option<&Commit>,
        before: Option<&str>,
    ) -> Event {
        let mut attributes = self.merge_request_attributes(request, last);
        if let Some(fields) = attributes.as_object_mut() {
            fields.insert("action".to_owned(), json!(action));
            // The commit that the branch had before a push; there for pushes alone.
            if let Some(before) = before {
                fields.insert("oldrev".to_owned(), json!(before));
            }
        }
        let body = json!({
            "object_kind": "merge_request", "event_type": "merge_request", "user": self.actor(), "project": self.project(),
            "object_attributes": attributes, "labels": self.labels(&request.labels), "changes": changes, "repository": self.repository(),
            "assignees": self.people(&request.assignees), "reviewers": [],
        });
        Event {
            project: self.project.id,
            kind: "merge_requests_events",
            header: "Merge Request Hook",
            body,
        }
    }

    fn commit(&self, commit: &Commit) -> Value {
        json!({
            "id": commit.id, "message": commit.message, "title": commit.title(), "timestamp": commit.authored_at,
            "url": format!("{}/-/commit/{}", self.present.project_url(self.project), commit.id),
            "author": { "name": commit.author_name, "email": commit.author_email },
        })
    }

    /// A branch was pushed, made or deleted.
    pub(crate) fn push(&self, branch: &str, (before, after): (&str, &str), new: &[Commit], count: usize) -> Event {
        let deleted = after == crate::git::changes::NONE;
        let user = self.state().user(self.actor);
        let commits: Vec<Value> = new.iter().rev().map(|commit| self.commit(commit)).collect();
        let body = json!({
            "object_kind": "push", "event_name": "push", "before": before, "after": after, "ref": format!("refs/heads/{branch}"),
            "ref_protected": branch == self.project.default_branch, "checkout_sha": if deleted { Value::Null } else { json!(after) },
            "user_id": self.actor, "user_name": user.map(|user| &user.name), "user_username": user.map(|user| &user.username),
            "user_email": null, "user_avatar": null, "project_id": self.project.id, "project": self.project(), "commits": commits,
            "total_commits_count": count, "repository": self.repository(), "push_options": {},
        });
        Event {
            project: self.project.id,
            kind: "push_events",
            header: "Push Hook",
            body,
        }
    }
}

/// What a comment is on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Noted<'a> {
    Issue(&'a Issue),
    MergeRequest(&'a MergeRequest),
}
