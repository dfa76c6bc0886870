//! Roles that people made.

use bailey_core::authz::{AnyRole, CustomRole};
use bailey_core::{PersonId, RoleId};

use crate::conn::Conn;
use crate::page::cut;
use crate::sql::{Assembly, each, same, statements};
use crate::store::transaction;
use crate::value::{Row, json};
use crate::{ListPage, Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, description, permissions, created_at, created_by FROM roles",
            $rest
        )
    };
}

statements! {
    /// Whoever grants a role or deletes one goes alone. SQLite has one writer anyway.
    ALONE = each("SELECT 1 AS one", "SELECT 1 AS one FROM organizations FOR UPDATE");
    INSERT = same(
        "INSERT INTO roles (id, name, description, permissions, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)",
    );
    BY_NAME = same(select!(" WHERE name = $1"));
    UPDATE = same("UPDATE roles SET description = $2, permissions = $3 WHERE name = $1");
    HELD = same("SELECT id FROM grants WHERE role = $1 LIMIT 1");
    DELETE = same("DELETE FROM roles WHERE name = $1");
}

fn read(row: &Row) -> Result<CustomRole, StoreError> {
    Ok(CustomRole {
        id: row.get("id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        permissions: row.json("permissions")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

/// Keeps others from granting, deleting and demoting until this transaction is over.
pub(crate) async fn alone(tx: &mut Conn) -> Result<(), StoreError> {
    tx.fetch_all(ALONE.query()).await.map(drop)
}

/// The role of this name, built-in or not.
pub(crate) async fn role(conn: &mut Conn, name: &str) -> Result<Option<AnyRole>, StoreError> {
    if let Ok(role) = name.parse() {
        return Ok(Some(AnyRole::BuiltIn(role)));
    }
    let found = conn.read_optional(BY_NAME.bind(name), read).await?;
    Ok(found.map(|role| AnyRole::Custom {
        name: role.name,
        permissions: role.permissions,
    }))
}

const GONE: StoreError = StoreError::NotFound { what: "role" };

impl Store {
    /// Inserts a role. A name that is taken is a conflict; that of a built-in role is as well.
    pub async fn role_insert(&self, role: &CustomRole) -> Result<(), StoreError> {
        if role.name.parse::<bailey_core::authz::Role>().is_ok() {
            return Err(StoreError::Conflict {
                what: "role",
                field: "name",
            });
        }
        let permissions = json("permissions", &role.permissions)?;
        transaction!(self, async |tx| {
            let insert = INSERT
                .bind(role.id)
                .bind(role.name.as_str())
                .bind(role.description.as_str())
                .bind(permissions.as_str())
                .bind(role.created_at)
                .bind(role.created_by);
            tx.execute(insert).await.map(drop)
        })
    }

    /// The role of this name that somebody made.
    pub async fn role_custom(&self, name: &str) -> Result<Option<CustomRole>, StoreError> {
        self.reader().await?.read_optional(BY_NAME.bind(name), read).await
    }

    /// The role of this name, built-in or not.
    pub async fn role_by_name(&self, name: &str) -> Result<Option<AnyRole>, StoreError> {
        role(&mut self.reader().await?, name).await
    }

    /// Roles that people made, newest first, and where to go on if there are more. With a person only those that they or
    /// their groups hold.
    pub async fn roles_list(
        &self,
        holder: Option<PersonId>,
        page: ListPage<RoleId>,
    ) -> Result<(Vec<CustomRole>, Option<RoleId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE 1 = 1"));
        query.when(" AND id < ", page.after);
        if let Some(person) = holder {
            query
                .push(" AND name IN (SELECT role FROM grants WHERE person = ")
                .bind(person)
                .push(" OR group_id IN (SELECT group_id FROM group_members WHERE person = ")
                .bind(person)
                .push("))");
        }
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let roles = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(roles, page.rows(), |role| role.id))
    }

    /// Replaces what a role is for and what it includes; whoever holds it has that from now on.
    pub async fn role_update(&self, role: &CustomRole) -> Result<(), StoreError> {
        let permissions = json("permissions", &role.permissions)?;
        transaction!(self, async |tx| {
            let update = UPDATE
                .bind(role.name.as_str())
                .bind(role.description.as_str())
                .bind(permissions.as_str());
            match tx.execute(update).await? {
                0 => Err(GONE),
                _ => Ok(()),
            }
        })
    }

    /// Deletes a role that nobody holds; one that is granted is a conflict of its `grants`.
    pub async fn role_delete(&self, name: &str) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            alone(tx).await?;
            if tx.fetch_optional(HELD.bind(name)).await?.is_some() {
                return Err(StoreError::Conflict {
                    what: "role",
                    field: "grants",
                });
            }
            match tx.execute(DELETE.bind(name)).await? {
                0 => Err(GONE),
                _ => Ok(()),
            }
        })
    }
}
