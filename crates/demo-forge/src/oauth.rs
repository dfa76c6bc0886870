//! The authorization server of OAuth 2 (RFC 6749, 7636, 7009), as far as clients of GitLab need it. Who signs in is chosen and not proven:
//! this is a demonstration, on one machine. What is proven is the client, by its secret and its registered addresses.

mod authorize;
mod tokens;

use http::Method;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::auth::{basic, bearer};
use crate::clock;
use crate::dispatch::Received;
use crate::error::ApiError;
use crate::model::{Application, State};
use crate::params::Params;
use crate::reply::{Reply, json as reply};
use crate::server::Shared;

/// An error as RFC 6749 has it: its code, and a text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OauthError(&'static str, &'static str);

const INVALID_CLIENT: OauthError = OauthError(
    "invalid_client",
    "Client authentication failed due to unknown client or wrong secret.",
);
const INVALID_GRANT: OauthError = OauthError(
    "invalid_grant",
    "The provided authorization grant is invalid, expired, revoked, or was issued to another client or address.",
);
const INVALID_REQUEST: OauthError = OauthError("invalid_request", "A parameter is missing or malformed.");

impl OauthError {
    fn reply(self) -> Reply {
        let status = if self == INVALID_CLIENT {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::BAD_REQUEST
        };
        reply(status, &json!({ "error": self.0, "error_description": self.1 }))
    }
}

/// Answers a request below `/oauth`.
pub(crate) fn route(shared: &Shared, received: &Received, rest: &[&str]) -> Result<Reply, ApiError> {
    match (&received.method, rest) {
        (&Method::GET, ["authorize"]) => Ok(authorize::ask(shared, &received.params)),
        (&Method::POST, ["authorize"]) => authorize::decide(shared, received),
        (&Method::POST, ["token"]) => tokens::issue(shared, received),
        (&Method::POST, ["revoke"]) => tokens::revoke(shared, received),
        (&Method::GET, ["token", "info"]) => info(shared, &received.headers),
        (_, ["authorize" | "token" | "revoke"] | ["token", "info"]) => Err(ApiError::Method),
        _ => Err(ApiError::NoRoute),
    }
}

/// The client that a request comes from, by its id and secret in the body or as Basic.
fn client<'s>(state: &'s State, headers: &HeaderMap, params: &Params) -> Option<&'s Application> {
    let from_header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(basic);
    let (id, secret) = match from_header {
        Some((id, secret)) => (decoded(&id), decoded(&secret)),
        None => (params.text("client_id")?, params.text("client_secret")?),
    };
    let application = state
        .applications
        .iter()
        .find(|application| application.client_id == id)?;
    application.secret.is(&secret).then_some(application)
}

/// Credentials of clients are encoded as forms are before they are put into Basic (RFC 6749, 2.3.1).
fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8_lossy()
        .into_owned()
}

/// What an access token is good for.
fn info(shared: &Shared, headers: &HeaderMap) -> Result<Reply, ApiError> {
    let secret = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(bearer);
    let secret = secret.ok_or(ApiError::Unauthorized)?;
    let now = clock::now();
    let told = shared.store.read(|state| {
        let mut grants = state.grants.iter().filter(|grant| !grant.revoked && grant.access_expires_at > now);
        let grant = grants.find(|grant| grant.access.as_ref().is_some_and(|access| access.is(secret)))?;
        let application = state.applications.iter().find(|application| application.id == grant.application)?;
        let left = (grant.access_expires_at - now) / 1_000;
        Some(json!({
            "resource_owner_id": grant.user, "scope": grant.scopes, "scopes": grant.scopes, "expires_in": left, "expires_in_seconds": left,
            "application": { "uid": application.client_id }, "created_at": grant.created_at / 1_000,
        }))
    });
    Ok(reply(StatusCode::OK, &told.ok_or(ApiError::Unauthorized)?))
}
