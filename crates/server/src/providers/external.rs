//! Forges that people link their own accounts of: they are asked for leave to act there, and for tokens. What follows is decided by
//! [`crate::app`].

mod speak;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailey_core::identity::ExternalAccount;
use bailey_core::mask::Secrets;
use bailey_core::{PersonId, Secret, Timestamp, WorkspaceId};
use bailey_runtime::config::{ExternalAuthConfig, ExternalAuthKind};
use bailey_runtime::http::{ClientError, Hosts};
use serde::{Deserialize, Serialize};

use super::ProviderError;
use super::fetch::Fetcher;
use crate::identity::{MasterKey, Purpose, Vault, VaultError};

/// How often one workspace may ask for a token in a minute.
const PER_MINUTE: u32 = 60;

/// The tokens of an account.
#[derive(Debug, Clone)]
pub(crate) struct ForgeTokens {
    /// What is shown to the forge.
    pub(crate) access: Secret<String>,
    /// What another one is got with.
    pub(crate) refresh: Option<Secret<String>>,
    /// In how many seconds the access token ends; `None` = by itself never, or nobody says.
    pub(crate) seconds: Option<i64>,
    /// What the forge gave leave for, where it says so.
    pub(crate) scopes: Vec<String>,
}

/// Whose account it is, as the forge says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForgeUser {
    /// The forge's own id of the account.
    pub(crate) id: String,
    /// What they are called there.
    pub(crate) login: String,
    /// Their name to show.
    pub(crate) display_name: String,
    /// Their address there.
    pub(crate) email: Option<String>,
}

/// What came of asking for another access token.
#[derive(Debug)]
pub(crate) enum Refreshed {
    /// These, in place of those before.
    Tokens(ForgeTokens),
    /// The leave is gone.
    Ended(String),
}

/// What whoever gets another token for an account holds meanwhile.
type Flight = Arc<tokio::sync::Mutex<()>>;

/// What is kept of tokens, encrypted.
#[derive(Serialize, Deserialize)]
struct Kept {
    access: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
}

/// One forge.
pub(crate) struct Forge {
    /// How it is configured.
    pub(crate) config: ExternalAuthConfig,
    fetcher: Fetcher,
}

impl Forge {
    /// What a flow to it is known by: another name than any identity provider can have.
    pub(crate) fn flow_name(&self) -> String {
        format!("external/{}", self.config.name)
    }

    /// The user name that git sends with a token.
    pub(crate) const fn git_user(&self) -> &'static str {
        match self.config.kind {
            ExternalAuthKind::Gitlab => "oauth2",
            ExternalAuthKind::Github => "x-access-token",
        }
    }

    /// The address that github.com takes for commits of somebody who shows no other.
    pub(crate) fn private_email(&self, account: &ExternalAccount) -> Option<String> {
        let (id, login) = (&account.account_id, &account.login);
        (self.config.base_url == "https://github.com").then(|| format!("{id}+{login}@users.noreply.github.com"))
    }

    /// Whether it is at this scheme and host, the port with the host where it is not the scheme's own. Both are compared letter by
    /// letter: what looks alike is another host.
    pub(crate) fn is_at(&self, scheme: &str, host: &str) -> bool {
        let port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return false,
        };
        let one_port = |bare: &&str| !bare.contains(':') || bare.ends_with(']');
        let bare = host.strip_suffix(port).filter(one_port).unwrap_or(host);
        let own = self.config.base_url.strip_prefix(scheme);
        own.and_then(|rest| rest.strip_prefix("://")) == Some(bare)
    }
}

/// All forges, in the order configured. Cheap to clone.
#[derive(Clone)]
pub struct External(Arc<Inner>);

struct Inner {
    all: Vec<Forge>,
    vault: Vault,
    flights: Mutex<HashMap<(PersonId, String), Flight>>,
    asked: Mutex<HashMap<WorkspaceId, (i64, u32)>>,
    handed_out: Mutex<HashMap<PersonId, Secrets>>,
}

impl External {
    /// The forges of a configuration, asked where `hosts` say. Their tokens are encrypted with a key that is derived from `key`.
    ///
    /// # Errors
    /// Where the certificates that one is to be trusted by cannot be read.
    pub fn new(config: &[ExternalAuthConfig], hosts: &Hosts, key: &MasterKey) -> Result<Self, ClientError> {
        let forge = |config: &ExternalAuthConfig| {
            Ok(Forge {
                fetcher: Fetcher::new(config.ca_file.as_deref(), hosts)?,
                config: config.clone(),
            })
        };
        let all: Result<Vec<Forge>, ClientError> = config.iter().map(forge).collect();
        Ok(Self(Arc::new(Inner {
            all: all?,
            vault: Vault::new(key, Purpose::ExternalAccounts),
            flights: Mutex::default(),
            asked: Mutex::default(),
            handed_out: Mutex::default(),
        })))
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Forge] {
        &self.0.all
    }

    /// The one of this name.
    pub(crate) fn get(&self, name: &str) -> Result<&Forge, ProviderError> {
        let found = self.0.all.iter().find(|forge| forge.config.name == name);
        found.ok_or(ProviderError::Unknown)
    }

    /// Whether accounts of a forge at this address can be linked.
    pub(crate) fn links_at(&self, base_url: &str) -> bool {
        self.all().iter().any(|forge| forge.config.base_url == base_url)
    }

    /// The one at this scheme and host.
    pub(crate) fn at(&self, scheme: &str, host: &str) -> Option<&Forge> {
        self.0.all.iter().find(|forge| forge.is_at(scheme, host))
    }

    /// Encrypts the tokens of a person's account at a forge. Of another person or at another forge they open nothing.
    pub(crate) fn seal(&self, person: PersonId, base_url: &str, tokens: &ForgeTokens) -> Result<Vec<u8>, VaultError> {
        let kept = Kept {
            access: tokens.access.expose().clone(),
            refresh: tokens.refresh.as_ref().map(|refresh| refresh.expose().clone()),
        };
        let kept = serde_json::to_vec(&kept).map_err(|_| VaultError::Seal)?;
        self.0.vault.seal(belongs(person, base_url).as_bytes(), &kept)
    }

    /// Decrypts them: the access token, and what another one is got with.
    pub(crate) fn open(
        &self,
        person: PersonId,
        base_url: &str,
        sealed: &[u8],
    ) -> Result<(Secret<String>, Option<Secret<String>>), VaultError> {
        let text = self.0.vault.open(belongs(person, base_url).as_bytes(), sealed)?;
        let kept: Kept = serde_json::from_slice(&text).map_err(|_| VaultError::Open)?;
        Ok((Secret::new(kept.access), kept.refresh.map(Secret::new)))
    }

    /// The turn at an account's tokens: a refresh token is good once.
    pub(crate) fn flight(&self, person: PersonId, provider: &str) -> Flight {
        let mut flights = lock(&self.0.flights);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry((person, provider.to_owned())).or_default())
    }

    /// The tokens of a person that were handed out, as far as this server knows: nothing shows them that it writes down.
    pub(crate) fn handed_out(&self, person: PersonId) -> Secrets {
        lock(&self.0.handed_out).entry(person).or_default().clone()
    }

    /// Whether a workspace may ask for a token once more in this minute.
    pub(crate) fn may_ask(&self, workspace: WorkspaceId, now: Timestamp) -> bool {
        let minute = now.seconds().div_euclid(60);
        let mut asked = lock(&self.0.asked);
        asked.retain(|_, (at, _)| *at == minute);
        let (_, times) = asked.entry(workspace).or_insert((minute, 0));
        *times = times.saturating_add(1);
        *times <= PER_MINUTE
    }
}

/// To whom and what sealed tokens belong.
fn belongs(person: PersonId, base_url: &str) -> String {
    format!("{person} {base_url}")
}

fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic happens under the lock.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.all.iter().map(|forge| &forge.config.name);
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use bailey_runtime::config::{Config, Overrides};
    use uuid::Uuid;

    use super::*;

    fn external(base_url: &str) -> External {
        let text = format!(
            "[[external_auth]]\nname = \"work\"\nkind = \"gitlab\"\nbase_url = \"{base_url}\"\nclient_id = \"c\"\nclient_secret = \"s\"\n"
        );
        let environment = [("HOME".to_owned(), "/nowhere".to_owned())];
        let config = Config::from_text(&text, None, environment.into_iter(), &Overrides::default()).unwrap();
        External::new(
            &config.external_auth,
            &config.egress.hosts,
            &MasterKey::new(Secret::new([7; 32])),
        )
        .unwrap()
    }

    #[test]
    fn a_host_is_compared_letter_by_letter() {
        let plain = external("https://gitlab.example.com");
        for (scheme, host) in [("https", "gitlab.example.com"), ("https", "gitlab.example.com:443")] {
            assert!(plain.at(scheme, host).is_some(), "{scheme} {host}");
        }
        for (scheme, host) in [
            ("http", "gitlab.example.com"),
            ("http", "gitlab.example.com:443"),
            ("https", "gitlab.example.com:80"),
            ("https", "gitlab.example.com:8443"),
            ("https", "GitLab.example.com"),
            ("https", "gitlab.example.com."),
            ("https", "gitlab.example.com.evil.example"),
            ("https", "evil.example/gitlab.example.com"),
            ("https", "ada@gitlab.example.com"),
            ("https", "sub.gitlab.example.com"),
            ("https", ""),
            ("", "gitlab.example.com"),
            ("ssh", "gitlab.example.com"),
            ("https:", "gitlab.example.com"),
        ] {
            assert!(plain.at(scheme, host).is_none(), "{scheme} {host}");
        }
        let odd = external("http://127.0.0.1:8080");
        assert!(odd.at("http", "127.0.0.1:8080").is_some());
        assert!(odd.at("http", "127.0.0.1").is_none() && odd.at("https", "127.0.0.1:8080").is_none());
        assert!(odd.at("http", "127.0.0.1:80").is_none() && odd.at("http", "127.0.0.1:8080:80").is_none());
    }

    #[test]
    fn tokens_open_for_their_person_and_forge_alone() {
        let external = external("https://gitlab.example.com");
        let person = |n| PersonId::from_uuid(Uuid::from_u128(n));
        let tokens = ForgeTokens {
            access: Secret::new("access".to_owned()),
            refresh: Some(Secret::new("refresh".to_owned())),
            seconds: None,
            scopes: Vec::new(),
        };
        let sealed = external.seal(person(1), "https://a.example", &tokens).unwrap();
        let (access, refresh) = external.open(person(1), "https://a.example", &sealed).unwrap();
        assert_eq!(access.expose(), "access");
        assert_eq!(refresh.unwrap().expose(), "refresh");
        assert!(external.open(person(2), "https://a.example", &sealed).is_err());
        assert!(external.open(person(1), "https://b.example", &sealed).is_err());
        let text = String::from_utf8_lossy(&sealed);
        assert!(!text.contains("access") && !text.contains("refresh"));
    }

    #[test]
    fn a_workspace_asks_so_often_in_a_minute_and_no_oftener() {
        let external = external("https://gitlab.example.com");
        let workspace = |n| WorkspaceId::from_uuid(Uuid::from_u128(n));
        let now = Timestamp::from_seconds(600);
        assert!((0..PER_MINUTE).all(|_| external.may_ask(workspace(1), now)));
        assert!(!external.may_ask(workspace(1), now.plus_seconds(59)));
        assert!(external.may_ask(workspace(2), now));
        assert!(external.may_ask(workspace(1), now.plus_seconds(60)));
    }
}
