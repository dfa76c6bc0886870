//! Identity providers: who else may say who somebody is. Here they are asked; what follows from their answers is decided by
//! [`crate::app`].

mod claims;
mod external;
mod fetch;
mod flow;
mod github;
mod logout;
mod metadata;
mod oidc;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bailey_api::Code;
use bailey_core::authz::Role;
use bailey_core::identity::rank;
use bailey_core::{Secret, Timestamp};
use bailey_runtime::config::{IdentityProviderConfig, IdentityProviderKind, SignInConfig};
use bailey_runtime::http::{ClientError, Hosts};

use crate::identity::{MasterKey, Purpose, Vault};
pub use external::External;
pub(crate) use external::{Forge, Refreshed};
use fetch::Fetcher;
pub(crate) use flow::{Flow, FlowStart};
use github::Github;
pub(crate) use logout::LogoutToken;
use oidc::Oidc;

/// Why somebody did not get in by way of a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProviderError {
    /// Nothing of that name is configured.
    #[error("no provider of this name is configured")]
    Unknown,
    /// It does not answer, or not as a provider does.
    #[error("the provider cannot be used: {0}")]
    Unavailable(String),
    /// It says no.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// What it says cannot be relied on.
    #[error("the provider's answer does not hold: {0}")]
    Invalid(String),
    /// The answer belongs to nothing that this browser began.
    #[error("the answer belongs to nothing that this browser began: {0}")]
    Stale(&'static str),
    /// They are in none of the places that are let in.
    #[error("they are not let in: {0}")]
    NotAllowed(String),
    /// Their address would have to be confirmed.
    #[error("the provider has not confirmed their e-mail address")]
    EmailNotVerified,
}

impl ProviderError {
    /// The code that a browser is told.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::Unknown => Code::ProviderUnknown,
            Self::Unavailable(_) => Code::ProviderUnavailable,
            Self::Refused(_) => Code::ProviderRefused,
            Self::Invalid(_) => Code::ProviderAnswerInvalid,
            Self::Stale(_) => Code::SignInStale,
            Self::NotAllowed(_) => Code::SignInNotAllowed,
            Self::EmailNotVerified => Code::EmailNotVerified,
        }
    }
}

/// What a provider gave for later.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokens {
    /// With which it is asked again.
    pub(crate) refresh: Option<Secret<String>>,
    /// Which it knows the person by when they sign out.
    pub(crate) id_token: Option<Secret<String>>,
    /// In how many seconds what it gave ends.
    pub(crate) seconds: Option<i64>,
    /// What it calls its session.
    pub(crate) sid: Option<String>,
}

/// What a provider says of somebody.
#[derive(Debug, Clone)]
pub(crate) struct Vouched {
    /// Who vouches.
    pub(crate) issuer: String,
    /// Who they are there.
    pub(crate) subject: String,
    /// What they are called there.
    pub(crate) login: String,
    /// Their name to show.
    pub(crate) display_name: Option<String>,
    /// Their address, if the provider has confirmed it.
    pub(crate) email: Option<String>,
    /// Their groups there.
    pub(crate) groups: BTreeSet<String>,
    /// What roles are mapped from.
    pub(crate) roles: BTreeSet<String>,
    /// What it gave for later.
    pub(crate) tokens: Tokens,
}

/// What came of asking a provider again.
#[derive(Debug)]
pub(crate) enum Renewed {
    /// It stands by it.
    Tokens(Tokens),
    /// It does not any more.
    Ended(String),
}

/// The parameters of a provider's answer, each given at most once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) iss: Option<String>,
    error: Option<String>,
    description: Option<String>,
}

impl Answer {
    /// Reads a query string. What is unknown is left out, and one of these given twice makes it no answer.
    pub(crate) fn parse(query: &str) -> Result<Self, ProviderError> {
        let mut answer = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "code" => &mut answer.code,
                "state" => &mut answer.state,
                "iss" => &mut answer.iss,
                "error" => &mut answer.error,
                "error_description" => &mut answer.description,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(ProviderError::Stale("a parameter is given twice"));
            }
        }
        Ok(answer)
    }

    /// The code, unless the provider says no.
    fn code(&self) -> Result<&str, ProviderError> {
        if let Some(error) = &self.error {
            let description = self.description.as_deref().unwrap_or_default();
            return Err(ProviderError::Refused(format!("{error}: {description}")));
        }
        let code = self.code.as_deref().filter(|code| !code.is_empty());
        code.ok_or_else(|| ProviderError::Invalid("there is no code".to_owned()))
    }
}

enum Speaks {
    Oidc(Oidc),
    Github(Github),
}

/// One provider.
pub(crate) struct Provider {
    /// How it is configured.
    pub(crate) config: IdentityProviderConfig,
    speaks: Speaks,
}

impl Provider {
    fn new(config: &IdentityProviderConfig) -> Result<Self, ClientError> {
        let fetcher = Fetcher::new(config.ca_file.as_deref(), &Hosts::default())?;
        let speaks = match &config.kind {
            IdentityProviderKind::Oidc { issuer, .. } => Speaks::Oidc(Oidc::new(config, issuer, fetcher)),
            IdentityProviderKind::Github { base_url, api_url, .. } => {
                Speaks::Github(Github::new(config, base_url, api_url, fetcher))
            }
        };
        Ok(Self {
            config: config.clone(),
            speaks,
        })
    }

    /// Who vouches for its people.
    pub(crate) fn issuer(&self) -> &str {
        match &self.config.kind {
            IdentityProviderKind::Oidc { issuer, .. } => issuer,
            IdentityProviderKind::Github { base_url, .. } => base_url,
        }
    }

    /// Where a browser is sent to sign in.
    pub(crate) async fn authorize_url(
        &self,
        flow: &Flow,
        redirect: &str,
        now: Timestamp,
    ) -> Result<String, ProviderError> {
        match &self.speaks {
            Speaks::Oidc(oidc) => oidc.authorize_url(flow, redirect, now).await,
            Speaks::Github(github) => Ok(github.authorize_url(flow, redirect)),
        }
    }

    /// Who an answer is about, if they are let in.
    pub(crate) async fn vouched(
        &self,
        answer: &Answer,
        flow: &Flow,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Vouched, ProviderError> {
        let vouched = match &self.speaks {
            Speaks::Oidc(oidc) => oidc.vouched(answer, flow, redirect, now).await?,
            Speaks::Github(github) => github.vouched(answer, flow, redirect).await?,
        };
        self.let_in(&vouched)?;
        Ok(vouched)
    }

    fn let_in(&self, vouched: &Vouched) -> Result<(), ProviderError> {
        let config = &self.config;
        if !config.allowed_domains.is_empty() {
            let email = vouched.email.as_deref().ok_or(ProviderError::EmailNotVerified)?;
            let domain = claims::domain_of(email).unwrap_or_default();
            if !config.allowed_domains.contains(&domain) {
                return Err(ProviderError::NotAllowed(format!(
                    "the domain of {email:?} is not listed"
                )));
            }
        }
        let any = |listed: &[String]| listed.is_empty() || listed.iter().any(|name| vouched.groups.contains(name));
        if let IdentityProviderKind::Github { organizations, .. } = &config.kind
            && !any(organizations)
        {
            return Err(ProviderError::NotAllowed(
                "none of the organizations is theirs".to_owned(),
            ));
        }
        if !any(&config.allowed_groups) {
            return Err(ProviderError::NotAllowed("none of the groups is theirs".to_owned()));
        }
        Ok(())
    }

    /// The names of the roles that the provider gives somebody.
    fn roles_said<'a>(&'a self, vouched: &'a Vouched) -> impl Iterator<Item = &'a str> {
        let said = vouched.roles.iter().filter_map(|said| self.config.roles.get(said));
        said.map(String::as_str)
    }

    /// The built-in role that the provider gives somebody.
    pub(crate) fn role_of(&self, vouched: &Vouched) -> Option<Role> {
        let roles = self.roles_said(vouched).filter_map(|name| name.parse::<Role>().ok());
        roles.min_by_key(|role| rank(*role))
    }

    /// The roles of people's own making that the provider gives somebody.
    pub(crate) fn custom_roles_of(&self, vouched: &Vouched) -> Vec<String> {
        let names = self.roles_said(vouched).filter(|name| name.parse::<Role>().is_err());
        names.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The groups of Bailey's that the provider's lead to.
    pub(crate) fn groups_of(&self, vouched: &Vouched) -> BTreeSet<&str> {
        let groups = vouched.groups.iter().filter_map(|said| self.config.groups.get(said));
        groups.map(String::as_str).collect()
    }

    /// Whether some group of the provider's leads to this one of Bailey's.
    pub(crate) fn gives_group(&self, name: &str) -> bool {
        self.config.groups.values().any(|given| given == name)
    }

    /// For how many seconds a session lasts at most, where the provider says so.
    pub(crate) const fn session_seconds(&self, tokens: &Tokens) -> Option<i64> {
        match &self.config.kind {
            IdentityProviderKind::Oidc { follow_token: true, .. } if tokens.refresh.is_none() => tokens.seconds,
            _ => None,
        }
    }

    /// Asks the provider whether it still stands by somebody.
    pub(crate) async fn renew(
        &self,
        refresh: &Secret<String>,
        subject: &str,
        now: Timestamp,
    ) -> Result<Renewed, ProviderError> {
        match &self.speaks {
            Speaks::Oidc(oidc) => oidc.renew(refresh, subject, now).await,
            Speaks::Github(github) => github.renew(refresh).await,
        }
    }

    /// Where a browser is sent to sign out there, too.
    pub(crate) async fn end_session_url(
        &self,
        id_token: Option<&Secret<String>>,
        back: &str,
        now: Timestamp,
    ) -> Option<String> {
        match &self.speaks {
            Speaks::Oidc(oidc) => oidc.end_session_url(id_token, back, now).await,
            Speaks::Github(_) => None,
        }
    }

    /// What a logout token says, if it holds.
    pub(crate) async fn logout_token(&self, token: &str, now: Timestamp) -> Result<LogoutToken, ProviderError> {
        match &self.speaks {
            Speaks::Oidc(oidc) => oidc.logout_token(token, now).await,
            Speaks::Github(_) => Err(ProviderError::Invalid("GitHub sends no logout tokens".to_owned())),
        }
    }
}

/// All providers, in the order configured. Cheap to clone.
#[derive(Clone)]
pub struct Providers(Arc<Inner>);

struct Inner {
    all: Vec<Provider>,
    flows: Vault,
    tokens: Vault,
}

impl Providers {
    /// The providers of a configuration. What they must not see is encrypted with keys that are derived from `key`.
    ///
    /// # Errors
    /// Where the certificates that one is to be trusted by cannot be read.
    pub fn new(config: &SignInConfig, key: &MasterKey) -> Result<Self, ClientError> {
        let all: Result<Vec<Provider>, ClientError> = config.providers.iter().map(Provider::new).collect();
        Ok(Self(Arc::new(Inner {
            all: all?,
            flows: Vault::new(key, Purpose::SignInFlows),
            tokens: Vault::new(key, Purpose::ProviderTokens),
        })))
    }

    /// For what browsers keep while somebody is at a provider.
    pub(crate) fn flows(&self) -> &Vault {
        &self.0.flows
    }

    /// For tokens of providers.
    pub(crate) fn tokens(&self) -> &Vault {
        &self.0.tokens
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Provider] {
        &self.0.all
    }

    /// The one of this name.
    pub(crate) fn get(&self, name: &str) -> Result<&Provider, ProviderError> {
        let found = self.0.all.iter().find(|provider| provider.config.name == name);
        found.ok_or(ProviderError::Unknown)
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.all.iter().map(|provider| &provider.config.name);
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_given_twice_makes_no_answer() {
        let answer = Answer::parse("code=a%20b&state=s&session_state=x&scope=y").unwrap();
        assert_eq!((answer.code().unwrap(), answer.state.as_deref()), ("a b", Some("s")));
        for twice in [
            "code=a&code=b",
            "state=a&code=x&state=a",
            "iss=a&iss=b",
            "error=a&error=a",
        ] {
            assert_eq!(Answer::parse(twice).unwrap_err().code(), Code::SignInStale, "{twice}");
        }
        let refused = Answer::parse("error=access_denied&code=a").unwrap().code().unwrap_err();
        assert_eq!(refused.code(), Code::ProviderRefused);
        assert_eq!(
            Answer::parse("code=").unwrap().code().unwrap_err().code(),
            Code::ProviderAnswerInvalid
        );
    }
}
