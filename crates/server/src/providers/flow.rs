//! What a browser keeps while somebody is at a provider: all that is needed to judge the answer, encrypted, for ten minutes.
//! The server keeps nothing until the answer comes.

use bailey_core::{Secret, SessionId, Timestamp};
use bailey_runtime::ids::RandomError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ProviderError;
use crate::identity::{self, Vault, VaultError};
use crate::login;

/// The cookie's name. The prefix keeps other hosts from setting it, and takes `Secure`.
const COOKIE_NAME: &str = "__Host-bailey-flow";
/// How long somebody may be at a provider, in seconds.
pub(crate) const LIFETIME: i64 = 600;
/// To whom what is encrypted belongs.
const OWNER: &[u8] = b"flow";

/// What begins a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlowStart {
    /// The provider's name.
    pub(crate) provider: String,
    /// The path that the browser is sent to in the end.
    pub(crate) back: String,
    /// The session whose person the identity is to be linked to; `None` = somebody signs in.
    pub(crate) link: Option<SessionId>,
}

/// Somebody on the way to a provider and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flow {
    provider: String,
    /// The path that the browser is sent to in the end.
    pub(crate) back: String,
    link: Option<String>,
    begun: i64,
    state: String,
    nonce: String,
    verifier: String,
}

impl Flow {
    /// A new one.
    pub(crate) fn begin(start: FlowStart, now: Timestamp) -> Result<Self, RandomError> {
        let secret = || login::secret().map(|secret| secret.expose().clone());
        Ok(Self {
            provider: start.provider,
            back: start.back,
            link: start.link.map(|id| id.to_string()),
            begun: now.seconds(),
            state: secret()?,
            nonce: secret()?,
            verifier: secret()?,
        })
    }

    /// What the provider hands back untouched.
    pub(super) fn state(&self) -> &str {
        &self.state
    }

    /// What the provider's token must repeat.
    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    /// What the code is bound to (PKCE).
    pub(super) fn verifier(&self) -> Secret<String> {
        Secret::new(self.verifier.clone())
    }

    /// The session whose person the identity is to be linked to.
    pub(crate) fn link(&self) -> Option<SessionId> {
        self.link.as_deref().and_then(|id| id.parse().ok())
    }

    /// Whether the identity is to be linked to somebody.
    pub(crate) const fn links(&self) -> bool {
        self.link.is_some()
    }

    /// What this flow is known by once it is used.
    pub(crate) fn spent(&self) -> [u8; 32] {
        Sha256::digest(format!("state:{}", self.state)).into()
    }

    /// When an answer comes too late.
    pub(crate) const fn ends(&self) -> Timestamp {
        Timestamp::from_seconds(self.begun.saturating_add(LIFETIME))
    }

    /// A header that has the browser keep it.
    pub(crate) fn cookie(&self, vault: &Vault) -> Result<HeaderValue, VaultError> {
        let text = serde_json::to_vec(self).map_err(|_| VaultError::Seal)?;
        let sealed = URL_SAFE_NO_PAD.encode(vault.seal(OWNER, &text)?);
        let text = format!("{COOKIE_NAME}={sealed}; Path=/; Max-Age={LIFETIME}; Secure; HttpOnly; SameSite=Lax");
        let mut value = HeaderValue::try_from(text).map_err(|_| VaultError::Seal)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// A header that takes it from the browser.
    pub(crate) const fn cleared() -> HeaderValue {
        HeaderValue::from_static("__Host-bailey-flow=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
    }

    /// What the browser kept, if it is whole and ours.
    pub(crate) fn of(headers: &HeaderMap, vault: &Vault) -> Option<Self> {
        let text = identity::only(headers, COOKIE_NAME)?;
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice(&vault.open(OWNER, &sealed).ok()?).ok()
    }

    /// Whether an answer at `provider` with `state` belongs to it.
    pub(crate) fn check(&self, provider: &str, state: Option<&str>, now: Timestamp) -> Result<(), ProviderError> {
        if self.provider != provider {
            return Err(ProviderError::Stale("another provider was asked"));
        }
        let state = state.unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(self.state.as_bytes())) {
            return Err(ProviderError::Stale("the state is another one"));
        }
        let age = now.seconds().saturating_sub(self.begun);
        if !(-LIFETIME..LIFETIME).contains(&age) {
            return Err(ProviderError::Stale("it was begun too long ago"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bailey_runtime::ids;
    use http::header::COOKIE;

    use super::*;
    use crate::identity::{MasterKey, Purpose};

    #[test]
    fn a_browser_keeps_it_and_cannot_change_it() {
        let vault = |purpose| Vault::new(&MasterKey::new(Secret::new([3; 32])), purpose);
        let start = FlowStart {
            provider: "acme".to_owned(),
            back: "/workspaces?a=b".to_owned(),
            link: Some(SessionId::from_uuid(uuid::Uuid::from_u128(7))),
        };
        let now = Timestamp::from_seconds(1_000);
        let flow = Flow::begin(start, now).unwrap();
        let cookie = flow.cookie(&vault(Purpose::SignInFlows)).unwrap();
        let text = cookie.to_str().unwrap();
        assert!(text.starts_with("__Host-bailey-flow=") && text.len() < 1_024, "{text}");
        assert!(
            text.ends_with("; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax"),
            "{text}"
        );
        let (pair, _) = text.split_once(';').unwrap();
        let headers = |pair: &str| HeaderMap::from_iter([(COOKIE, pair.parse().unwrap())]);
        assert_eq!(
            Flow::of(&headers(pair), &vault(Purpose::SignInFlows)),
            Some(flow.clone())
        );
        assert_eq!(Flow::of(&headers(pair), &vault(Purpose::ProviderTokens)), None);
        let broken = format!("{}A", &pair[..pair.len() - 1]);
        if broken != pair {
            assert_eq!(Flow::of(&headers(&broken), &vault(Purpose::SignInFlows)), None);
        }
        assert!(flow.check("acme", Some(flow.state()), now).is_ok());
        assert!(
            flow.check("acme", Some(flow.state()), now.plus_seconds(LIFETIME))
                .is_err()
        );
        assert!(flow.check("other", Some(flow.state()), now).is_err());
        assert!(flow.check("acme", None, now).is_err());
        assert_ne!(flow.state(), flow.nonce());
        let _ = ids::random::<1>();
    }
}
