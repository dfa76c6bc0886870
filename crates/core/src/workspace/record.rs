//! Records.

use super::{BuildState, Transition, WorkspaceStatus};
use crate::template::{ParameterValues, Resolved};
use crate::{BuildId, PersonId, TemplateId, TemplateVersionId, Timestamp, WorkspaceId};

/// A workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Whose it is.
    pub owner: PersonId,
    /// Its name, unique among its owner's.
    pub name: String,
    /// Its template.
    pub template: TemplateId,
    /// The version of the template.
    pub version: TemplateVersionId,
    /// Its parameters.
    pub parameters: ParameterValues,
    /// What template and parameters come to, with the deployment's defaults filled in.
    pub resolved: Resolved,
    /// A small number of its own from which the host's user id is derived; `None` once it is free again.
    pub host_slot: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When something was last done in it, as [`super::stop_due`] takes it.
    pub last_active_at: Timestamp,
    /// When it came up; `None` = it is down.
    pub started_at: Option<Timestamp>,
    /// Seconds without activity after which it is stopped; `None` = never.
    pub auto_stop: Option<u64>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Whether its home is kept when it is deleted.
    pub keep_home: bool,
    /// The number of its last build.
    pub build: u64,
    /// What its last build does.
    pub transition: Transition,
    /// How far its last build is.
    pub state: BuildState,
}

impl Workspace {
    /// How it is.
    pub const fn status(&self) -> WorkspaceStatus {
        WorkspaceStatus::of(self.transition, self.state)
    }
}

/// A build.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    /// Its id.
    pub id: BuildId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Counts up from 1 within the workspace.
    pub number: u64,
    /// What it does.
    pub transition: Transition,
    /// How far it is.
    pub state: BuildState,
    /// The version of the template that it leads to.
    pub version: TemplateVersionId,
    /// Who asked for it; `None` = Bailey itself.
    pub initiator: Option<PersonId>,
    /// Why Bailey itself asked for it.
    pub reason: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A line of a build's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Counts up from 1 within the build.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Where it comes from: `build`, `layer`, `script:NAME`, `app:NAME`.
    pub source: String,
    /// The text.
    pub text: String,
}
