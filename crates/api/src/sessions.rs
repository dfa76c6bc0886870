//! Sessions in browsers.

use bailey_core::SessionId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Named, Time};

/// A session in a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its id, safe to show.
    #[schema(value_type = String)]
    pub id: SessionId,
    /// Whose it is.
    pub person: Named,
    /// How it began: `password`, `claim`, `invitation`, or `provider:` and a name.
    pub method: String,
    /// The network address that it began at.
    pub address: String,
    /// What the browser said it is.
    pub agent: String,
    /// When it began.
    pub created_at: Time,
    /// When it was last used, give or take a minute.
    pub last_used_at: Time,
    /// When it ends, used or not.
    pub expires_at: Time,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// The session that asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnSession {
    /// Its id.
    #[schema(value_type = String)]
    pub id: SessionId,
    /// When it ends, used or not.
    pub expires_at: Time,
    /// It ends when it lies unused for this many seconds.
    pub idle_seconds: i64,
}

/// Which sessions are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionListQuery {
    /// Only those of this person, by id or name; one's own if absent, `*` = all that one may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
