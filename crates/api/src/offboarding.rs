//! Suspending people, letting them back, and deleting them.

use bailey_core::WorkspaceId;
use bailey_core::workspace::WorkspaceStatus;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::schema::WorkspaceStatusSchema;
use crate::{Named, Time};

/// Why a person is suspended.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSuspend {
    /// Why, for whoever reads the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "left the company")]
    pub reason: Option<String>,
}

/// What a suspension ended. Sessions, tokens, keys and invitations are those that were good until then; of what was open,
/// those that have really ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suspension {
    /// Whose.
    pub person: Named,
    /// When.
    pub at: Time,
    /// Who suspended them; `null` = Bailey itself.
    pub by: Option<Named>,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Sessions of browsers.
    pub sessions: u64,
    /// API tokens.
    pub tokens: u64,
    /// Keys, those of workspaces included.
    pub keys: u64,
    /// One-time links for the person, or of their making.
    pub invitations: u64,
    /// Model calls that were under way.
    pub streams: u64,
    /// Terminals.
    pub terminals: u64,
    /// Commands that were running over the API.
    pub exec: u64,
    /// Files that were on their way.
    pub files: u64,
    /// Requests and WebSockets of apps, the person's own and those into their workspaces.
    pub apps: u64,
    /// Logs that were followed.
    pub logs: u64,
    /// The person's workspaces that ran or were on their way up, and how they are now.
    pub workspaces: Vec<EndedWorkspace>,
    /// Whether all that was open has ended. Workspaces stop after that; each says how it is.
    pub finished: bool,
    /// When the person was made active again, if they were.
    pub lifted_at: Option<Time>,
}

/// A workspace that is named in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedWorkspace {
    /// Its id.
    #[schema(value_type = String)]
    pub id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// How it is now.
    #[schema(value_type = WorkspaceStatusSchema)]
    pub state: WorkspaceStatus,
}

/// What becomes of a deleted person's workspaces and kept homes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WorkspacesGo {
    /// They become another person's.
    HandOver,
    /// They are deleted.
    Delete,
}

/// How a person is deleted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserDeleteQuery {
    /// What becomes of their workspaces and kept homes; needed if they have any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub workspaces: Option<WorkspacesGo>,
    /// With `hand-over`: who gets them, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What became of a deleted person's things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deletion {
    /// Who was deleted. Their name stays theirs.
    pub person: Named,
    /// When.
    pub at: Time,
    /// Who deleted them; `null` = Bailey itself.
    pub by: Option<Named>,
    /// Who got their workspaces; `null` = those were deleted.
    pub handed_to: Option<Named>,
    /// Their workspaces, and how they are now.
    pub workspaces: Vec<EndedWorkspace>,
    /// How many kept homes went the same way.
    pub homes: u64,
}
