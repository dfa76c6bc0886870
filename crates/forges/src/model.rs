//! What all forges have: people, projects, tickets, comments, branches and merge requests.

use std::fmt;

use bailey_core::Timestamp;
use serde::{Deserialize, Serialize};

/// A forge's make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForgeKind {
    /// GitLab.
    GitLab,
    /// GitHub, and GitHub Enterprise Server.
    GitHub,
    /// Gitea.
    Gitea,
    /// Forgejo.
    Forgejo,
}

impl ForgeKind {
    /// The name, as it is stored and configured.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GitLab => "gitlab",
            Self::GitHub => "github",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
        }
    }
}

impl fmt::Display for ForgeKind {
    /// The maker's spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitLab => "GitLab",
            Self::GitHub => "GitHub",
            Self::Gitea => "Gitea",
            Self::Forgejo => "Forgejo",
        })
    }
}

/// A user of a forge, as an event or a ticket names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The forge's id, which stays when they are renamed. Gitea's own actors have ids below zero; 0 where the forge gave none.
    pub id: i64,
    /// The user name.
    pub name: String,
    /// Whether it is known to be a program.
    pub bot: bool,
}

/// An identity at an identity provider, as the forge reports it of one of its users.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The forge's name of the provider.
    pub provider: String,
    /// The subject there.
    pub subject: String,
}

/// A user, looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub actor: Actor,
    /// What they are called.
    pub display_name: String,
    /// Whether they may sign in at the forge.
    pub active: bool,
    /// Their identities at identity providers. `None` where the forge does not tell them to this token; an empty list is an answer.
    pub identities: Option<Vec<Identity>>,
}

/// What a user may do in a project, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Nothing that everyone may not.
    None,
    /// See it and take part in its tickets.
    Read,
    /// Push branches and label tickets (GitLab: Developer).
    Write,
    /// Change its settings and webhooks (GitLab: Maintainer).
    Maintain,
    /// Everything.
    Own,
}

impl Access {
    /// Whether that is enough to start work with a label.
    pub fn can_write(self) -> bool {
        self >= Self::Write
    }
}

/// A project, as an event names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProjectRef {
    /// The forge's id, which stays when the project moves.
    pub id: i64,
    /// The path, such as `group/name`.
    pub path: String,
}

/// Who can see a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Its members.
    Private,
    /// Whoever is signed in.
    Internal,
    /// Everyone.
    Public,
}

/// A project, looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Which.
    pub project: ProjectRef,
    /// Its page.
    pub url: String,
    /// Where git clones it from over HTTP, without a credential.
    pub clone_url: String,
    /// The branch that work starts from; `None` in an empty repository.
    pub default_branch: Option<String>,
    /// Who can see it.
    pub visibility: Visibility,
    /// Whether it is read-only.
    pub archived: bool,
    /// What the owner of the token may do in it; `None` where the forge does not say.
    pub access: Option<Access>,
}

/// A ticket: an issue of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its number in the project (GitLab: iid).
    pub number: u64,
    /// The title, as its author wrote it.
    pub title: String,
    /// The text, as its author wrote it.
    pub body: String,
    /// Its page.
    pub url: String,
    /// Whether it is open.
    pub open: bool,
    /// Whether only some members of the project may see it.
    pub confidential: bool,
    /// The labels' names.
    pub labels: Vec<String>,
    /// Whom it is assigned to.
    pub assignees: Vec<Actor>,
    /// Who wrote it.
    pub author: Actor,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A comment on a ticket (GitLab: note).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The forge's id.
    pub id: i64,
    /// Who wrote it.
    pub author: Actor,
    /// The text.
    pub body: String,
    /// Whether the forge itself wrote it.
    pub system: bool,
    /// Whether only some of those may see it who see the ticket.
    pub internal: bool,
    /// When it was written.
    pub created_at: Timestamp,
}

/// A label that was put on a ticket or taken off it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelEvent {
    /// The forge's id; later events have higher ones.
    pub id: i64,
    /// The label's name.
    pub label: String,
    /// Whether it was put on.
    pub added: bool,
    /// Who did it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// The commit at its tip.
    pub commit: String,
}

/// How a merge request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeRequestState {
    /// It can be merged.
    Open,
    /// It was merged.
    Merged,
    /// It was closed unmerged.
    Closed,
}

/// A merge request (GitHub, Gitea: pull request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequest {
    /// Its number in the project.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// The branch it brings in.
    pub source_branch: String,
    /// The branch it is for.
    pub target_branch: String,
    /// The commit at the tip of what it brings in; `None` where the forge does not say.
    pub tip: Option<String>,
    /// How it stands.
    pub state: MergeRequestState,
    /// Its title.
    pub title: String,
    /// Its description.
    pub body: String,
}

/// Whether something was there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ensured<T> {
    /// It was there, as it should be.
    Found(T),
    /// It was there and has been changed.
    Updated(T),
    /// It has been made.
    Created(T),
}

impl<T> Ensured<T> {
    /// The thing itself.
    pub fn into_inner(self) -> T {
        match self {
            Self::Found(it) | Self::Updated(it) | Self::Created(it) => it,
        }
    }

    /// The thing itself, borrowed.
    pub const fn get(&self) -> &T {
        match self {
            Self::Found(it) | Self::Updated(it) | Self::Created(it) => it,
        }
    }
}
