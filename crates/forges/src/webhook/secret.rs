//! What a forge and Bailey both know.

use bailey_core::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::ForgeKind;

/// The shortest secret, in bytes.
const SHORTEST: usize = 16;
/// The longest secret, in bytes.
const LONGEST: usize = 512;
/// The shortest key in a signing token, in bytes: the least that Standard Webhooks allows.
const SHORTEST_KEY: usize = 24;
/// What a signing token begins with.
const SIGNING_PREFIX: &str = "whsec_";

/// A webhook's secret, good enough to verify with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSecret(pub(super) Key);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// A text: GitLab sends it along (`X-Gitlab-Token`), the others sign with it.
    Shared(Secret<String>),
    /// GitLab's signing token (Standard Webhooks): the key's bytes.
    Signing(Secret<Vec<u8>>),
}

/// A secret is not good enough to verify with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is empty or short.
    #[error("a webhook's secret has at least {SHORTEST} bytes and at most {LONGEST}; let Bailey make it")]
    Length,
    /// It has characters that a header cannot carry unchanged.
    #[error("a webhook's secret is of visible ASCII characters, without spaces at its ends")]
    Characters,
    /// It is no signing token.
    #[error("a signing token is `{SIGNING_PREFIX}` and the base64 of {SHORTEST_KEY} to 64 bytes")]
    Signing,
    /// Only GitLab has signing tokens.
    #[error("{0} has no signing tokens; use a secret")]
    NotGitLab(ForgeKind),
    /// There is none, or there are too many.
    #[error("a webhook has one to four secrets at a time, all of the same kind")]
    Number,
}

impl HookSecret {
    /// A secret as a text.
    ///
    /// # Errors
    /// Where it is empty, short, long or cannot stand in a header.
    pub fn shared(text: String) -> Result<Self, SecretError> {
        if !(SHORTEST..=LONGEST).contains(&text.len()) {
            return Err(SecretError::Length);
        }
        if text.trim() != text || !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(SecretError::Characters);
        }
        Ok(Self(Key::Shared(Secret::new(text))))
    }

    /// A signing token, as GitLab takes it.
    ///
    /// # Errors
    /// Where it is not `whsec_` and the base64 of enough bytes.
    pub fn signing(token: &str) -> Result<Self, SecretError> {
        let encoded = token.strip_prefix(SIGNING_PREFIX).ok_or(SecretError::Signing)?;
        let key = STANDARD.decode(encoded).map_err(|_| SecretError::Signing)?;
        if (SHORTEST_KEY..=64).contains(&key.len()) {
            Ok(Self(Key::Signing(Secret::new(key))))
        } else {
            Err(SecretError::Signing)
        }
    }

    /// A new signing token of random bytes, which the caller gets from the operating system. Its text is good as a shared secret too.
    pub fn signing_token(random: [u8; 32]) -> Secret<String> {
        Secret::new(format!("{SIGNING_PREFIX}{}", STANDARD.encode(random)))
    }
}
