//! What is said to forges: OAuth 2 with PKCE, and one question of their API. GitLab and GitHub differ in little but the addresses.

use bailey_core::Secret;
use bailey_runtime::config::ExternalAuthKind;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use serde::Deserialize;

use super::super::{Answer, Flow, ProviderError};
use super::{Forge, ForgeTokens, ForgeUser, Refreshed};
use crate::login;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
/// The longest name that is kept, in characters.
const LONGEST: usize = 128;
/// The longest token that is kept, in bytes.
const LONGEST_TOKEN: usize = 8 * 1024;
/// What a forge says where a refresh token is good no more.
const ENDED: [&str; 2] = ["invalid_grant", "bad_refresh_token"];

#[derive(Deserialize)]
struct Granted {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
    scope: Option<String>,
    error: Option<String>,
}

/// GitLab's user or GitHub's.
#[derive(Deserialize)]
struct User {
    id: u64,
    #[serde(alias = "username")]
    login: String,
    name: Option<String>,
    email: Option<String>,
    commit_email: Option<String>,
}

impl Forge {
    fn authorize_endpoint(&self) -> String {
        let base = self.config.browser_url.as_ref().unwrap_or(&self.config.base_url);
        match self.config.kind {
            ExternalAuthKind::Gitlab => format!("{base}/oauth/authorize"),
            ExternalAuthKind::Github => format!("{base}/login/oauth/authorize"),
        }
    }

    fn token_endpoint(&self) -> String {
        match self.config.kind {
            ExternalAuthKind::Gitlab => format!("{}/oauth/token", self.config.base_url),
            ExternalAuthKind::Github => format!("{}/login/oauth/access_token", self.config.base_url),
        }
    }

    /// Where a browser is sent to give leave.
    pub(crate) fn authorize_url(&self, flow: &Flow, redirect: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("response_type", "code")
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", flow.state())
            .append_pair("code_challenge", &login::challenge(flow.verifier().expose()))
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("{}?{query}", self.authorize_endpoint())
    }

    /// Swaps the code of an answer for tokens.
    pub(crate) async fn redeem(
        &self,
        answer: &Answer,
        flow: &Flow,
        redirect: &str,
    ) -> Result<ForgeTokens, ProviderError> {
        let verifier = flow.verifier();
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", answer.code()?),
            ("redirect_uri", redirect),
            ("code_verifier", verifier.expose().as_str()),
        ];
        self.token(&parameters).await?.map_err(ProviderError::Refused)
    }

    /// Gets another access token.
    pub(crate) async fn refresh(&self, refresh: &Secret<String>) -> Result<Refreshed, ProviderError> {
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose().as_str()),
        ];
        Ok(match self.token(&parameters).await? {
            Ok(mut tokens) => {
                tokens.refresh = tokens.refresh.or_else(|| Some(refresh.clone()));
                Refreshed::Tokens(tokens)
            }
            Err(said) if ENDED.contains(&said.as_str()) => Refreshed::Ended(said),
            Err(said) => return Err(ProviderError::Refused(said)),
        })
    }

    /// Asks for tokens; the inner error is the forge's own refusal. Nothing of an answer gets into an error but its code: the rest
    /// may be a token.
    async fn token(&self, parameters: &[(&str, &str)]) -> Result<Result<ForgeTokens, String>, ProviderError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.config.client_id)
            .append_pair("client_secret", self.config.client_secret.secret().expose())
            .extend_pairs(parameters)
            .finish();
        let url = self.token_endpoint();
        let request = Request::post(&url).header(ACCEPT, JSON).header(CONTENT_TYPE, FORM);
        let (status, body) = self.ask(request.body(form.into_bytes())).await?;
        // A refusal is 400 or 401 by the standard, and 200 at GitHub.
        if !status.is_success() && !matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) {
            return Err(unavailable(format!("{url} answered with status {}", status.as_u16())));
        }
        let garbage = || ProviderError::Invalid(format!("what {url} says is no answer of a token endpoint"));
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| garbage())?;
        if let Some(error) = granted.error {
            return Ok(Err(error_code(&error)));
        }
        let good = |token: &String| {
            !token.is_empty() && token.len() <= LONGEST_TOKEN && token.bytes().all(|b| b.is_ascii_graphic())
        };
        let access = granted.access_token.filter(|_| status.is_success()).filter(good);
        let scopes = granted.scope.unwrap_or_default();
        Ok(Ok(ForgeTokens {
            access: Secret::new(access.ok_or_else(garbage)?),
            refresh: granted.refresh_token.filter(good).map(Secret::new),
            seconds: granted.expires_in.filter(|seconds| *seconds > 0),
            scopes: scopes
                .split([' ', ','])
                .filter(|scope| !scope.is_empty())
                .map(shown)
                .collect(),
        }))
    }

    /// Whose token it is; `None` = the forge does not take it.
    pub(crate) async fn user(&self, access: &Secret<String>) -> Result<Option<ForgeUser>, ProviderError> {
        let url = format!("{}/user", self.config.api_url);
        let request = Request::get(&url)
            .header(ACCEPT, JSON)
            .header(AUTHORIZATION, format!("Bearer {}", access.expose()));
        let (status, body) = self.ask(request.body(Vec::new())).await?;
        if status == StatusCode::UNAUTHORIZED {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(unavailable(format!("{url} answered with status {}", status.as_u16())));
        }
        let user: User =
            serde_json::from_slice(&body).map_err(|_| ProviderError::Invalid(format!("what {url} says is no user")))?;
        let login = shown(&user.login);
        if login.is_empty() {
            return Err(ProviderError::Invalid(format!("{url} names nobody")));
        }
        let name = user.name.as_deref().map(shown).filter(|name| !name.is_empty());
        let emails = [user.commit_email, user.email].into_iter().flatten();
        Ok(Some(ForgeUser {
            id: user.id.to_string(),
            display_name: name.unwrap_or_else(|| login.clone()),
            login,
            email: emails.map(|email| shown(&email)).find(|email| email.contains('@')),
        }))
    }

    /// Tells the forge that a token is not to be good any more.
    pub(crate) async fn revoke(&self, token: &Secret<String>) -> Result<(), ProviderError> {
        let (id, secret) = (&self.config.client_id, self.config.client_secret.secret());
        let request = match self.config.kind {
            ExternalAuthKind::Gitlab => {
                let form = form_urlencoded::Serializer::new(String::new())
                    .append_pair("client_id", id)
                    .append_pair("client_secret", secret.expose())
                    .append_pair("token", token.expose())
                    .finish();
                Request::post(format!("{}/oauth/revoke", self.config.base_url))
                    .header(ACCEPT, JSON)
                    .header(CONTENT_TYPE, FORM)
                    .body(form.into_bytes())
            }
            ExternalAuthKind::Github => {
                let basic = STANDARD.encode(format!("{id}:{}", secret.expose()));
                let body = serde_json::json!({ "access_token": token.expose() });
                Request::builder()
                    .method(Method::DELETE)
                    .uri(format!("{}/applications/{id}/token", self.config.api_url))
                    .header(ACCEPT, JSON)
                    .header(CONTENT_TYPE, JSON)
                    .header(AUTHORIZATION, format!("Basic {basic}"))
                    .body(body.to_string().into_bytes())
            }
        };
        let (status, _) = self.ask(request).await?;
        match status {
            // Where it knows no such token, that is what was wanted.
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(unavailable(format!("it answered with status {}", status.as_u16()))),
        }
    }

    async fn ask(&self, request: http::Result<Request<Vec<u8>>>) -> Result<(StatusCode, Vec<u8>), ProviderError> {
        let request = request.map_err(|_| unavailable("an address of it is none"))?;
        let answer = self.fetcher.send(request).await.map_err(unavailable)?;
        Ok((answer.status(), answer.into_body()))
    }
}

fn unavailable(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::Unavailable(error.to_string())
}

/// The code of an error, if it looks like one.
fn error_code(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        text.to_owned()
    } else {
        "an error that has no code".to_owned()
    }
}

/// Text of a forge's as it is kept: in one line, and not too long.
fn shown(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_no_code_is_not_repeated() {
        assert_eq!(error_code("invalid_grant"), "invalid_grant");
        for odd in ["", "glpat-secret", "a b", &"x".repeat(65)] {
            assert_eq!(error_code(odd), "an error that has no code", "{odd}");
        }
    }

    #[test]
    fn names_are_one_line() {
        assert_eq!(shown(" Ada\nL\u{1b}[31m "), "AdaL[31m");
        assert_eq!(shown(&"x".repeat(500)).len(), LONGEST);
    }
}
