//! Invitations: one-time links that make people.

use std::fmt;

use bailey_core::InvitationId;
use bailey_core::authz::Role;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::schema::RoleSchema;
use crate::{Lifetime, Named, Time};

/// An invitation that nobody has accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// Its id, safe to show.
    #[schema(value_type = String)]
    pub id: InvitationId,
    /// The login name that the person gets.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// What they may do.
    #[schema(value_type = RoleSchema)]
    pub role: Role,
    /// The groups that they join.
    pub groups: Vec<Named>,
    /// Who invites them.
    pub created_by: Option<Named>,
    /// When it was made.
    pub created_at: Time,
    /// When it stops working.
    pub expires_at: Time,
}

/// An invitation together with its link, which is shown this once, and not by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitationWithLink {
    /// What to send to the person. It is good once, and nobody can show it again.
    pub link: String,
    /// What is known of it.
    #[serde(flatten)]
    pub record: Invitation,
}

impl fmt::Debug for InvitationWithLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationWithLink")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// A new invitation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationCreate {
    /// The login name that the person gets: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
    #[schema(example = "ada")]
    pub name: String,
    /// The name to show; the login name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What they may do; `member` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RoleSchema>)]
    pub role: Option<Role>,
    /// The groups that they join, by id or name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// How long the link works, at most `30d`; `7d` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Lifetime>,
}

/// Which part of the list is asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InvitationListQuery {
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
