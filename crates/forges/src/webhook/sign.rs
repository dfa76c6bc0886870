//! Signing as forges do: for a forge that is played, in tests and demonstrations.

use bailey_core::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use super::HookSecret;
use super::secret::Key;
use super::verify::signed_bytes;
use crate::model::ForgeKind;

/// The headers with which a forge of this kind proves that a delivery is its own, its id and time among them. A header that cannot be written
/// is left out, and the delivery is then not good.
pub fn sign(kind: ForgeKind, secret: &HookSecret, id: &str, at: Timestamp, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    match (kind, &secret.0) {
        (ForgeKind::GitLab, Key::Shared(text)) => {
            put("x-gitlab-token", text.expose().clone());
            put("idempotency-key", id.to_owned());
        }
        (_, Key::Signing(key)) => {
            let seconds = at.seconds().to_string();
            let mac = mac(key.expose(), &signed_bytes(id, &seconds, body));
            put("webhook-signature", format!("v1,{}", STANDARD.encode(mac)));
            put("webhook-timestamp", seconds);
            put("webhook-id", id.to_owned());
            put("idempotency-key", id.to_owned());
        }
        (ForgeKind::GitHub, Key::Shared(text)) => {
            let mac = mac(text.expose().as_bytes(), body);
            put("x-hub-signature-256", format!("sha256={}", hex(&mac)));
            put("x-github-delivery", id.to_owned());
        }
        (ForgeKind::Gitea, Key::Shared(text)) => {
            put("x-gitea-signature", hex(&mac(text.expose().as_bytes(), body)));
            put("x-gitea-delivery", id.to_owned());
        }
        (ForgeKind::Forgejo, Key::Shared(text)) => {
            put("x-forgejo-signature", hex(&mac(text.expose().as_bytes(), body)));
            put("x-forgejo-delivery", id.to_owned());
        }
    }
    headers
}

fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    super::verify::keyed(key).map_or_else(Vec::new, |mac: Hmac<Sha256>| {
        mac.chain_update(bytes).finalize().into_bytes().to_vec()
    })
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            // Writing to a string does not fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}
