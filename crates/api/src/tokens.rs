//! API tokens.

use std::fmt;

use bailey_core::TokenId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::schema::TokenScopeSchema;
use crate::{Lifetime, Time};

/// An API token. Its secret is never shown again after it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id, safe to show.
    #[schema(value_type = String)]
    pub id: TokenId,
    /// What the token itself begins with, to recognise it by.
    #[schema(example = "bly_0123456789abcdef")]
    pub prefix: String,
    /// The name its maker gave it.
    pub name: String,
    /// The id of the person whose authority it carries.
    pub person: String,
    /// What it may be used for, at most; `*` = all that the person may do.
    #[schema(value_type = Vec<TokenScopeSchema>)]
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it stops working; absent = when it is revoked.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
}

/// A token together with its secret, which is shown this once, and not by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenWithSecret {
    /// The whole token, to be sent as `Authorization: Bearer`. It is not kept; nobody can show it again.
    pub token: String,
    /// What is known of it.
    #[serde(flatten)]
    pub record: Token,
}

impl fmt::Debug for TokenWithSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenWithSecret")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// A new token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenCreate {
    /// A name: 1 to 128 characters.
    #[schema(example = "backup script")]
    pub name: String,
    /// Whose authority it carries, by id or name; your own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// What it may be used for, at most: within what the token that asks may be used for, and the same if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<TokenScopeSchema>>)]
    pub scopes: Option<Vec<String>>,
    /// How long it works; `90d` if neither this nor `expires_at` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Lifetime>,
    /// When it stops working. Not together with `expires_in`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// Puts another token in the place of one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRotate {
    /// How long the new token works; `7d` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Lifetime>,
    /// How long the old one goes on working, at most `7d`; `1d` if absent. It never lives longer than it would have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Lifetime>,
}

/// Which tokens are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TokenListQuery {
    /// Only those of this person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
