//! People.

use bailey_core::PersonId;
use bailey_core::authz::Role;
use bailey_core::people::PersonStatus;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::schema::{PersonStatusSchema, RoleSchema};
use crate::{Named, Patch, Time};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Their id.
    #[schema(value_type = String)]
    pub id: PersonId,
    /// Their unique login name.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// Their address, where known.
    pub email: Option<String>,
    /// What they may do.
    #[schema(value_type = RoleSchema)]
    pub role: Role,
    /// Whether they may use Bailey.
    #[schema(value_type = PersonStatusSchema)]
    pub status: PersonStatus,
    /// The id of the one group that their spend is charged to.
    pub charged_group: Option<String>,
    /// When the record was made.
    pub created_at: Time,
}

/// A person with their groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserDetail {
    /// The person.
    #[serde(flatten)]
    pub user: User,
    /// The groups they are in.
    pub groups: Vec<Named>,
}

/// A new person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserCreate {
    /// Their unique login name: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
    #[schema(example = "ada")]
    pub name: String,
    /// The name to show; the login name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Their address. Never used to link identities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What they may do; `member` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RoleSchema>)]
    pub role: Option<Role>,
}

/// A change of a person.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserUpdate {
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Their address; `null` removes it.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub email: Patch<String>,
    /// What they may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RoleSchema>)]
    pub role: Option<Role>,
    /// Whether they may use Bailey. A suspended person's tokens and keys are refused and their open streams end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PersonStatusSchema>)]
    pub status: Option<PersonStatus>,
    /// The group their spend is charged to, by id or name; one of theirs. `null` for none.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub charged_group: Patch<String>,
}

/// Which people are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserListQuery {
    /// Only those of this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, value_type = Option<PersonStatusSchema>)]
    pub status: Option<PersonStatus>,
    /// Only the members of this group, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Only those whose login name, name to show or address has this in it, in small letters or large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
