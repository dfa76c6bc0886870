//! API tokens: only their hashes are here.

use bailey_core::authz::TokenScopes;
use bailey_core::people::ApiToken;
use bailey_core::{PersonId, Timestamp, TokenId};

use crate::conn::Conn;
use crate::offboarding::access_changed;
use crate::page::cut;
use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::value::{Row, json};
use crate::{LedgerReach, ListPage, Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, public_id, hash, name, person, scopes, created_at, expires_at, revoked_at FROM api_tokens",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO api_tokens (id, public_id, hash, name, person, scopes, created_at, expires_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    GET = same(select!(" WHERE id = $1"));
    BY_PUBLIC_ID = same(select!(" WHERE public_id = $1"));
    /// A token that ends sooner already is left alone.
    SHORTEN = same(
        "UPDATE api_tokens SET expires_at = $2 \
         WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
    );
    REVOKE = same("UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
}

fn read(row: &Row) -> Result<ApiToken, StoreError> {
    let scopes: Vec<String> = row.json("scopes")?;
    Ok(ApiToken {
        id: row.get("id")?,
        public_id: row.get("public_id")?,
        hash: row.get("hash")?,
        name: row.get("name")?,
        person: row.get("person")?,
        scopes: TokenScopes::from_names(&scopes).map_err(|_| StoreError::Corrupt { what: "scopes" })?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}

/// The token of this public id, also if it is revoked or expired.
pub(crate) async fn token(conn: &mut Conn, public_id: &str) -> Result<Option<ApiToken>, StoreError> {
    conn.read_optional(BY_PUBLIC_ID.bind(public_id), read).await
}

async fn insert(tx: &mut Conn, token: &ApiToken, scopes: &str) -> Result<(), StoreError> {
    let insert = INSERT
        .bind(token.id)
        .bind(token.public_id.as_str())
        .bind(&token.hash)
        .bind(token.name.as_str())
        .bind(token.person)
        .bind(scopes)
        .bind(token.created_at)
        .bind(token.expires_at)
        .bind(token.revoked_at);
    tx.execute(insert).await.map(drop)
}

impl Store {
    /// Inserts a token's record in the place of an older one, which works until `until` at most. Fails with a conflict of the
    /// older one's `state`, and changes nothing, if it is revoked or ends before `now`.
    pub async fn token_rotate(
        &self,
        old: TokenId,
        until: Timestamp,
        new: &ApiToken,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let scopes = json("scopes", &new.scopes.to_names())?;
        transaction!(self, async |tx| {
            let found = tx.read_optional(GET.bind(old), read).await?;
            let found = found.ok_or(StoreError::NotFound { what: "token" })?;
            if found.revoked_at.is_some() || found.expires_at.is_some_and(|at| at <= now) {
                return Err(StoreError::Conflict {
                    what: "token",
                    field: "state",
                });
            }
            tx.execute(SHORTEN.bind(old).bind(until)).await?;
            access_changed(tx).await?;
            insert(tx, new, &scopes).await
        })
    }

    /// Inserts a token's record.
    pub async fn token_insert(&self, token: &ApiToken) -> Result<(), StoreError> {
        let scopes = json("scopes", &token.scopes.to_names())?;
        transaction!(self, async |tx| insert(tx, token, &scopes).await)
    }

    /// The token of this id, also if it is revoked or expired.
    pub async fn token_get(&self, id: TokenId) -> Result<Option<ApiToken>, StoreError> {
        self.reader().await?.read_optional(GET.bind(id), read).await
    }

    /// The token of this public id, also if it is revoked or expired.
    pub async fn token_by_public_id(&self, public_id: &str) -> Result<Option<ApiToken>, StoreError> {
        token(&mut self.reader().await?, public_id).await
    }

    /// Tokens, newest first, and where to go on if there are more.
    pub async fn tokens_list(
        &self,
        person: Option<PersonId>,
        reach: &LedgerReach,
        page: ListPage<TokenId>,
    ) -> Result<(Vec<ApiToken>, Option<TokenId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE 1 = 1"));
        query.when(" AND id < ", page.after).when(" AND person = ", person);
        reach.limit(&mut query, " AND person");
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let tokens = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(tokens, page.rows(), |t| t.id))
    }

    /// Revokes a token. `false` if it was revoked already; a token that does not exist is [`StoreError::NotFound`].
    pub async fn token_revoke(&self, id: TokenId, now: Timestamp) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            if tx.execute(REVOKE.bind(id).bind(now)).await? > 0 {
                access_changed(tx).await?;
                return Ok(true);
            }
            match tx.fetch_optional(GET.bind(id)).await? {
                Some(_) => Ok(false),
                None => Err(StoreError::NotFound { what: "token" }),
            }
        })
    }
}
