//! Who somebody is: passwords, second factors, sessions of browsers, and what keeps guessers slow.

mod cookie;
mod hashing;
mod limits;
mod totp;
mod vault;

use bailey_core::Timestamp;
use bailey_core::identity::Session;
use bailey_egress::Net;
use bailey_runtime::config::SignInConfig;

use crate::login::LoginCodes;
use crate::providers::{External, Providers};
use crate::way::Ways;
pub(crate) use cookie::{COOKIE_NAME, cleared, only, set};
pub use hashing::HashError;
pub(crate) use hashing::Hashing;
pub(crate) use limits::{ADDRESS, CODES, Guess, Limits, NAME, network};
pub(crate) use totp::{RECOVERY_CODES, Totp, is_code, recovery_code, recovery_hash};
pub use vault::MasterKey;
pub use vault::VaultError;
pub(crate) use vault::{Purpose, Vault};

/// How identity is configured.
#[derive(Debug, Clone)]
pub struct IdentityOptions {
    /// `[sign_in]`.
    pub config: SignInConfig,
    /// Where browsers find the server, if it is configured.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub proxies: Vec<Net>,
    /// Who else may say who somebody is.
    pub providers: Providers,
    /// Forges that people link accounts of.
    pub external: External,
    /// What other keys are derived from.
    pub key: MasterKey,
}

/// What identity works with.
pub(crate) struct Identity {
    pub(crate) config: SignInConfig,
    pub(crate) ways: Ways,
    pub(crate) hashing: Hashing,
    pub(crate) limits: Limits,
    pub(crate) logins: LoginCodes,
    pub(crate) vault: Vault,
    pub(crate) providers: Providers,
    pub(crate) external: External,
}

impl Identity {
    pub(crate) fn new(options: IdentityOptions) -> Self {
        Self {
            ways: Ways::new(options.proxies, options.public_url),
            hashing: Hashing::new(),
            limits: Limits::default(),
            logins: LoginCodes::default(),
            vault: Vault::new(&options.key, Purpose::SecondFactors),
            providers: options.providers,
            external: options.external,
            config: options.config,
        }
    }

    /// For how many seconds a session may lie unused.
    pub(crate) fn idle_seconds(&self) -> i64 {
        seconds(self.config.session_idle)
    }

    /// The longest that a session lasts, in seconds.
    pub(crate) fn lifetime_seconds(&self) -> i64 {
        seconds(self.config.session_lifetime)
    }

    /// Whether a session can be used now.
    pub(crate) fn is_good(&self, session: &Session, now: Timestamp) -> bool {
        session.is_good(now, self.idle_seconds())
    }
}

fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
