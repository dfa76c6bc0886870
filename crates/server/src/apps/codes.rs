//! One-time codes: how a browser comes to an app's session without a token in an address.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bailey_core::{PersonId, Secret, SessionId, TokenId, WorkspaceId};
use bailey_runtime::ids::{self, RandomError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How long a code is good.
pub(crate) const LIFETIME: Duration = Duration::from_mins(1);
/// Codes of one person that may wait at once; the oldest goes first.
const PER_PERSON: usize = 16;

/// Who may open which app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Who.
    pub(crate) person: PersonId,
    /// The API token that asked; the session ends with it.
    pub(crate) token: Option<TokenId>,
    /// The session that asked; the app's ends with it.
    pub(crate) session: Option<SessionId>,
    /// The workspace.
    pub(crate) workspace: WorkspaceId,
    /// The app's name.
    pub(crate) app: String,
}

/// Codes that wait, by the hash of their text: the text itself is nowhere.
#[derive(Default)]
pub(crate) struct Codes(Mutex<HashMap<[u8; 32], (Instant, Grant)>>);

impl Codes {
    /// A new code of 256 random bits.
    pub(crate) fn issue(&self, grant: Grant) -> Result<Secret<String>, RandomError> {
        let text = URL_SAFE_NO_PAD.encode(ids::random::<32>()?);
        let mut waiting = self.table();
        waiting.retain(|_, (at, _)| at.elapsed() < LIFETIME);
        let own = || waiting.iter().filter(|(_, (_, g))| g.person == grant.person);
        if own().count() >= PER_PERSON
            && let Some(oldest) = own().min_by_key(|(_, (at, _))| *at).map(|(hash, _)| *hash)
        {
            waiting.remove(&oldest);
        }
        waiting.insert(hash(&text), (Instant::now(), grant));
        Ok(Secret::new(text))
    }

    /// Uses a code up, for whichever app it was.
    pub(crate) fn take(&self, text: &str) -> Option<Grant> {
        let (at, grant) = self.table().remove(&hash(text))?;
        (at.elapsed() < LIFETIME).then_some(grant)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<[u8; 32], (Instant, Grant)>> {
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

    fn grant(person: u128) -> Grant {
        Grant {
            person: PersonId::from_uuid(Uuid::from_u128(person)),
            token: None,
            session: None,
            workspace: WorkspaceId::from_uuid(Uuid::from_u128(1)),
            app: "ide".to_owned(),
        }
    }

    #[test]
    fn a_code_is_good_once() {
        let codes = Codes::default();
        let code = codes.issue(grant(1)).unwrap();
        assert_eq!(code.expose().len(), 43);
        assert_eq!(codes.take("x"), None);
        assert_eq!(codes.take(code.expose()), Some(grant(1)));
        assert_eq!(codes.take(code.expose()), None);
    }

    #[test]
    fn one_persons_codes_are_few_and_leave_anothers_alone() {
        let codes = Codes::default();
        let other = codes.issue(grant(2)).unwrap();
        let own: Vec<_> = (0..=PER_PERSON).map(|_| codes.issue(grant(1)).unwrap()).collect();
        assert_eq!(codes.take(own[0].expose()), None);
        assert_eq!(codes.take(own[PER_PERSON].expose()), Some(grant(1)));
        assert_eq!(codes.take(other.expose()), Some(grant(2)));
    }
}
