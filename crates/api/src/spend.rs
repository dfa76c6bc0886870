//! What was spent, summed.

use bailey_core::{KeyId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::requests::{Format, Tokens};
use crate::{Amount, Moment, Named, Time};

/// The sums of one group of requests. Of the fields that name the group, those that were asked for are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpendRow {
    /// The day, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-20")]
    pub day: Option<String>,
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Named>,
    /// The person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Named>,
    /// The charged group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Named>,
    /// The id of the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The model asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The provider that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// How many requests.
    pub requests: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// What they are charged; overrun is not in it.
    pub cost: Amount,
    /// What providers billed beyond what was asked of them.
    pub overrun: Amount,
}

/// What was spent in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Spend {
    /// The first instant that counts; absent = from the beginning. Sums are kept by day, so it is a midnight UTC.
    pub since: Option<Time>,
    /// The first instant that does not count; absent = up to now.
    pub until: Option<Time>,
    /// By what the rows are grouped.
    pub group_by: Vec<Dimension>,
    /// The groups, most expensive first; by day, oldest first.
    pub rows: Vec<SpendRow>,
    /// Whether there are more groups than fit into one answer (10,000). They are in the total.
    pub truncated: bool,
    /// All groups together.
    pub total: SpendTotal,
}

/// The sums of all groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpendTotal {
    /// How many requests.
    pub requests: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// What they are charged; overrun is not in it.
    pub cost: Amount,
    /// What providers billed beyond what was asked of them.
    pub overrun: Amount,
}

/// What spend can be grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The key.
    Key,
    /// The person.
    Person,
    /// The charged group.
    Group,
    /// The workspace.
    Workspace,
    /// The model asked for.
    Model,
    /// The provider that answered.
    Provider,
    /// The day, UTC.
    Day,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 7] = [
        Self::Key,
        Self::Person,
        Self::Group,
        Self::Workspace,
        Self::Model,
        Self::Provider,
        Self::Day,
    ];

    /// The name used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Person => "person",
            Self::Group => "group",
            Self::Workspace => "workspace",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Day => "day",
        }
    }

    /// The dimension of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == name)
    }
}

/// Which spend is asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SpendQuery {
    /// From the day that this lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub since: Option<Moment>,
    /// Up to this, the day it lies in included unless it is its first instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub until: Option<Moment>,
    /// By what to group: one or more of `key`, `person`, `group`, `workspace`, `model`, `provider`, `day`, with commas
    /// between them. All in one row if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(example = "person,day")]
    pub group_by: Option<String>,
    /// Only that of this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub key: Option<KeyId>,
    /// Only that of this person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Only that charged to this group, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Only that of this workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub workspace: Option<WorkspaceId>,
    /// Only that of this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Only that of this provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The form of the answer; `json` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub format: Option<Format>,
}
