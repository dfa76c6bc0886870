//! What Bailey asks of a forge.

use std::future::Future;
use std::pin::Pin;

use bailey_core::{Secret, Timestamp};

use crate::branch::BranchName;
use crate::comment::StatusKey;
use crate::error::ForgeError;
use crate::model::{
    Access, Account, Branch, Comment, Ensured, ForgeKind, LabelEvent, MergeRequest, Project, ProjectRef, Ticket,
};

/// What a forge answers, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ForgeError>> + Send + 'a>>;

/// A forge, as one of its users: whose token it is decides what may be done.
///
/// What is made is looked for first, so each of these can be called again after a crash. Where something is looked for, `None` says that
/// it is not there or that the token's user may not see it; the forge does not tell which.
pub trait Forge: Send + Sync {
    /// The forge's make.
    fn kind(&self) -> ForgeKind;

    /// The token's user.
    fn myself(&self) -> Answer<'_, Account>;

    /// A user. The identities are there where the token's user may know them (GitLab: an administrator, or the user themself).
    fn account(&self, id: i64) -> Answer<'_, Option<Account>>;

    /// What a user may do in a project, by membership of their own or of a group.
    fn access<'a>(&'a self, project: &'a ProjectRef, user: i64) -> Answer<'a, Access>;

    /// A project.
    fn project<'a>(&'a self, project: ProjectKey<'a>) -> Answer<'a, Option<Project>>;

    /// A ticket.
    fn ticket<'a>(&'a self, project: &'a ProjectRef, number: u64) -> Answer<'a, Option<Ticket>>;

    /// The tickets that have changed at or after `since`, the longest unchanged first.
    fn tickets_since<'a>(&'a self, project: &'a ProjectRef, since: Timestamp) -> Answer<'a, Changed>;

    /// Which labels were put on a ticket and taken off, oldest first.
    fn label_history<'a>(&'a self, project: &'a ProjectRef, number: u64) -> Answer<'a, Vec<LabelEvent>>;

    /// Puts labels on a ticket and takes others off.
    fn labels_change<'a>(
        &'a self,
        project: &'a ProjectRef,
        number: u64,
        change: LabelsWanted<'a>,
    ) -> Answer<'a, Ticket>;

    /// The last `most` comments of people on a ticket (at most 100), oldest first.
    fn comments<'a>(&'a self, project: &'a ProjectRef, number: u64, most: u8) -> Answer<'a, Vec<Comment>>;

    /// Comments on a ticket. Doing it twice makes two comments.
    fn comment_create<'a>(&'a self, project: &'a ProjectRef, number: u64, body: &'a str) -> Answer<'a, Comment>;

    /// Changes a comment.
    fn comment_update<'a>(
        &'a self,
        project: &'a ProjectRef,
        number: u64,
        id: i64,
        body: &'a str,
    ) -> Answer<'a, Comment>;

    /// Makes the status comment with this key say `body`: the one with the id `known`, else the one of the token's user that has the
    /// key's marker, else a new one.
    fn status_comment<'a>(
        &'a self,
        project: &'a ProjectRef,
        number: u64,
        status: StatusWanted<'a>,
    ) -> Answer<'a, Ensured<Comment>>;

    /// A branch.
    fn branch<'a>(&'a self, project: &'a ProjectRef, name: &'a str) -> Answer<'a, Option<Branch>>;

    /// A branch, made from `from` where it is not there.
    fn branch_ensure<'a>(
        &'a self,
        project: &'a ProjectRef,
        name: &'a BranchName,
        from: &'a str,
    ) -> Answer<'a, Ensured<Branch>>;

    /// The merge request that brings in a branch of the same project: the one that is open, else the newest.
    fn merge_request<'a>(&'a self, project: &'a ProjectRef, source_branch: &'a str)
    -> Answer<'a, Option<MergeRequest>>;

    /// The open merge request that brings in a branch, made where none is open; Bailey's part of its description is brought up to date.
    fn merge_request_ensure<'a>(
        &'a self,
        project: &'a ProjectRef,
        wanted: &'a MergeRequestWanted,
    ) -> Answer<'a, Ensured<MergeRequest>>;

    /// The project's webhook to an address, with Bailey's events and secrets; made where there is none. Secrets cannot be
    /// read back, so one that is there is always written again.
    fn hook_ensure<'a>(&'a self, project: &'a ProjectRef, wanted: &'a HookWanted) -> Answer<'a, Ensured<Hook>>;

    /// Whether a connection with this token can do its work in a project, and what is missing. Changes nothing.
    ///
    /// # Errors
    /// Where the forge cannot be asked. What it refuses is not an error but missing.
    fn check<'a>(&'a self, project: ProjectKey<'a>, hook_url: &'a str) -> Answer<'a, Check>;
}

/// How a project is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectKey<'a> {
    /// By its id.
    Id(i64),
    /// By its path, such as `group/name`.
    Path(&'a str),
}

/// Tickets that have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The tickets, the longest unchanged first.
    pub tickets: Vec<Ticket>,
    /// Whether there are more: then ask again, from the time of the last one's change.
    pub more: bool,
}

/// Labels that are to come and go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LabelsWanted<'a> {
    /// Those to be put on.
    pub add: &'a [&'a str],
    /// Those to be taken off.
    pub remove: &'a [&'a str],
}

/// What the status comment is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusWanted<'a> {
    /// Its id, where it was made before and the id is known.
    pub known: Option<i64>,
    /// What it is found by otherwise.
    pub key: &'a StatusKey,
    /// The text, with the key's marker: [`crate::comment::Status::render`].
    pub body: &'a str,
}

/// A merge request that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequestWanted {
    /// The branch it brings in.
    pub source_branch: BranchName,
    /// The branch it is for.
    pub target_branch: String,
    /// Its title.
    pub title: String,
    /// Its description, with its provenance: [`crate::comment::Provenance::render`].
    pub body: String,
    /// Whether it is marked as not ready to be merged.
    pub draft: bool,
    /// The user it is assigned to.
    pub assignee: Option<i64>,
}

/// A webhook that is to be there.
#[derive(Debug, Clone)]
pub struct HookWanted {
    /// Where deliveries go.
    pub url: String,
    /// The secret that every forge takes.
    pub token: Secret<String>,
    /// GitLab's signing token, another secret; from GitLab 19 on it is the one that counts, see [`Hook::signs`].
    pub signing_token: Option<Secret<String>>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The forge's id.
    pub id: i64,
    /// Where deliveries go.
    pub url: String,
    /// Whether the forge signs deliveries with the signing token. Where it does not, its version is too old and the token counts.
    pub signs: bool,
    /// Whether the forge sends deliveries; it stops after too many failures.
    pub enabled: bool,
    /// Whether it tells of everything that Bailey needs.
    pub complete: bool,
}

/// Whether a connection works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The token's user.
    pub account: Option<Account>,
    /// The project.
    pub project: Option<Project>,
    /// When the token ends, as the forge writes it.
    pub expires: Option<String>,
    /// The webhook, where it is registered.
    pub hook: Option<Hook>,
    /// What is missing; nothing where everything is there.
    pub missing: Vec<Missing>,
}

/// What a connection lacks. The text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The token is not good.
    #[error("the forge does not accept the token; make one with the scope `api`")]
    Token,
    /// The token lacks a scope.
    #[error("the token has the scopes {has} and not `{needed}`; make one that has it")]
    Scope {
        /// The scope that is needed.
        needed: &'static str,
        /// Those that it has.
        has: String,
    },
    /// The project cannot be seen.
    #[error("the project is not there, or the token's user is not a member of it")]
    Project,
    /// The token's user lacks a role.
    #[error("the token's user needs the role {needed} in the project to {what}")]
    Role {
        /// The forge's name of the role.
        needed: &'static str,
        /// What for.
        what: &'static str,
    },
    /// The project is read-only.
    #[error("the project is archived")]
    Archived,
    /// The repository has no branch to start from.
    #[error("the repository is empty; push a first commit")]
    Empty,
    /// A part of the project is turned off.
    #[error("{0} are turned off in the project's settings")]
    Off(&'static str),
    /// The webhook is not there.
    #[error("the webhook is not registered")]
    Hook,
    /// The forge has stopped to send.
    #[error(
        "the forge has turned the webhook off after failures; see that it can reach Bailey, then register it again"
    )]
    HookDisabled,
    /// The webhook does not tell of everything.
    #[error("the webhook does not tell of all events that are needed; register it again")]
    HookEvents,
}
