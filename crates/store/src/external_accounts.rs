//! Accounts of people at forges.

use bailey_core::identity::ExternalAccount;
use bailey_core::{PersonId, Timestamp};

use crate::sql::{same, statements};
use crate::store::transaction;
use crate::value::Row;
use crate::workspaces::active_owner;
use crate::{Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT person, provider, base_url, account_id, login, display_name, email, scopes, sealed, expires_at, \
             linked_at, last_used_at, refused_at FROM external_accounts",
            $rest
        )
    };
}

statements! {
    PUT = same(
        "INSERT INTO external_accounts (person, provider, base_url, account_id, login, display_name, email, scopes, sealed, \
         expires_at, linked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (person, provider) DO UPDATE SET base_url = excluded.base_url, account_id = excluded.account_id, \
         login = excluded.login, display_name = excluded.display_name, email = excluded.email, scopes = excluded.scopes, \
         sealed = excluded.sealed, expires_at = excluded.expires_at, linked_at = excluded.linked_at, last_used_at = NULL, \
         refused_at = NULL",
    );
    GET = same(select!(" WHERE person = $1 AND provider = $2"));
    OF_PERSON = same(select!(" WHERE person = $1 ORDER BY provider"));
    OWNER = same("SELECT person FROM external_accounts WHERE base_url = $1 AND account_id = $2");
    RENEW = same(
        "UPDATE external_accounts SET sealed = $4, expires_at = $5 WHERE person = $1 AND provider = $2 AND sealed = $3",
    );
    REFUSED = same(
        "UPDATE external_accounts SET refused_at = $4 WHERE person = $1 AND provider = $2 AND sealed = $3",
    );
    USED = same(
        "UPDATE external_accounts SET last_used_at = $3 \
         WHERE person = $1 AND provider = $2 AND (last_used_at IS NULL OR last_used_at < $3)",
    );
    REMOVE = same("DELETE FROM external_accounts WHERE person = $1 AND provider = $2");
}

fn read(row: &Row) -> Result<ExternalAccount, StoreError> {
    let scopes: String = row.get("scopes")?;
    Ok(ExternalAccount {
        person: row.get("person")?,
        provider: row.get("provider")?,
        base_url: row.get("base_url")?,
        account_id: row.get("account_id")?,
        login: row.get("login")?,
        display_name: row.get("display_name")?,
        email: row.get("email")?,
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        sealed: row.get("sealed")?,
        expires_at: row.get("expires_at")?,
        linked_at: row.get("linked_at")?,
        last_used_at: row.get("last_used_at")?,
        refused_at: row.get("refused_at")?,
    })
}

impl Store {
    /// Links an account to a person, in place of what they had at that provider. An account that is somebody else's already, or
    /// is theirs by another provider, is a conflict of the external account's `account_id`; a person who is not active one of
    /// `owner`.
    pub async fn external_account_put(&self, account: &ExternalAccount) -> Result<(), StoreError> {
        let scopes = account.scopes.join(" ");
        transaction!(self, async |tx| {
            active_owner(tx, account.person).await?;
            let put = PUT
                .bind(account.person)
                .bind(account.provider.as_str())
                .bind(account.base_url.as_str())
                .bind(account.account_id.as_str())
                .bind(account.login.as_str())
                .bind(account.display_name.as_str())
                .bind(account.email.as_deref())
                .bind(scopes.as_str())
                .bind(account.sealed.as_slice())
                .bind(account.expires_at)
                .bind(account.linked_at);
            tx.execute(put).await.map(drop)
        })
    }

    /// A person's account at a provider.
    pub async fn external_account(
        &self,
        person: PersonId,
        provider: &str,
    ) -> Result<Option<ExternalAccount>, StoreError> {
        let query = GET.bind(person).bind(provider);
        self.reader().await?.read_optional(query, read).await
    }

    /// Every account of a person, by the provider's name.
    pub async fn external_accounts_of(&self, person: PersonId) -> Result<Vec<ExternalAccount>, StoreError> {
        self.reader().await?.read_all(OF_PERSON.bind(person), read).await
    }

    /// Whose account this is: the one of this id at the forge at `base_url` (without a slash at the end).
    pub async fn external_account_owner(
        &self,
        base_url: &str,
        account_id: &str,
    ) -> Result<Option<PersonId>, StoreError> {
        let query = OWNER.bind(base_url).bind(account_id);
        let read = |row: &Row| row.get::<PersonId>("person");
        self.reader().await?.read_optional(query, read).await
    }

    /// Keeps the tokens that a forge gave in place of `before`, and when the access token ends. `false` if the account has
    /// other tokens by now, or was unlinked.
    pub async fn external_account_renew(
        &self,
        (person, provider): (PersonId, &str),
        before: &[u8],
        sealed: &[u8],
        expires_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| {
            let renew = RENEW.bind(person).bind(provider).bind(before);
            tx.execute(renew.bind(sealed).bind(expires_at)).await
        })?;
        Ok(rows > 0)
    }

    /// Notes that a forge does not take these tokens any more. `false` if the account has other ones by now, or was unlinked.
    pub async fn external_account_refused(
        &self,
        (person, provider): (PersonId, &str),
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx
            .execute(REFUSED.bind(person).bind(provider).bind(sealed).bind(now))
            .await)?;
        Ok(rows > 0)
    }

    /// Notes that a token of an account was handed out. It never goes back in time.
    pub async fn external_account_used(
        &self,
        person: PersonId,
        provider: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, async |tx| tx
            .execute(USED.bind(person).bind(provider).bind(now))
            .await)
        .map(drop)
    }

    /// Unlinks a person's account at a provider. `false` if there was none.
    pub async fn external_account_remove(&self, person: PersonId, provider: &str) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx.execute(REMOVE.bind(person).bind(provider)).await)?;
        Ok(rows > 0)
    }
}
