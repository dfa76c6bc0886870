//! How a command line gets a token through a browser: the person allows it on a page of Bailey's own, and a one-time code goes
//! back to the command line, which alone knows the secret that the code is bound to (PKCE, RFC 7636, S256).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bailey_core::{PersonId, Secret, SessionId};
use bailey_runtime::ids::{self, RandomError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How long a code is good.
pub const LIFETIME: Duration = Duration::from_mins(2);
/// Codes of one person that may wait at once; the oldest goes first.
const PER_PERSON: usize = 8;

/// A new secret of 256 random bits, as text that an address can carry.
pub fn secret() -> Result<Secret<String>, RandomError> {
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(ids::random::<32>()?)))
}

/// What a verifier is known by before it is shown.
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Whether this can be a challenge.
pub(crate) fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Who allowed it.
    pub(crate) person: PersonId,
    /// In which session; it must still be good.
    pub(crate) session: SessionId,
    /// What the token is to be called.
    pub(crate) name: String,
    pub(crate) challenge: String,
}

/// Codes that wait, by the hash of their text: the text itself is nowhere.
#[derive(Default)]
pub(crate) struct LoginCodes(Mutex<HashMap<[u8; 32], (Instant, Allowed)>>);

impl LoginCodes {
    /// A new code.
    pub(crate) fn issue(&self, allowed: Allowed) -> Result<Secret<String>, RandomError> {
        let text = secret()?;
        let mut waiting = self.table();
        waiting.retain(|_, (at, _)| at.elapsed() < LIFETIME);
        let own = || waiting.iter().filter(|(_, (_, a))| a.person == allowed.person);
        if own().count() >= PER_PERSON
            && let Some(oldest) = own().min_by_key(|(_, (at, _))| *at).map(|(hash, _)| *hash)
        {
            waiting.remove(&oldest);
        }
        waiting.insert(hash(text.expose()), (Instant::now(), allowed));
        Ok(text)
    }

    /// Uses a code up, whether the verifier is the right one or not.
    pub(crate) fn take(&self, code: &str, verifier: &str) -> Option<Allowed> {
        let (at, allowed) = self.table().remove(&hash(code))?;
        let right: bool = challenge(verifier)
            .as_bytes()
            .ct_eq(allowed.challenge.as_bytes())
            .into();
        (right && at.elapsed() < LIFETIME).then_some(allowed)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<[u8; 32], (Instant, Allowed)>> {
        // Nothing that can panic happens under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn allowed(person: u128, verifier: &str) -> Allowed {
        Allowed {
            person: PersonId::from_uuid(Uuid::from_u128(person)),
            session: SessionId::from_uuid(Uuid::from_u128(1)),
            name: "laptop".to_owned(),
            challenge: challenge(verifier),
        }
    }

    #[test]
    fn the_vector_of_the_rfc() {
        // RFC 7636, appendix B.
        let challenge = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_challenge(&challenge) && !is_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw"));
    }

    #[test]
    fn a_code_is_good_once_and_for_whoever_has_the_secret() {
        let codes = LoginCodes::default();
        let code = codes.issue(allowed(1, "right")).unwrap();
        assert_eq!(codes.take(code.expose(), "right"), Some(allowed(1, "right")));
        assert_eq!(codes.take(code.expose(), "right"), None);
        let code = codes.issue(allowed(1, "right")).unwrap();
        assert_eq!(codes.take(code.expose(), "wrong"), None);
        assert_eq!(codes.take(code.expose(), "right"), None, "one try is all there is");
        let first = codes.issue(allowed(1, "a")).unwrap();
        let other = codes.issue(allowed(2, "a")).unwrap();
        for _ in 0..PER_PERSON {
            codes.issue(allowed(1, "a")).unwrap();
        }
        assert_eq!(codes.take(first.expose(), "a"), None);
        assert!(codes.take(other.expose(), "a").is_some());
    }
}
