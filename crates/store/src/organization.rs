//! The organization, and the records that a fresh database begins with.

use bailey_core::people::{Organization, Person};

use crate::conn::Conn;
use crate::people::insert_person;
use crate::sql::{same, statements};
use crate::store::transaction;
use crate::value::Row;
use crate::{Store, StoreError};

statements! {
    INSERT = same(
        "INSERT INTO organizations (id, singleton, display_name, created_at) VALUES ($1, 1, $2, $3) \
         ON CONFLICT (singleton) DO NOTHING",
    );
    GET = same("SELECT id, display_name, created_at FROM organizations");
    UPDATE = same("UPDATE organizations SET display_name = $1");
}

fn read(row: &Row) -> Result<Organization, StoreError> {
    Ok(Organization {
        id: row.get("id")?,
        display_name: row.get("display_name")?,
        created_at: row.get("created_at")?,
    })
}

pub(crate) async fn organization(conn: &mut Conn) -> Result<Organization, StoreError> {
    let organization = conn.read_optional(GET.query(), read).await?;
    organization.ok_or(StoreError::NotFound { what: "organization" })
}

impl Store {
    /// Gives an empty database its organization and its owner. `false` if it had them already; then nothing is changed.
    pub async fn bootstrap(&self, owner: &Person, org: &Organization) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            let insert = INSERT.bind(org.id).bind(org.display_name.as_str()).bind(org.created_at);
            if tx.execute(insert).await? == 0 {
                return Ok(false);
            }
            insert_person(tx, owner).await?;
            Ok(true)
        })
    }

    /// The organization. Fails with [`StoreError::NotFound`] before [`Store::bootstrap`].
    pub async fn organization(&self) -> Result<Organization, StoreError> {
        organization(&mut self.reader().await?).await
    }

    /// Gives the organization another name to show.
    pub async fn organization_update(&self, display_name: &str) -> Result<(), StoreError> {
        let rows = transaction!(self, async |tx| tx.execute(UPDATE.bind(display_name)).await)?;
        if rows == 0 {
            Err(StoreError::NotFound { what: "organization" })
        } else {
            Ok(())
        }
    }
}
