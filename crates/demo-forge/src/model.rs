//! What the forge has, as it is kept in its file.

use serde::{Deserialize, Serialize};

use crate::secret::Hashed;

/// The version of the file's shape.
pub(crate) const VERSION: u32 = 1;

/// Everything but the repositories.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) version: u32,
    pub(crate) last_id: i64,
    pub(crate) users: Vec<User>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) applications: Vec<Application>,
    pub(crate) grants: Vec<OauthGrant>,
    pub(crate) projects: Vec<Project>,
    pub(crate) labels: Vec<Label>,
    pub(crate) issues: Vec<Issue>,
    pub(crate) notes: Vec<Note>,
    pub(crate) label_events: Vec<LabelEvent>,
    pub(crate) awards: Vec<Award>,
    pub(crate) merge_requests: Vec<MergeRequest>,
    pub(crate) statuses: Vec<CommitStatus>,
    pub(crate) hooks: Vec<Hook>,
}

/// Somebody who may sign in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) bot: bool,
    pub(crate) admin: bool,
    pub(crate) active: bool,
    /// Identities at identity providers: (provider, subject).
    pub(crate) identities: Vec<(String, String)>,
    pub(crate) created_at: i64,
}

/// A personal access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: i64,
    pub(crate) user: i64,
    pub(crate) name: String,
    pub(crate) hash: Hashed,
    pub(crate) scopes: Vec<String>,
    /// Milliseconds since 1970.
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked: bool,
    pub(crate) created_at: i64,
}

/// A client of OAuth.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Application {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) client_id: String,
    pub(crate) secret: Hashed,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) scopes: Vec<String>,
}

/// Leave that a user gave an application: first a code, then tokens that take each other's place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OauthGrant {
    pub(crate) id: i64,
    pub(crate) application: i64,
    pub(crate) user: i64,
    pub(crate) scopes: Vec<String>,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) code: Hashed,
    pub(crate) code_used: bool,
    pub(crate) code_expires_at: i64,
    pub(crate) access: Option<Hashed>,
    pub(crate) access_expires_at: i64,
    pub(crate) refresh: Option<Hashed>,
    /// Refresh tokens that were used: whoever shows one again has stolen it, or was stolen from.
    pub(crate) spent: Vec<Hashed>,
    pub(crate) revoked: bool,
    pub(crate) created_at: i64,
}

/// A project and its repository, which lies in a directory named by the id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Project {
    pub(crate) id: i64,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) visibility: Visibility,
    pub(crate) default_branch: String,
    pub(crate) archived: bool,
    pub(crate) members: Vec<Member>,
    pub(crate) created_at: i64,
}

/// Who may see a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Its members.
    Private,
    /// Whoever has a token.
    Internal,
    /// Everyone.
    Public,
}

/// What a member of a project may do, by GitLab's roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Take part in tickets.
    Guest,
    /// Read the repository, and label tickets.
    Reporter,
    /// Push branches and make merge requests.
    Developer,
    /// Push to the default branch, merge, and set webhooks.
    Maintainer,
    /// Everything.
    Owner,
}

impl Role {
    /// GitLab's access level.
    pub(crate) const fn level(self) -> i64 {
        match self {
            Self::Guest => 10,
            Self::Reporter => 20,
            Self::Developer => 30,
            Self::Maintainer => 40,
            Self::Owner => 50,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) user: i64,
    pub(crate) role: Role,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Label {
    pub(crate) id: i64,
    pub(crate) project: i64,
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) description: String,
    pub(crate) created_at: i64,
}

/// A ticket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Issue {
    pub(crate) id: i64,
    pub(crate) project: i64,
    pub(crate) iid: i64,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) open: bool,
    pub(crate) confidential: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) assignees: Vec<i64>,
    pub(crate) author: i64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) closed_at: Option<i64>,
}

/// What notes and awards are on: the id of an issue, merge request or note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum On {
    Issue(i64),
    MergeRequest(i64),
    Note(i64),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) id: i64,
    pub(crate) on: On,
    pub(crate) author: i64,
    pub(crate) body: String,
    pub(crate) system: bool,
    pub(crate) internal: bool,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LabelEvent {
    pub(crate) id: i64,
    pub(crate) issue: i64,
    pub(crate) user: i64,
    pub(crate) label: String,
    pub(crate) added: bool,
    pub(crate) created_at: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Award {
    pub(crate) id: i64,
    pub(crate) on: On,
    pub(crate) user: i64,
    pub(crate) name: String,
    pub(crate) created_at: i64,
}

/// How a merge request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MergeState {
    Opened,
    Merged,
    Closed,
}

impl MergeState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Merged => "merged",
            Self::Closed => "closed",
        }
    }

    /// The number that webhooks have for it.
    pub(crate) const fn id(self) -> i64 {
        match self {
            Self::Opened => 1,
            Self::Closed => 2,
            Self::Merged => 3,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MergeRequest {
    pub(crate) id: i64,
    pub(crate) project: i64,
    pub(crate) iid: i64,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) source_branch: String,
    pub(crate) target_branch: String,
    pub(crate) state: MergeState,
    pub(crate) labels: Vec<String>,
    pub(crate) assignees: Vec<i64>,
    pub(crate) author: i64,
    /// The commit at the source branch's tip when it was last seen.
    pub(crate) sha: String,
    pub(crate) merge_commit: Option<String>,
    /// Where the source branch left the target, once that can no longer be asked of git.
    pub(crate) merged_base: Option<String>,
    pub(crate) remove_source_branch: bool,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl MergeRequest {
    /// Whether its title marks it as not ready.
    pub(crate) fn draft(&self) -> bool {
        let title = self.title.to_ascii_lowercase();
        ["draft:", "[draft]", "(draft)"]
            .iter()
            .any(|mark| title.starts_with(mark))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CommitStatus {
    pub(crate) id: i64,
    pub(crate) project: i64,
    pub(crate) sha: String,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) reference: Option<String>,
    pub(crate) target_url: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) author: i64,
    pub(crate) created_at: i64,
}

/// A webhook. Its secrets are kept as they are, since deliveries are signed with them; nothing tells them.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub(crate) id: i64,
    pub(crate) project: i64,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) signing_token: Option<String>,
    /// The kinds of events it gets, by the names of the API's fields.
    pub(crate) events: Vec<String>,
    pub(crate) ssl_verification: bool,
    pub(crate) created_at: i64,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook")
            .field("id", &self.id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
