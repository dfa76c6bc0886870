//! What the API tells of what there is, in GitLab's shapes.

use serde_json::{Value, json};

use crate::clock;
use crate::git::{Branch, Change, Commit};
use crate::model::{
    Award, CommitStatus, Hook, Issue, Label, LabelEvent, MergeRequest, Note, On, Project, State, Token, User,
};

/// Names of the kinds of events that a webhook can have, as the API has them.
pub(crate) const HOOK_EVENTS: [&str; 13] = [
    "push_events",
    "tag_push_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "merge_requests_events",
    "job_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "releases_events",
    "emoji_events",
];

/// Presents things, with links below the forge's address.
#[derive(Clone, Copy)]
pub(crate) struct Present<'a> {
    pub(crate) state: &'a State,
    pub(crate) base: &'a str,
}

impl Present<'_> {
    pub(crate) fn user(&self, id: i64) -> Value {
        self.state.user(id).map_or(Value::Null, |user| self.of_user(user))
    }

    pub(crate) fn of_user(&self, user: &User) -> Value {
        json!({
            "id": user.id, "username": user.username, "name": user.name, "state": if user.active { "active" } else { "blocked" },
            "locked": false, "avatar_url": null, "web_url": format!("{}/{}", self.base, user.username), "bot": user.bot,
        })
    }

    /// What a user may know of themselves, and an administrator of everybody.
    pub(crate) fn account(&self, user: &User) -> Value {
        let mut account = self.of_user(user);
        if let Some(fields) = account.as_object_mut() {
            let identities = user.identities.iter();
            let identities =
                identities.map(|(provider, subject)| json!({ "provider": provider, "extern_uid": subject }));
            fields.insert("identities".to_owned(), identities.collect());
            fields.insert("email".to_owned(), json!(user.email));
            fields.insert("is_admin".to_owned(), json!(user.admin));
            fields.insert("created_at".to_owned(), json!(clock::api(user.created_at)));
        }
        account
    }

    pub(crate) fn users(&self, ids: &[i64]) -> Vec<Value> {
        ids.iter()
            .map(|id| self.user(*id))
            .filter(|user| !user.is_null())
            .collect()
    }

    pub(crate) fn project_url(&self, project: &Project) -> String {
        format!("{}/{}", self.base, project.path)
    }

    pub(crate) fn project(&self, project: &Project, caller: Option<i64>, empty: bool) -> Value {
        let role = self.state.role(project, caller);
        let web = self.project_url(project);
        let (namespace, path) = project.path.rsplit_once('/').unwrap_or_default();
        let open = self
            .state
            .issues
            .iter()
            .filter(|issue| issue.project == project.id && issue.open)
            .count();
        json!({
            "id": project.id, "name": project.name, "path": path, "path_with_namespace": project.path,
            "name_with_namespace": format!("{namespace} / {}", project.name), "description": project.description,
            "namespace": { "id": project.id, "name": namespace, "path": namespace, "full_path": namespace, "kind": "group" },
            "web_url": web, "http_url_to_repo": format!("{web}.git"), "ssh_url_to_repo": null, "readme_url": null, "avatar_url": null,
            "default_branch": if empty { Value::Null } else { json!(project.default_branch) },
            "visibility": project.visibility, "archived": project.archived, "empty_repo": empty,
            "issues_enabled": true, "merge_requests_enabled": true, "issues_access_level": "enabled", "merge_requests_access_level": "enabled",
            "merge_method": "merge", "open_issues_count": open, "created_at": clock::api(project.created_at),
            "permissions": { "project_access": role.map(|role| json!({ "access_level": role.level(), "notification_level": 3 })), "group_access": null },
        })
    }

    pub(crate) fn issue_url(&self, project: &Project, issue: &Issue) -> String {
        format!("{}/-/issues/{}", self.project_url(project), issue.iid)
    }

    pub(crate) fn issue(&self, project: &Project, issue: &Issue) -> Value {
        let assignees = self.users(&issue.assignees);
        json!({
            "id": issue.id, "iid": issue.iid, "project_id": issue.project, "title": issue.title, "description": issue.description,
            "state": if issue.open { "opened" } else { "closed" }, "confidential": issue.confidential, "labels": issue.labels,
            "assignee": assignees.first(), "assignees": assignees, "author": self.user(issue.author), "milestone": null, "due_date": null,
            "type": "ISSUE", "issue_type": "issue", "created_at": clock::api(issue.created_at), "updated_at": clock::api(issue.updated_at),
            "closed_at": issue.closed_at.map(clock::api), "closed_by": null, "discussion_locked": null, "web_url": self.issue_url(project, issue),
            "user_notes_count": self.state.comments(On::Issue(issue.id)),
            "references": { "short": format!("#{}", issue.iid), "full": format!("{}#{}", project.path, issue.iid) },
        })
    }

    pub(crate) fn note(&self, note: &Note, noteable: &str, iid: i64, project: i64) -> Value {
        let on = match note.on {
            On::Issue(id) | On::MergeRequest(id) | On::Note(id) => id,
        };
        json!({
            "id": note.id, "type": null, "body": note.body, "author": self.user(note.author), "system": note.system, "internal": note.internal,
            "confidential": note.internal, "noteable_id": on, "noteable_type": noteable, "noteable_iid": iid, "project_id": project,
            "resolvable": false, "created_at": clock::api(note.created_at), "updated_at": clock::api(note.updated_at),
        })
    }

    pub(crate) fn label(&self, label: &Label) -> Value {
        let open = |issue: &&Issue| issue.project == label.project && issue.open && issue.labels.contains(&label.name);
        json!({
            "id": label.id, "name": label.name, "color": label.color, "text_color": "#FFFFFF", "description": label.description,
            "open_issues_count": self.state.issues.iter().filter(open).count(), "is_project_label": true, "priority": null, "subscribed": false,
        })
    }

    pub(crate) fn label_event(&self, event: &LabelEvent, project: i64) -> Value {
        let label = self.state.label(project, &event.label);
        let label = label.map(|label| json!({ "id": label.id, "name": label.name, "color": label.color, "description": label.description }));
        json!({
            "id": event.id, "user": self.user(event.user), "created_at": clock::api(event.created_at), "resource_type": "Issue",
            "resource_id": event.issue, "label": label, "action": if event.added { "add" } else { "remove" },
        })
    }

    pub(crate) fn award(&self, award: &Award) -> Value {
        let (kind, id) = match award.on {
            On::Issue(id) => ("Issue", id),
            On::MergeRequest(id) => ("MergeRequest", id),
            On::Note(id) => ("Note", id),
        };
        json!({
            "id": award.id, "name": award.name, "user": self.user(award.user), "awardable_id": id, "awardable_type": kind,
            "created_at": clock::api(award.created_at), "updated_at": clock::api(award.created_at), "url": null,
        })
    }

    pub(crate) fn branch(&self, project: &Project, branch: &Branch, commit: Option<&Commit>) -> Value {
        let default = branch.name == project.default_branch;
        let commit = commit.map_or_else(|| json!({ "id": branch.commit }), |commit| self.commit(project, commit));
        json!({
            "name": branch.name, "commit": commit, "merged": false, "protected": default, "default": default,
            "developers_can_push": !default, "developers_can_merge": !default, "can_push": true,
            "web_url": format!("{}/-/tree/{}", self.project_url(project), branch.name),
        })
    }

    pub(crate) fn commit(&self, project: &Project, commit: &Commit) -> Value {
        json!({
            "id": commit.id, "short_id": commit.id.get(..8), "title": commit.title(), "message": commit.message, "parent_ids": commit.parents,
            "author_name": commit.author_name, "author_email": commit.author_email, "authored_date": commit.authored_at,
            "committer_name": commit.committer_name, "committer_email": commit.committer_email, "committed_date": commit.committed_at,
            "created_at": commit.committed_at, "web_url": format!("{}/-/commit/{}", self.project_url(project), commit.id),
        })
    }

    pub(crate) fn change(change: &Change) -> Value {
        json!({
            "old_path": change.old_path, "new_path": change.new_path, "a_mode": change.old_mode, "b_mode": change.new_mode, "diff": change.diff,
            "new_file": change.kind == 'A', "renamed_file": change.kind == 'R', "deleted_file": change.kind == 'D', "generated_file": false,
        })
    }

    pub(crate) fn merge_request_url(&self, project: &Project, request: &MergeRequest) -> String {
        format!("{}/-/merge_requests/{}", self.project_url(project), request.iid)
    }

    pub(crate) fn merge_request(&self, project: &Project, request: &MergeRequest) -> Value {
        let assignees = self.users(&request.assignees);
        json!({
            "id": request.id, "iid": request.iid, "project_id": request.project, "title": request.title, "description": request.description,
            "state": request.state.as_str(), "source_branch": request.source_branch, "target_branch": request.target_branch,
            "source_project_id": request.project, "target_project_id": request.project, "author": self.user(request.author),
            "assignee": assignees.first(), "assignees": assignees, "reviewers": [], "labels": request.labels, "draft": request.draft(),
            "work_in_progress": request.draft(), "sha": request.sha, "merge_commit_sha": request.merge_commit, "squash": false,
            "merge_status": "can_be_merged", "detailed_merge_status": if request.draft() { "draft_status" } else { "mergeable" },
            "should_remove_source_branch": request.remove_source_branch, "force_remove_source_branch": request.remove_source_branch,
            "web_url": self.merge_request_url(project, request), "user_notes_count": self.state.comments(On::MergeRequest(request.id)),
            "created_at": clock::api(request.created_at), "updated_at": clock::api(request.updated_at),
            "references": { "short": format!("!{}", request.iid), "full": format!("{}!{}", project.path, request.iid) },
        })
    }

    pub(crate) fn status(&self, status: &CommitStatus) -> Value {
        json!({
            "id": status.id, "sha": status.sha, "ref": status.reference, "status": status.state, "name": status.name,
            "target_url": status.target_url, "description": status.description, "author": self.user(status.author), "allow_failure": false,
            "created_at": clock::api(status.created_at), "started_at": null, "finished_at": null, "coverage": null,
        })
    }

    /// A webhook, without its secrets.
    pub(crate) fn hook(hook: &Hook) -> Value {
        let mut told = json!({
            "id": hook.id, "url": hook.url, "name": null, "description": null, "project_id": hook.project, "created_at": clock::api(hook.created_at),
            "enable_ssl_verification": hook.ssl_verification, "alert_status": "executable", "disabled_until": null, "url_variables": [],
            "signing_token_present": hook.signing_token.is_some(), "push_events_branch_filter": "",
        });
        if let Some(fields) = told.as_object_mut() {
            for event in HOOK_EVENTS {
                fields.insert(event.to_owned(), json!(hook.events.iter().any(|on| on == event)));
            }
        }
        told
    }

    /// A token, without its secret.
    pub(crate) fn token(token: &Token) -> Value {
        let day = token.expires_at.map(clock::api);
        json!({
            "id": token.id, "name": token.name, "revoked": token.revoked, "active": !token.revoked, "scopes": token.scopes, "user_id": token.user,
            "created_at": clock::api(token.created_at), "last_used_at": null,
            "expires_at": day.as_deref().and_then(|day| day.get(..10)),
        })
    }
}
