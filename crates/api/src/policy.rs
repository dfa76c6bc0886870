//! Why something is allowed, or is not.

use bailey_core::authz::Reach;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::schema::ReachSchema;

/// What is to be explained.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// Who, by id or name; whoever asks if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Does what, such as `keys.read`.
    pub action: String,
    /// To what: an id, or `person:NAME`, `group:NAME`, `template:NAME`, `workspace:OWNER/NAME`, `role:NAME`. A person stands
    /// for all that is theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonSource {
    /// Whether the person may use Bailey at all.
    Status,
    /// The role of their own.
    Role,
    /// A role that they were granted.
    Grant,
    /// A role that a group of theirs was granted.
    Group,
    /// What the token that asks may be used for.
    Token,
    /// Whether the action reaches what it is to be done to.
    Resource,
    /// Who may use the template.
    TemplateAccess,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// What.
    pub source: ReasonSource,
    /// What it says.
    pub detail: String,
    /// Whether it speaks for it.
    pub allows: bool,
}

/// A decision with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Whether it is allowed.
    pub allowed: bool,
    /// On whose things the action is allowed; absent = on nobody's.
    #[schema(value_type = Option<ReachSchema>)]
    pub reach: Option<Reach>,
    /// What was looked at, in this order.
    pub reasons: Vec<Reason>,
}
