//! GitLab's answers, as far as they are read.

use bailey_core::Timestamp;
use serde::{Deserialize, Deserializer, de};

use crate::base::BaseUrl;
use crate::model::{
    Access, Account, Actor, Branch, Comment, Identity, LabelEvent, MergeRequest, MergeRequestState, Project,
    ProjectRef, Ticket, Visibility,
};
use crate::webhook::is_gitlab_bot;

/// A time as GitLab writes it.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    Timestamp::parse(&text).ok_or_else(|| de::Error::custom("not a time"))
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireUser {
    pub(super) id: i64,
    pub(super) username: String,
    #[serde(default)]
    name: String,
    state: Option<String>,
    bot: Option<bool>,
    locked: Option<bool>,
    identities: Option<Vec<WireIdentity>>,
    pub(super) is_admin: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
struct WireIdentity {
    provider: String,
    extern_uid: Option<String>,
}

impl WireUser {
    pub(super) fn actor(self) -> Actor {
        let bot = self.bot == Some(true) || is_gitlab_bot(&self.username);
        Actor {
            id: self.id,
            name: self.username,
            bot,
        }
    }

    pub(super) fn account(self) -> Account {
        let identities = self.identities.clone().map(|all| {
            let sound = all.into_iter().filter_map(|identity| {
                let subject = identity.extern_uid.filter(|subject| !subject.is_empty())?;
                let provider = identity.provider;
                Some(Identity { provider, subject })
            });
            sound.collect()
        });
        Account {
            display_name: self.name.clone(),
            // Blocked, banned, deactivated: anything else may not sign in.
            active: self.state.as_deref() == Some("active") && self.locked != Some(true),
            identities,
            actor: self.actor(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireMember {
    state: Option<String>,
    membership_state: Option<String>,
    access_level: i64,
}

impl WireMember {
    pub(super) fn access(&self) -> Access {
        let active = |state: &Option<String>| state.as_deref().is_none_or(|state| state == "active");
        if active(&self.state) && active(&self.membership_state) {
            access(self.access_level)
        } else {
            Access::None
        }
    }
}

/// GitLab's access levels.
pub(super) const fn access(level: i64) -> Access {
    match level {
        // Minimal access is to a group's existence alone.
        ..=9 => Access::None,
        10..=29 => Access::Read,
        30..=39 => Access::Write,
        40..=49 => Access::Maintain,
        50.. => Access::Own,
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireProject {
    pub(super) id: i64,
    path_with_namespace: String,
    #[serde(default)]
    web_url: String,
    default_branch: Option<String>,
    visibility: Option<String>,
    archived: Option<bool>,
    empty_repo: Option<bool>,
    issues_access_level: Option<String>,
    merge_requests_access_level: Option<String>,
    permissions: Option<WirePermissions>,
}

#[derive(Debug, Clone, Deserialize)]
struct WirePermissions {
    project_access: Option<WireLevel>,
    group_access: Option<WireLevel>,
}

#[derive(Debug, Clone, Deserialize)]
struct WireLevel {
    access_level: i64,
}

impl WireProject {
    pub(super) fn reference(&self) -> ProjectRef {
        ProjectRef {
            id: self.id,
            path: self.path_with_namespace.clone(),
        }
    }

    /// What is turned off and needed.
    pub(super) fn off(&self) -> Vec<&'static str> {
        let off = |level: &Option<String>| level.as_deref() == Some("disabled");
        let parts = [
            ("issues", &self.issues_access_level),
            ("merge requests", &self.merge_requests_access_level),
        ];
        parts
            .iter()
            .filter(|(_, level)| off(level))
            .map(|(name, _)| *name)
            .collect()
    }

    pub(super) fn into_model(self, base: &BaseUrl) -> Project {
        let levels = self.permissions.as_ref().map(|permissions| {
            let both = [&permissions.project_access, &permissions.group_access];
            both.into_iter()
                .flatten()
                .map(|level| level.access_level)
                .max()
                .unwrap_or(0)
        });
        Project {
            project: self.reference(),
            // Git gets a person's token, so the address is made from the forge's own and not taken from its answer.
            clone_url: base.page(&format!("{}.git", self.path_with_namespace)),
            url: self.web_url,
            default_branch: self
                .default_branch
                .filter(|name| !name.is_empty() && self.empty_repo != Some(true)),
            visibility: match self.visibility.as_deref() {
                Some("private") => Visibility::Private,
                Some("internal") => Visibility::Internal,
                // Where it is not said, nothing is taken to be private.
                _ => Visibility::Public,
            },
            archived: self.archived == Some(true),
            access: levels.map(access),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireIssue {
    iid: u64,
    title: String,
    description: Option<String>,
    #[serde(default)]
    web_url: String,
    state: String,
    confidential: Option<bool>,
    labels: Vec<String>,
    assignees: Option<Vec<WireUser>>,
    author: WireUser,
    #[serde(deserialize_with = "time")]
    updated_at: Timestamp,
}

impl From<WireIssue> for Ticket {
    fn from(issue: WireIssue) -> Self {
        Self {
            number: issue.iid,
            title: issue.title,
            body: issue.description.unwrap_or_default(),
            url: issue.web_url,
            open: issue.state == "opened",
            // Where it is not said, it is taken to be.
            confidential: issue.confidential != Some(false),
            labels: issue.labels,
            assignees: issue
                .assignees
                .unwrap_or_default()
                .into_iter()
                .map(WireUser::actor)
                .collect(),
            author: issue.author.actor(),
            updated_at: issue.updated_at,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireNote {
    id: i64,
    body: Option<String>,
    author: WireUser,
    #[serde(default)]
    system: bool,
    internal: Option<bool>,
    /// What older versions call it.
    confidential: Option<bool>,
    #[serde(deserialize_with = "time")]
    created_at: Timestamp,
}

impl From<WireNote> for Comment {
    fn from(note: WireNote) -> Self {
        Self {
            id: note.id,
            author: note.author.actor(),
            body: note.body.unwrap_or_default(),
            system: note.system,
            internal: note.internal == Some(true) || note.confidential == Some(true),
            created_at: note.created_at,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireLabelEvent {
    id: i64,
    user: Option<WireUser>,
    /// `null` where the label was deleted.
    label: Option<WireLabel>,
    action: String,
    #[serde(deserialize_with = "time")]
    created_at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct WireLabel {
    name: String,
}

impl WireLabelEvent {
    pub(super) fn into_model(self) -> Option<LabelEvent> {
        let nobody = || Actor {
            id: 0,
            name: String::new(),
            bot: true,
        };
        Some(LabelEvent {
            id: self.id,
            label: self.label?.name,
            added: self.action == "add",
            by: self.user.map_or_else(nobody, WireUser::actor),
            at: self.created_at,
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireBranch {
    name: String,
    commit: WireCommit,
}

#[derive(Debug, Deserialize)]
struct WireCommit {
    id: String,
}

impl From<WireBranch> for Branch {
    fn from(branch: WireBranch) -> Self {
        Self {
            name: branch.name,
            commit: branch.commit.id,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireMergeRequest {
    pub(super) iid: u64,
    #[serde(default)]
    web_url: String,
    source_branch: String,
    pub(super) source_project_id: Option<i64>,
    target_branch: String,
    sha: Option<String>,
    state: String,
    title: String,
    description: Option<String>,
}

impl From<WireMergeRequest> for MergeRequest {
    fn from(request: WireMergeRequest) -> Self {
        Self {
            number: request.iid,
            url: request.web_url,
            source_branch: request.source_branch,
            target_branch: request.target_branch,
            tip: request.sha,
            state: match request.state.as_str() {
                "merged" => MergeRequestState::Merged,
                "closed" => MergeRequestState::Closed,
                _ => MergeRequestState::Open,
            },
            title: request.title,
            body: request.description.unwrap_or_default(),
        }
    }
}
