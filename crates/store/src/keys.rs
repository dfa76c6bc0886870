//! Virtual keys: only their hashes are here.

use bailey_core::authz::Holder;
use bailey_core::budget::{Budget, BudgetSubject};
use bailey_core::key::Key;
use bailey_core::people::{ApiToken, Group, Organization, Person};
use bailey_core::{GroupId, KeyId, PersonId, Timestamp, WorkspaceId};

use crate::budgets::{chain_budgets, insert_budget};
use crate::conn::Conn;
use crate::grants::holder;
use crate::groups::{group, models_of_person};
use crate::offboarding::access_changed;
use crate::organization::organization;
use crate::page::cut;
use crate::people::person;
use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::tokens::token;
use crate::value::{Row, json};
use crate::workspaces::workspace_up_by_agent;
use crate::{LedgerReach, ListPage, Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, public_id, hash, name, scope, person, group_id, workspace, models, rpm, tpm, concurrent, \
             expires_at, metadata, created_at, created_by, revoked_at, rotated_at FROM virtual_keys",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO virtual_keys (id, public_id, hash, name, scope, person, group_id, workspace, models, rpm, tpm, \
         concurrent, expires_at, metadata, created_at, created_by, revoked_at, rotated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
    );
    GET = same(select!(" WHERE id = $1"));
    BY_PUBLIC_ID = same(select!(" WHERE public_id = $1"));
    UPDATE = same(
        "UPDATE virtual_keys SET name = $2, group_id = $3, workspace = $4, models = $5, rpm = $6, tpm = $7, \
         concurrent = $8, expires_at = $9, metadata = $10 WHERE id = $1",
    );
    REVOKE = same("UPDATE virtual_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
    OF_WORKSPACE = same("SELECT id FROM virtual_keys WHERE workspace = $1 AND scope = 'workspace' AND revoked_at IS NULL");
    IDENTITY_OF_WORKSPACE = same(select!(" WHERE workspace = $1 AND scope = 'workspace' ORDER BY id LIMIT 1"));
    REVIVE = same(
        "UPDATE virtual_keys SET public_id = $2, hash = $3, rotated_at = $4, metadata = $5, revoked_at = NULL WHERE id = $1",
    );
    ROTATE = same(
        "UPDATE virtual_keys SET public_id = $2, hash = $3, rotated_at = $4 WHERE id = $1 AND revoked_at IS NULL",
    );
}

/// Whether a key can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Neither revoked nor expired.
    Active,
    /// Its time is over, and it was not revoked before.
    Expired,
    /// Revoked.
    Revoked,
}

/// Which keys to list. What is `None` does not limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFilter {
    /// Keys of this person.
    pub person: Option<PersonId>,
    /// Keys that name this group.
    pub group: Option<GroupId>,
    /// Keys of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Keys that are in this state at the given instant.
    pub state: Option<(KeyState, Timestamp)>,
    /// Whose keys may be seen.
    pub reach: LedgerReach,
}

impl KeyFilter {
    /// All keys within `reach`.
    pub const fn within(reach: LedgerReach) -> Self {
        Self {
            person: None,
            group: None,
            workspace: None,
            state: None,
            reach,
        }
    }
}

/// A key and all that a request with it is judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChain {
    /// The key, which may be revoked or expired.
    pub key: Key,
    /// The person who answers for it, who may be suspended.
    pub person: Person,
    /// The group that is charged: the key's own, or else the person's.
    pub group: Option<Group>,
    /// The models that the person's groups allow them; `None` = no group says so.
    pub models: Option<Vec<String>>,
    /// The organization.
    pub org: Organization,
    /// The budgets of the key, the person, the charged group and the organization.
    pub budgets: Vec<Budget>,
}

/// An API token and all that a request with it is judged by at the model door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenChain {
    /// The token, which may be revoked or expired.
    pub token: ApiToken,
    /// Whose it is, who may be suspended, and what they may do.
    pub holder: Holder,
    /// The group that they are charged to.
    pub group: Option<Group>,
    /// The models that the person's groups allow them; `None` = no group says so.
    pub models: Option<Vec<String>>,
    /// The organization.
    pub org: Organization,
    /// The budgets of the person, of their tokens, of the charged group and the organization.
    pub budgets: Vec<Budget>,
}

/// What giving a workspace its key did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGiven {
    /// The workspace's key.
    pub key: KeyId,
    /// Keys whose secrets were good until now, this one's former secret included.
    pub ended: Vec<KeyId>,
}

fn read(row: &Row) -> Result<Key, StoreError> {
    Ok(Key {
        id: row.get("id")?,
        public_id: row.get("public_id")?,
        hash: row.get("hash")?,
        name: row.get("name")?,
        scope: row.parse("scope", |text| text.parse().ok())?,
        person: row.get("person")?,
        group: row.get("group_id")?,
        workspace: row.get("workspace")?,
        models: row.json("models")?,
        rpm: row.get("rpm")?,
        tpm: row.get("tpm")?,
        concurrent: row.get("concurrent")?,
        expires_at: row.get("expires_at")?,
        metadata: row.json("metadata")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        revoked_at: row.get("revoked_at")?,
        rotated_at: row.get("rotated_at")?,
    })
}

async fn insert_key(tx: &mut Conn, key: &Key) -> Result<(), StoreError> {
    let insert = INSERT
        .bind(key.id)
        .bind(key.public_id.as_str())
        .bind(&key.hash)
        .bind(key.name.as_str())
        .bind(key.scope.as_str())
        .bind(key.person)
        .bind(key.group)
        .bind(key.workspace)
        .bind(json("models", &key.models)?)
        .bind(key.rpm)
        .bind(key.tpm)
        .bind(key.concurrent)
        .bind(key.expires_at)
        .bind(json("metadata", &key.metadata)?)
        .bind(key.created_at)
        .bind(key.created_by)
        .bind(key.revoked_at)
        .bind(key.rotated_at);
    tx.execute(insert).await.map(drop)
}

/// Revokes the keys that a workspace was given, and answers with those that were good.
pub(crate) async fn revoke_of_workspace(
    tx: &mut Conn,
    workspace: WorkspaceId,
    now: Timestamp,
) -> Result<Vec<KeyId>, StoreError> {
    let rows = tx.fetch_all(OF_WORKSPACE.bind(workspace)).await?;
    let mut ids = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: KeyId = row.get("id")?;
        tx.execute(REVOKE.bind(id).bind(now)).await?;
        ids.push(id);
    }
    Ok(ids)
}

impl Store {
    /// Gives a workspace its key and ends the secrets that it had before. A workspace has one key in its life: this one where
    /// it never had any, with these budgets; otherwise that one is good again with `key`'s secret, and its limits and budgets,
    /// with what is spent of them, stay. `None` if the agent with this public id is not the workspace's any more, or the
    /// workspace is on its way down: nothing is given then.
    pub async fn workspace_key_give(
        &self,
        agent: &str,
        key: &Key,
        budgets: &[Budget],
    ) -> Result<Option<KeyGiven>, StoreError> {
        transaction!(self, async |tx| {
            let Some(workspace) = workspace_up_by_agent(tx, agent).await? else {
                return Ok(None);
            };
            if key.workspace != Some(workspace) {
                return Ok(None);
            }
            let now = key.created_at;
            let ended = revoke_of_workspace(tx, workspace, now).await?;
            let identity = tx.fetch_optional(IDENTITY_OF_WORKSPACE.bind(workspace)).await?;
            let Some(identity) = identity.as_ref().map(read).transpose()? else {
                insert_key(tx, key).await?;
                for budget in budgets {
                    insert_budget(tx, budget).await?;
                }
                return Ok(Some(KeyGiven { key: key.id, ended }));
            };
            let mut metadata = identity.metadata;
            metadata.extend(key.metadata.clone());
            let revive = REVIVE
                .bind(identity.id)
                .bind(key.public_id.as_str())
                .bind(&key.hash)
                .bind(now)
                .bind(json("metadata", &metadata)?);
            tx.execute(revive).await?;
            Ok(Some(KeyGiven {
                key: identity.id,
                ended,
            }))
        })
    }

    /// Inserts a key and its budgets, all or nothing.
    pub async fn key_insert(&self, key: &Key, budgets: &[Budget]) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            insert_key(tx, key).await?;
            for budget in budgets {
                insert_budget(tx, budget).await?;
            }
            Ok(())
        })
    }

    /// The key of this id, also if it is revoked or expired.
    pub async fn key_get(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        self.reader().await?.read_optional(GET.bind(id), read).await
    }

    /// The key of this public id, also if it is revoked or expired.
    pub async fn key_by_public_id(&self, public_id: &str) -> Result<Option<Key>, StoreError> {
        self.reader()
            .await?
            .read_optional(BY_PUBLIC_ID.bind(public_id), read)
            .await
    }

    /// Keys, newest first, and where to go on if there are more.
    pub async fn keys_list(
        &self,
        filter: &KeyFilter,
        page: ListPage<KeyId>,
    ) -> Result<(Vec<Key>, Option<KeyId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE 1 = 1"));
        query
            .when(" AND id < ", page.after)
            .when(" AND person = ", filter.person)
            .when(" AND group_id = ", filter.group)
            .when(" AND workspace = ", filter.workspace);
        match filter.state {
            Some((KeyState::Active, now)) => {
                query
                    .push(" AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ")
                    .bind(now)
                    .push(")");
            }
            Some((KeyState::Expired, now)) => {
                query.push(" AND revoked_at IS NULL AND expires_at <= ").bind(now);
            }
            Some((KeyState::Revoked, _)) => {
                query.push(" AND revoked_at IS NOT NULL");
            }
            None => {}
        }
        filter.reach.limit(&mut query, " AND person");
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let keys = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(keys, page.rows(), |k| k.id))
    }

    /// Replaces what may be changed of a key: its name, group, workspace, models, rates, expiry, metadata and whether
    /// content is recorded. Its secret, scope and person stay.
    pub async fn key_update(&self, key: &Key) -> Result<(), StoreError> {
        let (models, metadata) = (json("models", &key.models)?, json("metadata", &key.metadata)?);
        transaction!(self, async |tx| {
            let update = UPDATE
                .bind(key.id)
                .bind(key.name.as_str())
                .bind(key.group)
                .bind(key.workspace)
                .bind(models.as_str())
                .bind(key.rpm)
                .bind(key.tpm)
                .bind(key.concurrent)
                .bind(key.expires_at)
                .bind(metadata.as_str());
            match tx.execute(update).await? {
                0 => Err(StoreError::NotFound { what: "key" }),
                _ => Ok(()),
            }
        })
    }

    /// Revokes a key. `false` if it was revoked already; a key that does not exist is [`StoreError::NotFound`].
    pub async fn key_revoke(&self, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            if tx.execute(REVOKE.bind(id).bind(now)).await? > 0 {
                access_changed(tx).await?;
                return Ok(true);
            }
            match tx.fetch_optional(GET.bind(id)).await? {
                Some(_) => Ok(false),
                None => Err(StoreError::NotFound { what: "key" }),
            }
        })
    }

    /// Replaces a key's secret. A key that does not exist or is revoked is [`StoreError::NotFound`].
    pub async fn key_rotate(
        &self,
        id: KeyId,
        public_id: &str,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            match tx.execute(ROTATE.bind(id).bind(public_id).bind(hash).bind(now)).await? {
                0 => Err(StoreError::NotFound {
                    what: "key that could be rotated",
                }),
                _ => access_changed(tx).await,
            }
        })
    }

    /// A key and all that a request with it is judged by, as one state of the database.
    pub async fn key_chain(&self, public_id: &str) -> Result<Option<KeyChain>, StoreError> {
        let mut conn = self.snapshot().await?;
        let Some(key) = conn.read_optional(BY_PUBLIC_ID.bind(public_id), read).await? else {
            return Ok(None);
        };
        let person = person(&mut conn, key.person)
            .await?
            .ok_or(StoreError::Corrupt { what: "a key's person" })?;
        let group = match key.group.or(person.charged_group) {
            Some(id) => group(&mut conn, id).await?,
            None => None,
        };
        let org = organization(&mut conn).await?;
        let models = models_of_person(&mut conn, person.id).await?;
        let subjects = [key.id.uuid(), person.id.uuid(), org.id.uuid()]
            .into_iter()
            .chain(group.iter().map(|g| g.id.uuid()));
        let mut budgets = chain_budgets(&mut conn, subjects.collect()).await?;
        budgets.retain(|budget| !matches!(budget.subject, BudgetSubject::Tokens(_)));
        conn.commit().await?;
        Ok(Some(KeyChain {
            key,
            person,
            group,
            models,
            org,
            budgets,
        }))
    }

    /// An API token and all that a request with it is judged by, as one state of the database.
    pub async fn token_chain(&self, public_id: &str) -> Result<Option<TokenChain>, StoreError> {
        let mut conn = self.snapshot().await?;
        let Some(token) = token(&mut conn, public_id).await? else {
            return Ok(None);
        };
        let holder = holder(&mut conn, token.person).await?.ok_or(StoreError::Corrupt {
            what: "a token's person",
        })?;
        let person = &holder.person;
        let models = models_of_person(&mut conn, person.id).await?;
        let group = match person.charged_group {
            Some(id) => group(&mut conn, id).await?,
            None => None,
        };
        let org = organization(&mut conn).await?;
        let subjects = [person.id.uuid(), org.id.uuid()]
            .into_iter()
            .chain(group.iter().map(|g| g.id.uuid()));
        let budgets = chain_budgets(&mut conn, subjects.collect()).await?;
        conn.commit().await?;
        Ok(Some(TokenChain {
            token,
            holder,
            group,
            models,
            org,
            budgets,
        }))
    }
}
