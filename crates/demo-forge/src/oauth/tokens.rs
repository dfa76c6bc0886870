//! Codes are changed into tokens, tokens into new ones, and all of them taken back.

use http::StatusCode;
use serde_json::{Value, json};

use super::{INVALID_CLIENT, INVALID_GRANT, INVALID_REQUEST, OauthError, client};
use crate::clock;
use crate::dispatch::Received;
use crate::error::ApiError;
use crate::model::{OauthGrant, State};
use crate::params::Params;
use crate::reply::{Reply, json as reply};
use crate::secret::{self, Hashed};
use crate::server::Shared;

/// Used refresh tokens of one grant that are remembered.
const REMEMBERED: usize = 64;

/// Two new secrets: for access, and to refresh it.
struct Fresh {
    access: String,
    refresh: String,
    life: i64,
}

/// Gives tokens for a code or for a refresh token.
pub(super) fn issue(shared: &Shared, received: &Received) -> Result<Reply, ApiError> {
    let fresh = Fresh {
        access: secret::new("")?,
        refresh: secret::new("")?,
        life: i64::try_from(shared.token_life.as_millis()).unwrap_or(i64::MAX / 2),
    };
    // Also a refusal can change something: a code or token that is shown twice takes everything back that came of it.
    let answer: Result<Value, OauthError> = shared.store.change(|state| {
        let Some(application) = client(state, &received.headers, &received.params).map(|client| client.id) else {
            return Ok(Err(INVALID_CLIENT));
        };
        let given = match received.params.text("grant_type").as_deref() {
            Some("authorization_code") => by_code(state, application, &received.params, &fresh),
            Some("refresh_token") => by_refresh(state, application, &received.params, &fresh),
            _ => Err(OauthError("unsupported_grant_type", "The grant type is not supported.")),
        };
        Ok::<_, ApiError>(given)
    })?;
    Ok(answer.map_or_else(OauthError::reply, |told| reply(StatusCode::OK, &told)))
}

fn by_code(state: &mut State, application: i64, params: &Params, fresh: &Fresh) -> Result<Value, OauthError> {
    let code = params.text("code").ok_or(INVALID_REQUEST)?;
    let mut grants = state.grants.iter_mut().filter(|grant| grant.application == application);
    let grant = grants.find(|grant| grant.code.is(&code)).ok_or(INVALID_GRANT)?;
    if grant.code_used {
        grant.revoked = true;
        return Err(INVALID_GRANT);
    }
    // One attempt: whoever has the code and not the rest does not get to try again.
    grant.code_used = true;
    let returns = params
        .text("redirect_uri")
        .is_some_and(|uri| secret::same(&uri, &grant.redirect_uri));
    let verifier = params.text("code_verifier");
    let proven = match (&grant.challenge, verifier) {
        (Some(challenge), Some(verifier)) => {
            (43..=128).contains(&verifier.len()) && secret::same(&secret::challenge(&verifier), challenge)
        }
        (None, None) => true,
        _ => false,
    };
    if !returns || !proven || grant.revoked || grant.code_expires_at <= clock::now() {
        grant.revoked = true;
        return Err(INVALID_GRANT);
    }
    Ok(give(grant, fresh))
}

fn by_refresh(state: &mut State, application: i64, params: &Params, fresh: &Fresh) -> Result<Value, OauthError> {
    let token = params.text("refresh_token").ok_or(INVALID_REQUEST)?;
    let mut grants = state
        .grants
        .iter_mut()
        .filter(|grant| grant.application == application && !grant.revoked);
    let known = |grant: &&mut OauthGrant| {
        grant.refresh.as_ref().is_some_and(|refresh| refresh.is(&token))
            || grant.spent.iter().any(|spent| spent.is(&token))
    };
    let grant = grants.find(known).ok_or(INVALID_GRANT)?;
    match grant.refresh.take().filter(|refresh| refresh.is(&token)) {
        Some(used) => {
            grant.spent.push(used);
            if grant.spent.len() > REMEMBERED {
                grant.spent.remove(0);
            }
            Ok(give(grant, fresh))
        }
        None => {
            grant.revoked = true;
            Err(INVALID_GRANT)
        }
    }
}

fn give(grant: &mut OauthGrant, fresh: &Fresh) -> Value {
    let now = clock::now();
    grant.access = Some(Hashed::of(&fresh.access));
    grant.access_expires_at = now.saturating_add(fresh.life);
    grant.refresh = Some(Hashed::of(&fresh.refresh));
    json!({
        "access_token": fresh.access, "token_type": "Bearer", "expires_in": fresh.life / 1_000, "refresh_token": fresh.refresh,
        "scope": grant.scopes.join(" "), "created_at": now / 1_000,
    })
}

/// Takes back a grant by one of its tokens. A token that is not known is as good as taken back.
pub(super) fn revoke(shared: &Shared, received: &Received) -> Result<Reply, ApiError> {
    let token = received.params.needed("token")?;
    let known: Result<(), OauthError> = shared.store.change(|state| {
        let Some(application) = client(state, &received.headers, &received.params).map(|client| client.id) else {
            return Ok(Err(INVALID_CLIENT));
        };
        for grant in state.grants.iter_mut().filter(|grant| grant.application == application) {
            let is = |hash: &Option<Hashed>| hash.as_ref().is_some_and(|hash| hash.is(&token));
            if is(&grant.access) || is(&grant.refresh) {
                grant.revoked = true;
            }
        }
        Ok::<_, ApiError>(Ok(()))
    })?;
    Ok(known.map_or_else(OauthError::reply, |()| reply(StatusCode::OK, &json!({}))))
}
