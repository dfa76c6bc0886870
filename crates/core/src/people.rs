//! People, groups and the organization, as records.

use serde::{Deserialize, Serialize};

use crate::authz::Role;
use crate::workspace::Quota;
use crate::{GroupId, OrgId, PersonId, Timestamp, TokenId};

/// Whether a person may use Bailey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonStatus {
    /// May.
    Active,
    /// May not; tokens and keys are refused.
    Suspended,
    /// Never will again. The record stays, so that what they did can be named.
    Deleted,
}

impl PersonStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Deleted];

    /// The name used in text, JSON and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
        }
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// Their unique login name: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// Their address, where known. Never used to link identities.
    pub email: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Whether they may use Bailey.
    pub status: PersonStatus,
    /// The one group that their spend is charged to.
    pub charged_group: Option<GroupId>,
    /// When the record was made.
    pub created_at: Timestamp,
}

/// A group of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its unique name, of the same form as a person's.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// When the record was made.
    pub created_at: Timestamp,
}

/// What being in a group says of its members' limits. What is not said is as it would be without the group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupLimits {
    /// The models that members may use. Somebody in several groups that say it may use those of each.
    pub models: Option<Vec<String>>,
    /// What each member may have, in the place of what the deployment says.
    pub quota: Quota,
}

/// The organization. There is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// The name to show.
    pub display_name: String,
    /// When the record was made.
    pub created_at: Timestamp,
}

/// An API token's record. The secret itself is never kept; `hash` is its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id, safe to show.
    pub id: TokenId,
    /// The part of the token by which the record is found.
    pub public_id: String,
    /// SHA-256 of the whole token.
    pub hash: [u8; 32],
    /// The name its maker gave it.
    pub name: String,
    /// Whose authority it carries.
    pub person: PersonId,
    /// What it may be used for, at most; see [`crate::authz::TokenScopes`].
    pub scopes: crate::authz::TokenScopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Whether `name` is a well-formed unique name of a person or group.
pub fn valid_name(name: &str) -> bool {
    let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= 64 && name.bytes().next().is_some_and(ok) && name.bytes().all(|b| ok(b) || b".-_".contains(&b))
}
