//! Homes that were kept when their workspaces were deleted.

use bailey_core::WorkspaceId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Named, Time};

/// A home that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Home {
    /// The id of the workspace that it was the home of.
    #[schema(value_type = String)]
    pub id: WorkspaceId,
    /// The workspace's name. Another workspace may have it by now.
    pub name: String,
    /// Whose it is, and in whose quota it counts.
    pub owner: Named,
    /// The workspace's template.
    pub template: Named,
    /// The most bytes that it may take, as they count in the quota; `null` = it had no limit.
    pub disk: Option<u64>,
    /// When the workspace was made.
    pub created_at: Time,
    /// When the workspace was deleted.
    pub deleted_at: Time,
}

/// Which homes are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HomeListQuery {
    /// Only those of this person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Only those of workspaces of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
