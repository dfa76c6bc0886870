//! Tokens of linked accounts: kept good, and handed out to the workspaces of whose they are.

use bailey_api::agent::{Committer, CredentialAsk, GitCredential, Handed};
use bailey_core::identity::ExternalAccount;
use bailey_core::mask::Secrets;
use bailey_core::people::{Person, PersonStatus};
use bailey_core::{PersonId, Secret, Timestamp, WorkspaceId};
use bailey_store::StoreError;
use serde_json::json;

use super::{App, AppError};
use crate::audit::{AuditError, Change, Resource};
use crate::identity::VaultError;
use crate::providers::{Forge, ProviderError, Refreshed};

/// How long before its end a token is replaced, in seconds.
const AHEAD: i64 = 300;

/// There is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoToken {
    /// They have linked no account there.
    #[error("no account at {0} is linked; link one on the profile page")]
    NotLinked(String),
    /// The forge takes its tokens no more, or the provider is at another address now.
    #[error("the account at {0} is to be linked again, on the profile page")]
    LinkAgain(String),
    /// Whose it is, is suspended or deleted.
    #[error("the workspace's owner is not active")]
    NotActive,
    /// A workspace asks more often than anybody would.
    #[error("this workspace asks for tokens too often; wait a minute")]
    TooOften,
    /// The forge does not answer.
    #[error("the forge does not answer as it should: {0}")]
    Forge(ProviderError),
    /// Something of ours failed.
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<StoreError> for NoToken {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

impl From<AuditError> for NoToken {
    fn from(error: AuditError) -> Self {
        Self::App(error.into())
    }
}

impl From<VaultError> for NoToken {
    fn from(error: VaultError) -> Self {
        Self::App(error.into())
    }
}

/// A token that a forge takes.
#[derive(Debug, Clone)]
pub(crate) struct Lent {
    /// The account.
    pub(crate) account: ExternalAccount,
    /// The token itself.
    pub(crate) token: Secret<String>,
}

impl NoToken {
    /// What the person inside is told.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::App(_) => "the server could not look; its log says more".to_owned(),
            error => error.to_string(),
        }
    }
}

impl App {
    /// What git in a workspace is answered; `None` = there is nothing to say.
    pub(crate) async fn git_asks(
        &self,
        workspace: WorkspaceId,
        ask: &CredentialAsk,
    ) -> Result<Option<GitCredential>, NoToken> {
        let external = &self.identity().external;
        // At other hosts git may have what it needs from somebody else.
        let Some(forge) = external.at(&ask.scheme, &ask.host) else {
            return Ok(None);
        };
        if ask.refused {
            return self.git_refused(workspace, forge).await.map(|()| None);
        }
        self.git_credential(workspace, forge, ask.username.as_deref()).await
    }

    /// What git takes at a forge in a workspace, for the workspace's owner and nobody else.
    async fn git_credential(
        &self,
        workspace: WorkspaceId,
        forge: &Forge,
        username: Option<&str>,
    ) -> Result<Option<GitCredential>, NoToken> {
        let external = &self.identity().external;
        if !external.may_ask(workspace, self.now()) {
            return Err(NoToken::TooOften);
        }
        let owner = self.owner_of(workspace).await?;
        let lent = self.external_token(&owner, forge).await?;
        // An address with a user name in it is for that account and no other.
        if username.is_some_and(|name| name != forge.git_user() && name != lent.account.login) {
            return Ok(None);
        }
        let found = self.store().workspace_get(workspace).await?;
        let found = found
            .filter(|found| found.owner == owner.id)
            .ok_or(NoToken::NotActive)?;
        let change = Change::new(
            "external_accounts.git_token",
            Resource::new("workspace", workspace).named(found.name),
        );
        let change = change.after(&json!({
            "person": owner.name, "provider": forge.config.name, "base_url": forge.config.base_url,
            "login": lent.account.login,
        }));
        self.audit().system("git", change).await?;
        // A token that was got while they were being suspended is not handed out.
        if self.owner_of(workspace).await?.id != owner.id {
            return Err(NoToken::NotActive);
        }
        let provider = forge.config.name.as_str();
        self.store()
            .external_account_used(owner.id, provider, self.now())
            .await?;
        external.handed_out(owner.id).add(lent.token.expose());
        Ok(Some(GitCredential {
            username: forge.git_user().to_owned(),
            password: Handed(lent.token.expose().clone()),
            expires_at: lent.account.expires_at.map(Timestamp::seconds),
        }))
    }

    /// Looks into it that a forge refused the token that git was given for a workspace's owner: if it does, another one is got or
    /// the account is to be linked again.
    async fn git_refused(&self, workspace: WorkspaceId, forge: &Forge) -> Result<(), NoToken> {
        let external = &self.identity().external;
        if !external.may_ask(workspace, self.now()) {
            return Err(NoToken::TooOften);
        }
        let owner = self.owner_of(workspace).await?;
        let account = self.linked(owner.id, forge).await?;
        let (access, refresh) = external.open(owner.id, &account.base_url, &account.sealed)?;
        if forge.user(&access).await.map_err(NoToken::Forge)?.is_some() {
            // It may be a repository that they must not read: the token is good.
            return Ok(());
        }
        match refresh {
            Some(_) => self.renewed(&owner, forge, &account).await.map(drop),
            None => self.refused(&account, forge, "the forge does not take the token").await,
        }
    }

    /// A token of a person's account at a forge that is good for some minutes at least. They must be active.
    pub(crate) async fn external_token(&self, person: &Person, forge: &Forge) -> Result<Lent, NoToken> {
        if person.status != PersonStatus::Active {
            return Err(NoToken::NotActive);
        }
        let mut account = self.linked(person.id, forge).await?;
        if self.is_due(&account) {
            account = match self.renewed(person, forge, &account).await {
                // It is good a while longer.
                Err(NoToken::Forge(error)) if account.expires_at.is_some_and(|at| self.now() < at) => {
                    tracing::warn!(provider = forge.config.name, %error, "a token cannot be replaced yet");
                    account
                }
                renewed => renewed?,
            };
        }
        let (token, _) = self
            .identity()
            .external
            .open(person.id, &account.base_url, &account.sealed)?;
        Ok(Lent { account, token })
    }

    /// What of a person's secrets no log of theirs shows and nothing passes on: the tokens of their linked accounts. What is handed
    /// out later is added by itself.
    pub(crate) async fn secrets_of(&self, person: PersonId) -> Result<Secrets, AppError> {
        let external = &self.identity().external;
        let secrets = external.handed_out(person);
        for account in self.store().external_accounts_of(person).await? {
            // Those that cannot be opened here were not handed out from here.
            if let Ok((token, _)) = external.open(person, &account.base_url, &account.sealed) {
                secrets.add(token.expose());
            }
        }
        Ok(secrets)
    }

    /// What commits of a workspace's owner are made as: what the first forge where they have an account says, or their record here.
    pub(crate) async fn commit_identity(&self, owner: PersonId) -> Result<Option<Committer>, AppError> {
        let Some(person) = self.store().person_get(owner).await? else {
            return Ok(None);
        };
        let accounts = self.store().external_accounts_of(owner).await?;
        let forges = self.identity().external.all();
        let mut of_forges = forges.iter().filter_map(|forge| {
            let here = |account: &&ExternalAccount| {
                account.provider == forge.config.name && account.base_url == forge.config.base_url
            };
            accounts.iter().find(here).map(|account| (forge, account))
        });
        let (name, email) = match of_forges.next() {
            Some((forge, account)) => (
                account.display_name.clone(),
                account
                    .email
                    .clone()
                    .or_else(|| forge.private_email(account))
                    .or(person.email),
            ),
            None => (person.display_name, person.email),
        };
        let plain = |text: String| -> String {
            let kept = text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>'));
            kept.collect::<String>().trim().to_owned()
        };
        let email = email.map(plain).filter(|email| !email.is_empty());
        Ok(Some(plain(name))
            .filter(|name| !name.is_empty())
            .map(|name| Committer { name, email }))
    }

    async fn owner_of(&self, workspace: WorkspaceId) -> Result<Person, NoToken> {
        let found = self.store().workspace_get(workspace).await?;
        let found = found
            .filter(|found| found.deleted_at.is_none())
            .ok_or(NoToken::NotActive)?;
        let owner = self.store().person_get(found.owner).await?;
        owner
            .filter(|owner| owner.status == PersonStatus::Active)
            .ok_or(NoToken::NotActive)
    }

    /// A person's account at a forge, if its tokens may be used there.
    async fn linked(&self, person: PersonId, forge: &Forge) -> Result<ExternalAccount, NoToken> {
        let config = &forge.config;
        let account = self.store().external_account(person, &config.name).await?;
        let account = account.ok_or_else(|| NoToken::NotLinked(config.base_url.clone()))?;
        // What one forge gave is never shown to another that the same name leads to now.
        if account.refused_at.is_some() || account.base_url != config.base_url {
            return Err(NoToken::LinkAgain(config.base_url.clone()));
        }
        Ok(account)
    }

    fn is_due(&self, account: &ExternalAccount) -> bool {
        account
            .expires_at
            .is_some_and(|at| at.plus_seconds(-AHEAD) <= self.now())
    }

    /// Gets another token in place of `before`, one at a time for each account. It is done to its end whether or not whoever wants
    /// it waits: what the forge gives in place of a refresh token is the only way on.
    async fn renewed(
        &self,
        person: &Person,
        forge: &Forge,
        before: &ExternalAccount,
    ) -> Result<ExternalAccount, NoToken> {
        let (app, person, name) = (self.clone(), person.id, forge.config.name.clone());
        let before = before.sealed.clone();
        let task = self
            .gate()
            .tasks()
            .spawn(async move { app.renew(person, &name, &before).await });
        task.await.map_err(|_| AppError::Interrupted)?
    }

    async fn renew(&self, person: PersonId, name: &str, before: &[u8]) -> Result<ExternalAccount, NoToken> {
        let external = &self.identity().external;
        let forge = external.get(name).map_err(NoToken::Forge)?;
        let flight = external.flight(person, name);
        let _turn = flight.lock().await;
        let account = self.linked(person, forge).await?;
        if account.sealed != before {
            // Somebody got another one while this one waited.
            return Ok(account);
        }
        let (_, refresh) = external.open(person, &account.base_url, &account.sealed)?;
        let Some(refresh) = refresh else {
            self.refused(
                &account,
                forge,
                "the token is over, and there is none to get another one with",
            )
            .await?;
            return Err(NoToken::LinkAgain(account.base_url));
        };
        let now = self.now();
        match forge.refresh(&refresh).await.map_err(NoToken::Forge)? {
            Refreshed::Tokens(tokens) => {
                let sealed = external.seal(person, &account.base_url, &tokens)?;
                let expires_at = tokens.seconds.map(|seconds| now.plus_seconds(seconds));
                // Before anything is done with them: the forge has forgotten those before.
                let kept = self
                    .store()
                    .external_account_renew((person, name), before, &sealed, expires_at);
                let kept = kept.await?;
                let account = ExternalAccount {
                    sealed,
                    expires_at,
                    ..account
                };
                if !kept {
                    // Their access ended meanwhile: what nobody keeps is not to be good.
                    let base_url = account.base_url.clone();
                    self.external_revoke(vec![account]);
                    return Err(NoToken::NotLinked(base_url));
                }
                Ok(account)
            }
            Refreshed::Ended(said) => {
                self.refused(&account, forge, &said).await?;
                Err(NoToken::LinkAgain(account.base_url))
            }
        }
    }

    /// Notes that an account is to be linked again.
    async fn refused(&self, account: &ExternalAccount, forge: &Forge, reason: &str) -> Result<(), NoToken> {
        let (person, name) = (account.person, forge.config.name.as_str());
        let change = Change::new("external_accounts.refused", Resource::new("external_account", name));
        let change = change.after(&json!({ "person": person, "login": account.login, "reason": reason }));
        self.audit().system("external accounts", change).await?;
        tracing::warn!(person.id = %person, provider = name, reason, "an account at a forge is to be linked again");
        let noted = self
            .store()
            .external_account_refused((person, name), &account.sealed, self.now());
        Ok(noted.await.map(drop)?)
    }
}
