//! Passwords: argon2id, a few at a time and beside the threads that answer requests.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use bailey_core::Secret;
use bailey_runtime::ids::{self, RandomError};
use tokio::sync::Semaphore;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// What is compared where there is no password: it takes as long, and fits none.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The longest wait for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Others are being hashed, and it takes too long.
    #[error("too many passwords are being checked at this moment")]
    Busy,
    /// There were no random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A bug, or no memory.
    #[error("a password cannot be hashed: {0}")]
    Failed(String),
}

/// Hashes and compares passwords.
pub(crate) struct Hashing(Arc<Semaphore>);

impl Hashing {
    /// As many at once as half of the machine's processors.
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self(Arc::new(Semaphore::new(processors.div_ceil(2))))
    }

    /// The hash of a password, in PHC form.
    pub(crate) async fn hash(&self, password: Secret<String>) -> Result<String, HashError> {
        let salt: [u8; 16] = ids::random()?;
        self.run(move || {
            let hash = argon2()?.hash_password_with_salt(password.expose().as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| failed(&error))
        })
        .await
    }

    /// Whether a password is that of a hash. Without a hash it is not, and that takes as long.
    pub(crate) async fn verify(&self, password: Secret<String>, hash: Option<String>) -> Result<bool, HashError> {
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(NOBODY);
            let matched = argon2()?.verify_password(password.expose().as_bytes(), hash);
            match matched {
                Ok(()) => Ok(known),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(failed(&error)),
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(HashError::Busy);
        };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        done.await.map_err(|error| failed(&error))?
    }
}

fn argon2() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| failed(&error))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(error: &impl ToString) -> HashError {
    HashError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        block(async {
            let hashing = Hashing::new();
            let secret = |text: &str| Secret::new(text.to_owned());
            let hash = hashing.hash(secret("correct horse")).await.unwrap();
            assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
            assert_ne!(
                hash,
                hashing.hash(secret("correct horse")).await.unwrap(),
                "each has a salt of its own"
            );
            assert!(
                hashing
                    .verify(secret("correct horse"), Some(hash.clone()))
                    .await
                    .unwrap()
            );
            assert!(!hashing.verify(secret("correct horse "), Some(hash)).await.unwrap());
            assert!(!hashing.verify(secret(""), None).await.unwrap());
            assert!(!hashing.verify(secret("x"), None).await.unwrap());
            assert!(hashing.verify(secret("x"), Some("nonsense".into())).await.is_err());
        });
    }
}
