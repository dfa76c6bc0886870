//! Who asks.

use bailey_core::authz::{Action, Reach};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Named;
use crate::schema::{ReachSchema, TokenScopeSchema};
use crate::sessions::OwnSession;
use crate::users::User;

/// One thing that the asker may do, and on whose things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Allowed {
    /// The action.
    #[schema(example = "keys.read")]
    pub action: String,
    /// Whose things it reaches.
    #[schema(value_type = ReachSchema)]
    pub reach: Reach,
}

impl Allowed {
    /// An action with its reach.
    pub fn new(action: Action, reach: Reach) -> Self {
        Self {
            action: action.as_str().to_owned(),
            reach,
        }
    }
}

/// The asker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The person.
    pub user: User,
    /// Their groups.
    pub groups: Vec<Named>,
    /// The id of the token they came with.
    pub token: Option<String>,
    /// The session they came with, where it was no token.
    pub session: Option<OwnSession>,
    /// Whether they are asked for a code when they sign in.
    pub second_factor: bool,
    /// What the token may be used for, at most.
    #[schema(value_type = Vec<TokenScopeSchema>)]
    pub scopes: Vec<String>,
    /// All that they may do.
    pub allowed: Vec<Allowed>,
}
