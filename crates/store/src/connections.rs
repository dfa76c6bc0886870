//! Connections to forges, and how far their polls have come.

use std::collections::BTreeMap;

use bailey_core::template::ParameterValues;
use bailey_core::{ConnectionId, PersonId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::page::cut;
use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::value::{Row, json};
use crate::{ListPage, Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, kind, base_url, settings, sealed, signs, enabled, created_at, created_by FROM connections",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO connections (id, name, kind, base_url, settings, sealed, signs, enabled, created_at, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    );
    BY_ID = same(select!(" WHERE id = $1"));
    BY_NAME = same(select!(" WHERE name = $1"));
    ENABLED = same(select!(" WHERE enabled ORDER BY id"));
    UPDATE = same(
        "UPDATE connections SET name = $2, base_url = $3, settings = $4, sealed = $5, enabled = $6 \
         WHERE id = $1",
    );
    SET_SIGNS = same("UPDATE connections SET signs = $2 WHERE id = $1");
    DELETE = same("DELETE FROM connections WHERE id = $1");
    POLLED = same("SELECT path, polled_to, since FROM connection_polls WHERE connection = $1");
    SET_POLLED = same(
        "UPDATE connection_polls SET polled_to = $3 WHERE connection = $1 AND path = $2",
    );
    BEGIN_POLLS = same(
        "INSERT INTO connection_polls (connection, path, polled_to, since) VALUES ($1, $2, $3, $3) \
         ON CONFLICT (connection, path) DO UPDATE SET polled_to = excluded.polled_to, since = excluded.since",
    );
}

/// What people set of a connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectionSettings {
    /// The paths of the projects that it is for.
    pub projects: Vec<String>,
    /// What its labels begin with.
    pub prefix: String,
    /// The name of the template that workspaces are made of.
    #[serde(default)]
    pub template: Option<String>,
    /// Values for the template's parameters.
    #[serde(default)]
    pub parameters: ParameterValues,
    /// The models that a label may name; `None` = all that there are.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// The model where a label names none.
    #[serde(default)]
    pub default_model: Option<String>,
    /// The forge's name of an identity provider, and its name here: who has the same identity there and here is the same person.
    #[serde(default)]
    pub identity_providers: BTreeMap<String, String>,
}

/// A connection to a forge.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionRecord {
    /// Its id, which its webhook's address has.
    pub id: ConnectionId,
    /// Its unique name.
    pub name: String,
    /// The forge's make.
    pub kind: String,
    /// Where the forge is.
    pub base_url: String,
    /// What people set.
    pub settings: ConnectionSettings,
    /// Its token and the webhook's secrets, encrypted.
    pub sealed: Vec<u8>,
    /// Whether the forge signs its deliveries: then nothing else is taken from it.
    pub signs: bool,
    /// Whether anything is done for it.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<PersonId>,
}

/// How far the poll of a project has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollState {
    /// The project's path.
    pub path: String,
    /// Changes up to here have been seen.
    pub polled_to: Timestamp,
    /// The connection is for the project from then on: what stood on its tickets before asks for nothing.
    pub since: Timestamp,
}

fn read(row: &Row) -> Result<ConnectionRecord, StoreError> {
    Ok(ConnectionRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        kind: row.get("kind")?,
        base_url: row.get("base_url")?,
        settings: row.json("settings")?,
        sealed: row.get("sealed")?,
        signs: row.get("signs")?,
        enabled: row.get("enabled")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

const GONE: StoreError = StoreError::NotFound { what: "connection" };

impl Store {
    /// Inserts a connection. A name that is taken is a conflict.
    pub async fn connection_insert(&self, new: &ConnectionRecord) -> Result<(), StoreError> {
        let settings = json("settings", &new.settings)?;
        transaction!(self, async |tx| {
            let insert = INSERT
                .bind(new.id)
                .bind(new.name.as_str())
                .bind(new.kind.as_str())
                .bind(new.base_url.as_str())
                .bind(settings.as_str())
                .bind(new.sealed.as_slice())
                .bind(new.signs)
                .bind(new.enabled)
                .bind(new.created_at)
                .bind(new.created_by);
            tx.execute(insert).await.map(drop)
        })
    }

    /// The connection of this id.
    pub async fn connection_get(&self, id: ConnectionId) -> Result<Option<ConnectionRecord>, StoreError> {
        self.reader().await?.read_optional(BY_ID.bind(id), read).await
    }

    /// The connection of this name.
    pub async fn connection_by_name(&self, name: &str) -> Result<Option<ConnectionRecord>, StoreError> {
        self.reader().await?.read_optional(BY_NAME.bind(name), read).await
    }

    /// Connections, newest first, and where to go on if there are more.
    pub async fn connections_list(
        &self,
        page: ListPage<ConnectionId>,
    ) -> Result<(Vec<ConnectionRecord>, Option<ConnectionId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE 1 = 1"));
        query.when(" AND id < ", page.after);
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let found = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(found, page.rows(), |record| record.id))
    }

    /// The connections for which something is done, oldest first.
    pub async fn connections_enabled(&self) -> Result<Vec<ConnectionRecord>, StoreError> {
        self.reader().await?.read_all(ENABLED.query(), read).await
    }

    /// Replaces what people can change of a connection; whether its forge signs is not theirs to say.
    pub async fn connection_update(&self, new: &ConnectionRecord) -> Result<(), StoreError> {
        let settings = json("settings", &new.settings)?;
        transaction!(self, async |tx| {
            let update = UPDATE
                .bind(new.id)
                .bind(new.name.as_str())
                .bind(new.base_url.as_str())
                .bind(settings.as_str())
                .bind(new.sealed.as_slice())
                .bind(new.enabled);
            match tx.execute(update).await? {
                0 => Err(GONE),
                _ => Ok(()),
            }
        })
    }

    /// Notes whether the forge signs its deliveries.
    pub async fn connection_set_signs(&self, id: ConnectionId, signs: bool) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            match tx.execute(SET_SIGNS.bind(id).bind(signs)).await? {
                0 => Err(GONE),
                _ => Ok(()),
            }
        })
    }

    /// Deletes a connection with its deliveries and the records of its runs. Workspaces stay. `false` if there was none.
    pub async fn connection_delete(&self, id: ConnectionId) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx.execute(DELETE.bind(id)).await)?;
        Ok(rows > 0)
    }

    /// Begins to look at projects of a connection: from now on, whatever was seen of them before.
    pub async fn connection_polls_begin(
        &self,
        id: ConnectionId,
        paths: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            for path in paths {
                tx.execute(BEGIN_POLLS.bind(id).bind(path.as_str()).bind(now)).await?;
            }
            Ok(())
        })
    }

    /// How far the polls of a connection's projects have come.
    pub async fn connection_polls(&self, id: ConnectionId) -> Result<Vec<PollState>, StoreError> {
        let read = |row: &Row| {
            Ok(PollState {
                path: row.get("path")?,
                polled_to: row.get("polled_to")?,
                since: row.get("since")?,
            })
        };
        self.reader().await?.read_all(POLLED.bind(id), read).await
    }

    /// Notes how far the poll of a project has come.
    pub async fn connection_polled(&self, id: ConnectionId, path: &str, to: Timestamp) -> Result<(), StoreError> {
        transaction!(self, async |tx| tx
            .execute(SET_POLLED.bind(id).bind(path).bind(to))
            .await
            .map(drop))
    }
}
