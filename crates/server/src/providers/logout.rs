//! Logout tokens: with one a provider says that a session of its own is over (`OpenID` Connect Back-Channel Logout 1.0).

use bailey_core::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyUse, JwsSigningAlgorithm};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::ProviderError;
use super::claims::{self, Claims};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What a provider says is over: one of the two is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogoutToken {
    /// Everything of this subject.
    pub(crate) subject: Option<String>,
    /// The session of the provider's.
    pub(crate) sid: Option<String>,
    /// What the token is known by once it is used.
    pub(crate) spent: [u8; 32],
    /// When it could be tried no more.
    pub(crate) ends: Timestamp,
}

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::Invalid(text.into())
}

/// Whether one of these keys signed a token; `false` = none of them is the one that it names.
pub(super) fn signed(
    token: &str,
    header: &Claims,
    keys: &CoreJsonWebKeySet,
    allowed: &[CoreJwsSigningAlgorithm],
) -> Result<bool, ProviderError> {
    // Some providers leave it out, or write what every token may have.
    let kind = claims::text(header, "typ").unwrap_or("JWT").to_ascii_lowercase();
    if !matches!(kind.trim_start_matches("application/"), "logout+jwt" | "jwt") {
        return Err(invalid(format!("it is a token of the type {kind:?}")));
    }
    if header.contains_key("crit") {
        return Err(invalid("it has critical parameters (`crit`)"));
    }
    let alg = header.get("alg").cloned().unwrap_or_default();
    let alg = serde_json::from_value::<CoreJwsSigningAlgorithm>(alg).ok();
    let alg = alg.filter(|alg| allowed.contains(alg) && !alg.uses_shared_secret());
    let alg = alg.ok_or_else(|| invalid("its algorithm is none that this provider may sign with"))?;
    let (input, signature) = token.rsplit_once('.').ok_or_else(|| invalid("it is not signed"))?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| invalid("its signature is no base64url"))?;
    let key_id = claims::text(header, "kid");
    let fits = |key: &&CoreJsonWebKey| {
        let named = key_id.is_none() || key.key_id().map(|id| id.as_str()) == key_id;
        let signs = key.key_use().is_none_or(JsonWebKeyUse::allows_signature);
        let of_alg = match key.signing_alg() {
            JsonWebKeyAlgorithm::Algorithm(only) => *only == alg,
            JsonWebKeyAlgorithm::Unspecified => true,
            JsonWebKeyAlgorithm::Unsupported => false,
        };
        named && signs && of_alg && alg.key_type().as_ref() == Some(key.key_type())
    };
    let mut candidates = keys.keys().iter().filter(fits).peekable();
    if candidates.peek().is_none() {
        return Ok(false);
    }
    if candidates.any(|key| key.verify_signature(&alg, input.as_bytes(), &signature).is_ok()) {
        return Ok(true);
    }
    Err(invalid("its signature is wrong"))
}

/// What the claims of a signed token say, if it is a logout token for this client.
pub(super) fn read(
    claims: &Claims,
    issuer: &str,
    client: &str,
    now: Timestamp,
    skew: i64,
) -> Result<LogoutToken, ProviderError> {
    if claims::text(claims, "iss") != Some(issuer) {
        return Err(invalid("it comes from another issuer"));
    }
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => one == client,
        Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(client)),
        _ => false,
    };
    if !audience {
        return Err(invalid("it is meant for another client"));
    }
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(invalid("it does not say that it is about signing out (`events`)"));
    }
    if claims.contains_key("nonce") {
        return Err(invalid("it has a nonce, as ID tokens do"));
    }
    let at = claims::seconds(claims, "iat")?.ok_or_else(|| invalid("`iat` is missing"))?;
    if at > now.seconds().saturating_add(skew) {
        return Err(invalid("it was issued in the future"));
    }
    // Older providers leave `exp` out.
    let ends = claims::seconds(claims, "exp")?.unwrap_or_else(|| at.saturating_add(120));
    if ends <= now.seconds() {
        return Err(invalid("it is too old"));
    }
    let id = claims::text(claims, "jti").ok_or_else(|| invalid("`jti` is missing"))?;
    let subject = match claims.get("sub") {
        None => None,
        Some(_) => Some(claims::subject(claims)?.to_owned()),
    };
    let sid = claims::text(claims, "sid").map(str::to_owned);
    if subject.is_none() && sid.is_none() {
        return Err(invalid("it names neither a subject nor a session"));
    }
    Ok(LogoutToken {
        subject,
        sid,
        spent: Sha256::digest(format!("logout:{issuer}\n{id}")).into(),
        ends: Timestamp::from_seconds(ends),
    })
}
