//! The price tables that were ever in use: ledger rows name theirs by version.

use bailey_core::Timestamp;

use crate::sql::{same, statements};
use crate::store::transaction;
use crate::{Store, StoreError};

statements! {
    PUT = same(
        "INSERT INTO price_versions (version, loaded_at, document) VALUES ($1, $2, $3) \
         ON CONFLICT (version) DO NOTHING",
    );
    GET = same("SELECT version, loaded_at, document FROM price_versions WHERE version = $1");
}

/// A price table that was in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceVersion {
    /// Its version.
    pub version: String,
    /// When it was first in use.
    pub loaded_at: Timestamp,
    /// The table's text.
    pub document: String,
}

impl Store {
    /// Keeps a price table. One that is kept already stays as it is: a version never changes its meaning.
    pub async fn price_version_put(
        &self,
        version: &str,
        loaded_at: Timestamp,
        document: &str,
    ) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            tx.execute(PUT.bind(version).bind(loaded_at).bind(document))
                .await
                .map(drop)
        })
    }

    /// The price table of this version.
    pub async fn price_version_get(&self, version: &str) -> Result<Option<PriceVersion>, StoreError> {
        let read = |row: &crate::value::Row| {
            Ok(PriceVersion {
                version: row.get("version")?,
                loaded_at: row.get("loaded_at")?,
                document: row.get("document")?,
            })
        };
        self.reader().await?.read_optional(GET.bind(version), read).await
    }
}
