//! GitHub: OAuth with PKCE, and its API for who somebody is and which organizations and teams they are in.

use std::collections::BTreeSet;

use bailey_core::Secret;
use bailey_runtime::config::IdentityProviderConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fetch::Fetcher;
use super::{Answer, Flow, ProviderError, Renewed, Tokens, Vouched};
use crate::login;

/// Entries of one page, the most that GitHub gives.
const PAGE: usize = 100;
/// The most pages that are read.
const PAGES: usize = 20;

/// GitHub, or a GitHub Enterprise Server.
pub(super) struct Github {
    base_url: String,
    api_url: String,
    config: IdentityProviderConfig,
    fetcher: Fetcher,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
    error: Option<String>,
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    #[serde(rename = "email")]
    address: String,
    primary: bool,
    verified: bool,
}

#[derive(Deserialize)]
struct Organization {
    login: String,
}

#[derive(Deserialize)]
struct Membership {
    state: String,
    organization: Organization,
}

#[derive(Deserialize)]
struct Team {
    slug: String,
    organization: Organization,
}

impl Github {
    pub(super) fn new(config: &IdentityProviderConfig, base_url: &str, api_url: &str, fetcher: Fetcher) -> Self {
        Self {
            base_url: base_url.to_owned(),
            api_url: api_url.to_owned(),
            config: config.clone(),
            fetcher,
        }
    }

    pub(super) fn authorize_url(&self, flow: &Flow, redirect: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", flow.state())
            .append_pair("code_challenge", &login::challenge(flow.verifier().expose()))
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("{}/login/oauth/authorize?{query}", self.base_url)
    }

    pub(super) async fn vouched(&self, answer: &Answer, flow: &Flow, redirect: &str) -> Result<Vouched, ProviderError> {
        let code = answer.code()?;
        let verifier = flow.verifier();
        let granted = self
            .token(&[
                ("code", code),
                ("redirect_uri", redirect),
                ("code_verifier", verifier.expose()),
            ])
            .await?;
        let granted = granted.map_err(ProviderError::Refused)?;
        let (access, tokens) = granted;
        let user: User = self.get(&format!("{}/user", self.api_url), &access).await?;
        let emails: Vec<Email> = self.list("user/emails", &access).await?;
        let email = emails.into_iter().find(|email| email.primary && email.verified);
        let groups = self.groups(&access).await?;
        Ok(Vouched {
            issuer: self.base_url.clone(),
            subject: user.id.to_string(),
            login: user.login,
            display_name: user.name.filter(|name| !name.trim().is_empty()),
            email: email.map(|email| email.address),
            roles: groups.clone(),
            groups,
            tokens,
        })
    }

    /// The organizations that somebody is an active member of, and their teams as `ORGANIZATION/TEAM`.
    async fn groups(&self, access: &Secret<String>) -> Result<BTreeSet<String>, ProviderError> {
        let memberships: Vec<Membership> = self.list("user/memberships/orgs?state=active", access).await?;
        let active = memberships
            .into_iter()
            .filter(|membership| membership.state == "active");
        let mut groups: BTreeSet<String> = active.map(|membership| membership.organization.login).collect();
        let teams: Vec<Team> = self.list("user/teams", access).await?;
        let teams: Vec<String> = teams
            .into_iter()
            .filter(|team| groups.contains(&team.organization.login))
            .map(|team| format!("{}/{}", team.organization.login, team.slug))
            .collect();
        groups.extend(teams);
        Ok(groups)
    }

    /// Swaps a code or a refresh token for tokens; the inner error is GitHub's own refusal.
    async fn token(
        &self,
        parameters: &[(&str, &str)],
    ) -> Result<Result<(Secret<String>, Tokens), String>, ProviderError> {
        let form = {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("client_id", &self.config.client_id);
            if let Some(secret) = &self.config.client_secret {
                form.append_pair("client_secret", secret.secret().expose());
            }
            form.extend_pairs(parameters).finish()
        };
        let url = format!("{}/login/oauth/access_token", self.base_url);
        let granted: Granted = self.fetcher.form(&url, form).await.map_err(unavailable)?;
        if let Some(error) = granted.error {
            let description = granted.error_description.unwrap_or_default();
            return Ok(Err(format!("{error}: {description}")));
        }
        let access = granted.access_token.filter(|token| !token.is_empty());
        let access = access.ok_or_else(|| ProviderError::Invalid("there is no access token".to_owned()))?;
        let tokens = Tokens {
            refresh: granted.refresh_token.filter(|token| !token.is_empty()).map(Secret::new),
            seconds: granted.expires_in,
            ..Tokens::default()
        };
        Ok(Ok((Secret::new(access), tokens)))
    }

    pub(super) async fn renew(&self, refresh: &Secret<String>) -> Result<Renewed, ProviderError> {
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose().as_str()),
        ];
        Ok(match self.token(&parameters).await? {
            Ok((_, mut tokens)) => {
                tokens.refresh = tokens.refresh.or_else(|| Some(Secret::new(refresh.expose().clone())));
                Renewed::Tokens(tokens)
            }
            Err(said) if said.starts_with("bad_refresh_token") || said.starts_with("invalid_grant") => {
                Renewed::Ended(said)
            }
            Err(said) => return Err(ProviderError::Refused(said)),
        })
    }

    async fn get<T: DeserializeOwned>(&self, url: &str, access: &Secret<String>) -> Result<T, ProviderError> {
        let read = self.fetcher.json(url, Some(access.expose()));
        read.await.map_err(unavailable)
    }

    /// Every entry of a list.
    async fn list<T: DeserializeOwned>(&self, path: &str, access: &Secret<String>) -> Result<Vec<T>, ProviderError> {
        let mut all = Vec::new();
        let joint = if path.contains('?') { '&' } else { '?' };
        for page in 1..=PAGES {
            let url = format!("{}/{path}{joint}per_page={PAGE}&page={page}", self.api_url);
            let part: Vec<T> = self.get(&url, access).await?;
            let last = part.len() < PAGE;
            all.extend(part);
            if last {
                return Ok(all);
            }
        }
        // With some of them left out, a membership could be missed or a group be left.
        Err(ProviderError::Invalid(format!(
            "{path} has more than {} entries",
            PAGE * PAGES
        )))
    }
}

fn unavailable(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::Unavailable(error.to_string())
}
