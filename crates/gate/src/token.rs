//! Bearer secrets: API tokens, virtual keys, sessions and one-time links.
//!
//! A token is a prefix, a public id by which its record is found, and a secret of 256 random bits, all of fixed length:
//! `bly_<16 hex>_<64 hex>` for API tokens, `sk-bly-<16 hex>-<64 hex>` for keys,
//! `bla_<16 hex>_<64 hex>` for workspace agents, `bls_...` for sessions of browsers, `bli_...` for one-time links. Only the SHA-256 of the whole text is
//! stored, so a copy of the database authenticates nothing.

use bailey_core::authz::TokenScopes;
use bailey_core::people::ApiToken;
use bailey_core::{PersonId, Secret, Timestamp, TokenId};
use bailey_runtime::ids::{self, NewId as _};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bailey's own API.
    ApiToken,
    /// The model door.
    Key,
    /// The link of one workspace's agent.
    Agent,
    /// A session in a browser.
    Session,
    /// A one-time link: an invitation, or leave to claim a person.
    Invitation,
}

const PUBLIC_LEN: usize = 16;
const SECRET_LEN: usize = 64;

impl Kind {
    const fn shape(self) -> (&'static str, u8) {
        match self {
            Self::ApiToken => ("bly_", b'_'),
            Self::Key => ("sk-bly-", b'-'),
            Self::Agent => ("bla_", b'_'),
            Self::Session => ("bls_", b'_'),
            Self::Invitation => ("bli_", b'_'),
        }
    }
}

/// A new token. `text` is shown once and never stored.
#[derive(Debug)]
pub struct Minted {
    /// By which the record is found.
    pub public_id: String,
    /// The whole token.
    pub text: Secret<String>,
    /// What is stored.
    pub hash: [u8; 32],
}

/// Makes a token of 256 random bits.
pub fn mint(kind: Kind) -> Result<Minted, ids::RandomError> {
    let (prefix, separator) = kind.shape();
    let public_id = hex(&ids::random::<{ PUBLIC_LEN / 2 }>()?);
    let secret = hex(&ids::random::<{ SECRET_LEN / 2 }>()?);
    let text = format!("{prefix}{public_id}{}{secret}", char::from(separator));
    let hash = hash(&text);
    Ok(Minted {
        public_id,
        text: Secret::new(text),
        hash,
    })
}

/// Makes an API token that is good from `now` to `expires_at`, or without end: what is stored of it, and its text, which is shown
/// once.
pub fn api_token(
    now: Timestamp,
    name: String,
    person: PersonId,
    scopes: TokenScopes,
    expires_at: Option<Timestamp>,
) -> Result<(ApiToken, Secret<String>), ids::RandomError> {
    let minted = mint(Kind::ApiToken)?;
    let record = ApiToken {
        id: TokenId::new_at(now),
        public_id: minted.public_id,
        hash: minted.hash,
        name,
        person,
        scopes,
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    Ok((record, minted.text))
}

/// A presented token, split and hashed; nothing is known yet of whether it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// By which the record is found.
    pub public_id: &'a str,
    /// The hash of what was presented.
    pub hash: [u8; 32],
}

/// Splits a presented token. `None` for anything that is not exactly of the kind's form, every shorter or longer text
/// included.
pub fn parse(kind: Kind, text: &str) -> Option<Parsed<'_>> {
    let (prefix, separator) = kind.shape();
    let rest = text.strip_prefix(prefix)?;
    let (public_id, rest) = rest.split_at_checked(PUBLIC_LEN)?;
    let secret = rest.strip_prefix(char::from(separator))?;
    let lower_hex = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (secret.len() == SECRET_LEN && lower_hex(public_id) && lower_hex(secret)).then(|| Parsed {
        public_id,
        hash: hash(text),
    })
}

/// Compares hashes in constant time.
pub fn matches(stored: &[u8; 32], presented: &[u8; 32]) -> bool {
    stored.ct_eq(presented).into()
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_parses_as_its_own_kind_only() {
        let key = mint(Kind::Key).unwrap();
        let parsed = parse(Kind::Key, key.text.expose()).unwrap();
        assert_eq!(parsed.public_id, key.public_id);
        assert!(matches(&key.hash, &parsed.hash));
        assert_eq!(parse(Kind::ApiToken, key.text.expose()), None);
    }

    #[test]
    fn every_proper_prefix_and_every_extension_is_rejected() {
        let token = mint(Kind::ApiToken).unwrap();
        let text = token.text.expose();
        for end in 0..text.len() {
            assert_eq!(parse(Kind::ApiToken, &text[..end]), None, "{end}");
        }
        assert_eq!(parse(Kind::ApiToken, &format!("{text}0")), None);
        assert_eq!(parse(Kind::ApiToken, &text.to_uppercase()), None);
    }

    #[test]
    fn a_stored_hash_is_no_password() {
        let token = mint(Kind::ApiToken).unwrap();
        let text = format!("bly_{}_{}", token.public_id, hex(&token.hash));
        assert!(!matches(&token.hash, &parse(Kind::ApiToken, &text).unwrap().hash));
    }
}
