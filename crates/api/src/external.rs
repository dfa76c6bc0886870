//! Accounts at forges that people link.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// A forge that one can link an account of, or has linked one of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExternalAccount {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The name to show.
    pub display_name: String,
    /// `gitlab` or `github`; `null` where the provider is not configured any more.
    pub kind: Option<String>,
    /// Where the forge is.
    pub base_url: String,
    /// The account; `null` = none is linked.
    pub account: Option<LinkedAccount>,
}

/// An account at a forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkedAccount {
    /// The forge's own id of it.
    pub id: String,
    /// What one is called there.
    pub login: String,
    /// The name that the forge shows.
    pub display_name: String,
    /// The address there, as the forge reports it.
    pub email: Option<String>,
    /// What the forge gave leave for.
    pub scopes: Vec<String>,
    /// When it was linked.
    pub linked_at: Time,
    /// When a token of it was last handed out.
    pub last_used_at: Option<Time>,
    /// Whether the forge takes its tokens no more, or it belongs to another forge than the provider does now: link it again.
    pub link_again: bool,
}

/// Begins to link an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalLink {
    /// The path that the browser is sent to in the end; `/profile` unless it is given. What stands against the link is told there
    /// as `?error=CODE`.
    #[serde(default)]
    pub back: Option<String>,
}

/// Where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExternalLinkBegun {
    /// The address at the forge that the browser goes to. It is good for this browser alone, for ten minutes.
    pub url: String,
}
