//! Whether a delivery is the forge's: told from its raw bytes and headers alone, in constant time.

use std::fmt;

use bailey_core::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::secret::Key;
use super::sign::hex;
use super::{HookSecret, LONGEST_BODY, SecretError, Verified, word};
use crate::model::ForgeKind;

/// How far a delivery's time may be from ours, in seconds.
const WINDOW: i64 = 300;
/// Secrets at a time: the one in use, and those it is just being changed from.
const MOST_SECRETS: usize = 4;
/// Signatures in one header that are tried.
const MOST_SIGNATURES: usize = 16;
/// The longest delivery id.
const LONGEST_ID: usize = 128;

/// Verifies deliveries of one webhook.
#[derive(Clone)]
pub struct Verifier {
    kind: ForgeKind,
    secrets: Vec<HookSecret>,
}

/// A delivery is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The body is too long.
    #[error("the delivery is longer than {LONGEST_BODY} bytes")]
    TooLong,
    /// A header is not there, or there is more than one of it.
    #[error(
        "the delivery has no header `{0}`, or more than one; set the webhook's secret at the forge, or register it anew from Bailey"
    )]
    Header(&'static str),
    /// The time of the delivery is far from ours.
    #[error("the delivery's time is {0} seconds away from Bailey's; set the clocks of both")]
    Time(i64),
    /// The signature or token is another.
    #[error("the delivery's signature or token is not that of this webhook; register it anew from Bailey")]
    Signature,
}

impl Verifier {
    /// A verifier with a webhook's secrets; while a secret is changed there are two.
    ///
    /// # Errors
    /// Where there is none, or one that does not fit the forge. Secrets that are empty or short cannot be made in the first place.
    pub fn new(kind: ForgeKind, secrets: Vec<HookSecret>) -> Result<Self, SecretError> {
        let signing = |secret: &HookSecret| matches!(secret.0, Key::Signing(_));
        let (all, any) = (secrets.iter().all(signing), secrets.iter().any(signing));
        if !(1..=MOST_SECRETS).contains(&secrets.len()) || all != any {
            return Err(SecretError::Number);
        }
        if any && kind != ForgeKind::GitLab {
            return Err(SecretError::NotGitLab(kind));
        }
        Ok(Self { kind, secrets })
    }

    /// Verifies a delivery that came at `now`.
    ///
    /// # Errors
    /// Where it is not the forge's, or cannot be shown to be. Why is for the log; the sender learns only that it was refused.
    pub fn verify<'a>(&self, headers: &HeaderMap, body: &'a [u8], now: Timestamp) -> Result<Verified<'a>, VerifyError> {
        if body.len() > LONGEST_BODY {
            return Err(VerifyError::TooLong);
        }
        // Every secret is tried, whichever fits, so that the time tells nothing.
        let mut good = false;
        for secret in &self.secrets {
            good |= self.fits(secret, headers, body, now)?;
        }
        if !good {
            return Err(VerifyError::Signature);
        }
        let digest = hex(&Sha256::digest(body));
        Ok(Verified {
            kind: self.kind,
            body,
            event: self.event_name(headers),
            delivery: self.delivery(headers).unwrap_or_else(|| format!("sha256-{digest}")),
            digest,
        })
    }

    fn fits(&self, secret: &HookSecret, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<bool, VerifyError> {
        match (&secret.0, self.kind) {
            (Key::Signing(key), _) => standard(key.expose(), headers, body, now),
            (Key::Shared(text), ForgeKind::GitLab) => {
                let token = one(headers, "x-gitlab-token")?;
                // Digests have one length, so that the comparison does not tell the secret's.
                let (ours, theirs) = (Sha256::digest(text.expose()), Sha256::digest(token));
                Ok(ours.as_slice().ct_eq(theirs.as_slice()).into())
            }
            (Key::Shared(text), ForgeKind::GitHub) => {
                let signature = one(headers, "x-hub-signature-256")?;
                let signature = signature.strip_prefix(b"sha256=").ok_or(VerifyError::Signature)?;
                hexadecimal(text.expose().as_bytes(), signature, body)
            }
            (Key::Shared(text), ForgeKind::Gitea | ForgeKind::Forgejo) => {
                // Forgejo sends both; its own name for it came later.
                let own = one(headers, "x-forgejo-signature");
                let own = if self.kind == ForgeKind::Forgejo {
                    own.ok()
                } else {
                    None
                };
                let signature = own.map_or_else(|| one(headers, "x-gitea-signature"), Ok)?;
                hexadecimal(text.expose().as_bytes(), signature, body)
            }
        }
    }

    fn event_name(&self, headers: &HeaderMap) -> String {
        let names: &[&'static str] = match self.kind {
            ForgeKind::GitLab => &["x-gitlab-event"],
            ForgeKind::GitHub => &["x-github-event"],
            ForgeKind::Gitea => &["x-gitea-event-type", "x-gitea-event"],
            ForgeKind::Forgejo => &[
                "x-forgejo-event-type",
                "x-gitea-event-type",
                "x-forgejo-event",
                "x-gitea-event",
            ],
        };
        let found = names.iter().find_map(|name| one(headers, name).ok());
        found.map_or_else(String::new, |name| word(&String::from_utf8_lossy(name)))
    }

    fn delivery(&self, headers: &HeaderMap) -> Option<String> {
        let names: &[&'static str] = match self.kind {
            // GitLab's own event id is shared by webhooks that one event set off, and says nothing of repeats.
            ForgeKind::GitLab if self.signs() => &["webhook-id"],
            ForgeKind::GitLab => &["idempotency-key", "webhook-id"],
            ForgeKind::GitHub => &["x-github-delivery"],
            ForgeKind::Gitea => &["x-gitea-delivery"],
            ForgeKind::Forgejo => &["x-forgejo-delivery", "x-gitea-delivery"],
        };
        let id = names.iter().find_map(|name| one(headers, name).ok())?;
        let sound = (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
        sound.then(|| String::from_utf8_lossy(id).into_owned())
    }

    fn signs(&self) -> bool {
        self.secrets
            .first()
            .is_some_and(|secret| matches!(secret.0, Key::Signing(_)))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("kind", &self.kind)
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

/// Standard Webhooks: `v1,<base64>` for each key that the sender has, over `id.timestamp.body`.
fn standard(key: &[u8], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<bool, VerifyError> {
    let id = text(headers, "webhook-id")?;
    let timestamp = text(headers, "webhook-timestamp")?;
    let signatures = text(headers, "webhook-signature")?;
    let sent: i64 = timestamp
        .parse()
        .map_err(|_| VerifyError::Header("webhook-timestamp"))?;
    let away = now.seconds().saturating_sub(sent);
    if away.saturating_abs() > WINDOW {
        return Err(VerifyError::Time(away));
    }
    let bytes = signed_bytes(id, timestamp, body);
    let mut good = false;
    for signature in signatures.split(' ').take(MOST_SIGNATURES) {
        let encoded = signature.strip_prefix("v1,").map(|encoded| STANDARD.decode(encoded));
        if let Some(Ok(signature)) = encoded {
            good |= is_mac(key, &signature, &bytes);
        }
    }
    Ok(good)
}

/// What Standard Webhooks signs.
pub(super) fn signed_bytes(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

/// HMAC-SHA256 with a key of any length.
pub(super) fn keyed(key: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::<Sha256>::new_from_slice(key).ok()
}

fn is_mac(key: &[u8], signature: &[u8], bytes: &[u8]) -> bool {
    keyed(key).is_some_and(|mac| mac.chain_update(bytes).verify_slice(signature).is_ok())
}

fn hexadecimal(key: &[u8], signature: &[u8], body: &[u8]) -> Result<bool, VerifyError> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Option<Vec<u8>> = signature.iter().map(digit).collect();
    let digits = digits
        .filter(|digits| digits.len() == 64)
        .ok_or(VerifyError::Signature)?;
    let pairs = digits.chunks_exact(2).filter_map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    Ok(is_mac(key, &pairs.collect::<Vec<u8>>(), body))
}

/// The value of a header that is there once and not empty.
fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a [u8], VerifyError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value.as_bytes()),
        _ => Err(VerifyError::Header(name)),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, VerifyError> {
    std::str::from_utf8(one(headers, name)?).map_err(|_| VerifyError::Header(name))
}
