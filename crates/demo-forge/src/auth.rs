//! Who asks, by which token, and what the token may do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::clock;
use crate::error::ApiError;
use crate::model::{State, Token};
use crate::secret::Hashed;

/// Somebody who has shown a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user: i64,
    pub(crate) scopes: Vec<String>,
    /// The personal access token's id; `None` with a token of OAuth.
    pub(crate) token: Option<i64>,
}

impl Caller {
    pub(crate) fn has(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| self.scopes.iter().any(|has| has == scope))
    }

    /// Whether the token may do this.
    pub(crate) fn allowed(&self, scopes: &'static [&'static str]) -> Result<(), ApiError> {
        if self.has(scopes) {
            return Ok(());
        }
        Err(ApiError::Scope(scopes.first().copied().unwrap_or("api")))
    }
}

/// The caller of the API: `None` for one without a token.
pub(crate) fn of_api(state: &State, headers: &HeaderMap) -> Result<Option<Caller>, ApiError> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let secret = match (text("private-token"), text(AUTHORIZATION.as_str())) {
        (Some(secret), _) => secret,
        (None, Some(authorization)) => bearer(authorization).ok_or(ApiError::Unauthorized)?,
        (None, None) => return Ok(None),
    };
    of_secret(state, secret).map(Some).ok_or(ApiError::Unauthorized)
}

/// The secret of `Authorization: Bearer`.
pub(crate) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, secret) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// Whose token a secret is, if it is a good one.
pub(crate) fn of_secret(state: &State, secret: &str) -> Option<Caller> {
    let now = clock::now();
    let live = |token: &&Token| !token.revoked && token.expires_at.is_none_or(|end| end > now);
    let token = state.tokens.iter().filter(live).find(|token| token.hash.is(secret));
    let of_token = token.map(|token| Caller {
        user: token.user,
        scopes: token.scopes.clone(),
        token: Some(token.id),
    });
    let caller = of_token.or_else(|| {
        let mut grants = state
            .grants
            .iter()
            .filter(|grant| !grant.revoked && grant.access_expires_at > now);
        let grant = grants.find(|grant| grant.access.as_ref().is_some_and(|access| access.is(secret)))?;
        Some(Caller {
            user: grant.user,
            scopes: grant.scopes.clone(),
            token: None,
        })
    });
    caller.filter(|caller| state.user(caller.user).is_some_and(|user| user.active))
}

/// User name and password of `Authorization: Basic`.
pub fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The caller of git: their own name with a personal access token, or `oauth2` with either kind of token.
pub(crate) fn of_git(state: &State, headers: &HeaderMap) -> Result<Option<Caller>, ApiError> {
    let Some(authorization) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let (name, password) = authorization
        .to_str()
        .ok()
        .and_then(basic)
        .ok_or(ApiError::Unauthorized)?;
    let caller = of_secret(state, &password).ok_or(ApiError::Unauthorized)?;
    let own = state
        .user(caller.user)
        .is_some_and(|user| user.username.eq_ignore_ascii_case(&name));
    if name == "oauth2" || (own && caller.token.is_some()) {
        Ok(Some(caller))
    } else {
        Err(ApiError::Unauthorized)
    }
}

/// The hash of a new token, its secret going to whoever asked for it.
pub(crate) fn new_token(
    state: &mut State,
    user: i64,
    name: &str,
    scopes: &[String],
    expires_at: Option<i64>,
    secret: &str,
) -> Token {
    let token = Token {
        id: state.new_id(),
        user,
        name: name.to_owned(),
        hash: Hashed::of(secret),
        scopes: scopes.to_vec(),
        expires_at,
        revoked: false,
        created_at: clock::now(),
    };
    state.tokens.push(token.clone());
    token
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_credential_of_git_is_read() {
        let encoded = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(
            basic(&encoded("dan:gl:pat")),
            Some(("dan".to_owned(), "gl:pat".to_owned()))
        );
        for bad in ["Basic", "Basic ?", "Bearer eDp5", &encoded("nocolon")] {
            assert_eq!(basic(bad), None, "{bad}");
        }
        assert_eq!(bearer("bearer x"), Some("x"));
        assert_eq!(bearer("Basic x"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _ = (basic(&text), basic(&format!("Basic {text}")), bearer(&text));
        }
    }
}
