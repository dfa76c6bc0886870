//! Users and tokens.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Call, READ, WRITE, number};
use crate::auth;
use crate::clock;
use crate::error::ApiError;
use crate::model::User;
use crate::present::Present;
use crate::reply::json as reply;
use crate::secret;

/// What a token may be for.
const SCOPES: [&str; 6] = [
    "api",
    "read_api",
    "read_user",
    "read_repository",
    "write_repository",
    "openid",
];

pub(super) fn route(call: &Call<'_>, method: &Method, parts: &[&str]) -> Answer {
    let caller = call.caller.as_ref().ok_or(ApiError::Unauthorized)?;
    match (method, parts) {
        (&Method::GET, ["version"]) => {
            caller.allowed(READ)?;
            Ok(reply(
                StatusCode::OK,
                &json!({ "version": "18.0.0-demo", "revision": "demo" }),
            ))
        }
        (&Method::GET, ["user"]) => {
            caller.allowed(&["api", "read_api", "read_user"])?;
            let user = caller.user;
            Ok(call.show(StatusCode::OK, |present| {
                present
                    .state
                    .user(user)
                    .map_or(Value::Null, |user| present.account(user))
            }))
        }
        (&Method::GET, ["users"]) => {
            caller.allowed(&["api", "read_api", "read_user"])?;
            let found = call.shared.store.read(|state| {
                let present = call.present(state);
                let named = |user: &&User| {
                    let is = |name: &str| {
                        call.params
                            .text(name)
                            .is_none_or(|wanted| user.username.eq_ignore_ascii_case(&wanted))
                    };
                    let contains = |text: String| user.username.contains(&text) || user.name.contains(&text);
                    is("username") && call.params.text("search").is_none_or(contains)
                };
                state
                    .users
                    .iter()
                    .filter(named)
                    .map(|user| told(&present, user, caller.user))
                    .collect::<Vec<_>>()
            });
            call.page(found)
        }
        (&Method::GET, ["users", id]) => {
            caller.allowed(&["api", "read_api", "read_user"])?;
            let (id, asks) = (number(id)?, caller.user);
            let found = call
                .shared
                .store
                .read(|state| state.user(id).map(|user| told(&call.present(state), user, asks)));
            Ok(reply(StatusCode::OK, &found.ok_or(ApiError::NotFound("User"))?))
        }
        (&Method::GET, ["personal_access_tokens", "self"]) => token_self(call, caller.token),
        (&Method::DELETE, ["personal_access_tokens", "self"]) => token_revoke(call, caller.token),
        (&Method::POST, ["users", id, "personal_access_tokens"]) => {
            caller.allowed(WRITE)?;
            token_create(call, caller.user, number(id)?)
        }
        _ => Err(ApiError::NoRoute),
    }
}

/// Identities are told to administrators and to oneself.
fn told(present: &Present<'_>, user: &User, asks: i64) -> Value {
    let admin = present.state.user(asks).is_some_and(|asks| asks.admin);
    if admin || asks == user.id {
        present.account(user)
    } else {
        present.of_user(user)
    }
}

fn token_self(call: &Call<'_>, token: Option<i64>) -> Answer {
    // A token of OAuth is none of these, and GitLab says that it is not there.
    let id = token.ok_or(ApiError::NotFound("Token"))?;
    let found = call
        .shared
        .store
        .read(|state| state.tokens.iter().find(|token| token.id == id).map(Present::token));
    Ok(reply(StatusCode::OK, &found.ok_or(ApiError::NotFound("Token"))?))
}

fn token_revoke(call: &Call<'_>, token: Option<i64>) -> Answer {
    let id = token.ok_or(ApiError::NotFound("Token"))?;
    call.change(|state| {
        if let Some(token) = state.tokens.iter_mut().find(|token| token.id == id) {
            token.revoked = true;
        }
        Ok(((), Vec::new()))
    })?;
    Ok(crate::reply::reply(StatusCode::NO_CONTENT, "application/json", ""))
}

/// Makes a token for a user; administrators may. The secret is in this answer and nowhere else.
fn token_create(call: &Call<'_>, asks: i64, user: i64) -> Answer {
    let name = call.params.needed("name")?;
    let scopes = call
        .params
        .list("scopes")
        .filter(|scopes| !scopes.is_empty())
        .ok_or(ApiError::Missing("scopes"))?;
    let scopes = checked_scopes(scopes)?;
    let expires = match call.params.text("expires_at") {
        Some(day) => Some(clock::parse(&format!("{day}T00:00:00Z")).ok_or(ApiError::Invalid("expires_at"))?),
        None => None,
    };
    let secret = secret::new("glpat-")?;
    let token = call.change(|state| {
        if !state.user(asks).is_some_and(|user| user.admin) {
            return Err(ApiError::Forbidden);
        }
        if state.user(user).is_none() {
            return Err(ApiError::NotFound("User"));
        }
        Ok((
            auth::new_token(state, user, &name, &scopes, expires, &secret),
            Vec::new(),
        ))
    })?;
    let mut told = Present::token(&token);
    if let Some(fields) = told.as_object_mut() {
        fields.insert("token".to_owned(), json!(secret));
    }
    Ok(reply(StatusCode::CREATED, &told))
}

pub(crate) fn checked_scopes(scopes: Vec<String>) -> Result<Vec<String>, ApiError> {
    if scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) {
        Ok(scopes)
    } else {
        Err(ApiError::Invalid("scopes"))
    }
}
