//! `[sign_in]`: how people sign in, and for how long.

use std::time::Duration;

use serde::Serialize;

use super::identity_providers::{IdentityProviderConfig, identity_providers};
use super::reader::{Section, boolean, duration};
use super::unit::as_duration;

/// `[sign_in]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignInConfig {
    /// Whether people can sign in with a password of Bailey's own.
    pub passwords: bool,
    /// Whether strangers whom an identity provider vouches for become people, where that provider's own `sign_up` allows it.
    pub sign_up: bool,
    /// The longest that a session lasts.
    #[serde(serialize_with = "as_duration")]
    pub session_lifetime: Duration,
    /// For how long a session may lie unused.
    #[serde(serialize_with = "as_duration")]
    pub session_idle: Duration,
    /// Identity providers, in the order written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<IdentityProviderConfig>,
}

/// What is shorter would end sessions between two clicks.
const LEAST: Duration = Duration::from_mins(1);

pub(super) fn sign_in(s: &mut Section<'_>) -> SignInConfig {
    let config = SignInConfig {
        passwords: s.or("passwords", true, boolean),
        sign_up: s.or("sign_up", true, boolean),
        session_lifetime: s.or("session_lifetime", Duration::from_hours(8), duration),
        session_idle: s.or("session_idle", Duration::from_mins(30), duration),
        providers: identity_providers(s),
    };
    for (key, value) in [
        ("session_lifetime", config.session_lifetime),
        ("session_idle", config.session_idle),
    ] {
        if value < LEAST {
            s.note(key, "must be at least 1m");
        }
    }
    config
}
