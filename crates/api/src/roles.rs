//! Roles and grants.

use bailey_core::authz::{Action, Reach};
use bailey_core::{GrantId, RoleId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::schema::{ActionSchema, ReachSchema};
use crate::{Named, Time};

/// An action, and on whose things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// The action.
    #[schema(value_type = ActionSchema)]
    pub action: String,
    /// Whose things it reaches: one's own, those of the people in one's groups, or everyone's.
    #[schema(value_type = ReachSchema)]
    pub reach: Reach,
}

impl Permission {
    /// An action with its reach.
    pub fn new(action: Action, reach: Reach) -> Self {
        Self {
            action: action.as_str().to_owned(),
            reach,
        }
    }
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RoleRecord)]
pub struct Role {
    /// Its id.
    #[schema(value_type = String)]
    pub id: RoleId,
    /// Its unique name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether it came with Bailey: such a role cannot be changed.
    pub built_in: bool,
    /// What it includes.
    pub permissions: Vec<Permission>,
    /// When it was made; absent = it is built in.
    pub created_at: Option<Time>,
    /// Who made it.
    pub created_by: Option<Named>,
}

/// A new role.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleCreate {
    /// Its unique name: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit. It never changes.
    #[schema(example = "team-lead")]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it includes; at most what its maker has.
    pub permissions: Vec<Permission>,
}

/// A change of a role.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleUpdate {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it includes from now on, for everyone who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
}

/// Who makes a grant and takes it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantSource {
    /// People.
    Manual,
    /// An identity provider, at each sign-in.
    Provider,
}

/// A role that a person, or everyone in a group, has besides the role of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// Its id.
    #[schema(value_type = String)]
    pub id: GrantId,
    /// The role's name.
    pub role: String,
    /// Who has it, where it is a person.
    pub person: Option<Named>,
    /// Who has it, where it is a group.
    pub group: Option<Named>,
    /// Who makes it and takes it away.
    pub source: GrantSource,
    /// The name of the identity provider, where it is one.
    pub provider: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// Who made it; absent = Bailey itself.
    pub created_by: Option<Named>,
}

/// A new grant: to a person or to a group.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantCreate {
    /// The role's name.
    #[schema(example = "team-lead")]
    pub role: String,
    /// The person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The group, by id or name. What reaches `group` reaches the people of this group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// Which grants are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GrantListQuery {
    /// Only those of this person, by id or name, without those of their groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Only those of this group, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Only those of the role of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
