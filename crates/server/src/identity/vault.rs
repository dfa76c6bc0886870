//! Keys, one for each purpose, and what is encrypted with them.

use bailey_core::Secret;
use bailey_runtime::ids::{self, RandomError};
use hkdf::Hkdf;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;

/// What a key is for. A key of one purpose opens nothing of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Sessions of apps.
    AppSessions,
    /// Tokens of identity providers.
    ProviderTokens,
    /// Tokens of forges.
    ExternalAccounts,
    /// Secrets of authenticators.
    SecondFactors,
    /// Signatures of the audit log's anchors.
    Audit,
    /// What a browser keeps while somebody is at an identity provider.
    SignInFlows,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::AppSessions => b"bailey/v1/app-sessions",
            Self::ProviderTokens => b"bailey/v1/provider-tokens",
            Self::ExternalAccounts => b"bailey/v1/external-accounts",
            Self::SecondFactors => b"bailey/v1/second-factors",
            Self::Audit => b"bailey/v1/audit",
            Self::SignInFlows => b"bailey/v1/sign-in-flows",
        }
    }
}

/// What every other key is derived from (HKDF with SHA-256, RFC 5869). It lies in the data directory, not in the database.
#[derive(Debug, Clone)]
pub struct MasterKey(Secret<[u8; 32]>);

impl MasterKey {
    /// A key of these 32 random bytes.
    pub const fn new(bytes: Secret<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The key for a purpose.
    pub(crate) fn derive(&self, purpose: Purpose) -> Secret<[u8; 32]> {
        let mut key = [0; 32];
        // 32 bytes is one block of the hash: far below the limit, so that this cannot fail.
        let _ = Hkdf::<Sha256>::new(None, self.0.expose()).expand(purpose.label(), &mut key);
        Secret::new(key)
    }
}

/// Something cannot be encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There were no random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The key is not fit for it.
    #[error("a secret cannot be encrypted")]
    Seal,
    /// It was changed, belongs to something else, or was encrypted with another key.
    #[error(
        "a stored secret cannot be decrypted: is the file `secret-key` in the data directory the one it was made with?"
    )]
    Open,
}

const VERSION: u8 = 1;
const NONCE: usize = 12;

/// Encrypts for one purpose (ChaCha20-Poly1305). What is encrypted is bound to whom it belongs to.
pub(crate) struct Vault(Secret<[u8; 32]>);

impl Vault {
    pub(crate) fn new(key: &MasterKey, purpose: Purpose) -> Self {
        Self(key.derive(purpose))
    }

    fn key(&self) -> Option<LessSafeKey> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, self.0.expose()).ok()?;
        Some(LessSafeKey::new(key))
    }

    /// Encrypts `secret` for `owner`.
    pub(crate) fn seal(&self, owner: &[u8], secret: &[u8]) -> Result<Vec<u8>, VaultError> {
        let key = self.key().ok_or(VaultError::Seal)?;
        // Random ones are far enough apart for the few secrets that people have.
        let nonce: [u8; NONCE] = ids::random()?;
        let mut text = secret.to_vec();
        let sealed = key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner), &mut text);
        sealed.map_err(|_| VaultError::Seal)?;
        let mut sealed = Vec::with_capacity(1 + NONCE + text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Decrypts what was encrypted for `owner`.
    pub(crate) fn open(&self, owner: &[u8], sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let Some((&VERSION, rest)) = sealed.split_first() else {
            return Err(VaultError::Open);
        };
        let (nonce, text) = rest.split_first_chunk::<NONCE>().ok_or(VaultError::Open)?;
        let key = self.key().ok_or(VaultError::Open)?;
        let mut text = text.to_vec();
        let plain = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(owner), &mut text);
        plain.map(|plain| plain.to_vec()).map_err(|_| VaultError::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey::new(Secret::new([byte; 32]))
    }

    #[test]
    fn only_the_same_key_purpose_and_owner_open_it() {
        let vault = Vault::new(&master(1), Purpose::SecondFactors);
        let sealed = vault.seal(b"ada", b"secret").unwrap();
        assert_eq!(vault.open(b"ada", &sealed).unwrap(), b"secret");
        assert!(vault.open(b"bob", &sealed).is_err());
        assert!(
            Vault::new(&master(2), Purpose::SecondFactors)
                .open(b"ada", &sealed)
                .is_err()
        );
        assert!(
            Vault::new(&master(1), Purpose::AppSessions)
                .open(b"ada", &sealed)
                .is_err()
        );
        assert_ne!(sealed, vault.seal(b"ada", b"secret").unwrap());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open(b"ada", &changed).is_err(), "byte {at}");
            assert!(vault.open(b"ada", &sealed[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn keys_of_two_purposes_differ() {
        let key = |purpose| *master(1).derive(purpose).expose();
        assert_ne!(key(Purpose::AppSessions), key(Purpose::SecondFactors));
        assert_eq!(key(Purpose::AppSessions), key(Purpose::AppSessions));
    }
}
