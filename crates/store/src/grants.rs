//! Grants: roles that people and groups have besides, and what somebody's authority follows from.

use bailey_core::authz::{AnyRole, Grant, Held, Holder, Permissions, Subject};
use bailey_core::{GrantId, GroupId, PersonId, Timestamp};

use crate::conn::Conn;
use crate::offboarding::access_changed;
use crate::page::cut;
use crate::people::person;
use crate::roles::{alone, role};
use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::value::Row;
use crate::{LedgerReach, ListPage, Store, StoreError};

macro_rules! held {
    ($rest:literal) => {
        concat!(
            "SELECT h.id, h.role, h.group_id, g.name AS group_name, r.permissions FROM grants h \
             LEFT JOIN groups g ON g.id = h.group_id LEFT JOIN roles r ON r.name = h.role",
            $rest
        )
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, role, person, group_id, provider, created_at, created_by FROM grants",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO grants (id, role, person, group_id, provider, created_at, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    GET = same(select!(" WHERE id = $1"));
    OF_PROVIDER = same(select!(" WHERE person = $1 AND provider = $2 ORDER BY id"));
    DELETE = same("DELETE FROM grants WHERE id = $1");
    GROUPS = same("SELECT group_id FROM group_members WHERE person = $1 ORDER BY group_id");
    HELD_BY = same(held!(
        " WHERE h.person = $1 OR h.group_id IN (SELECT group_id FROM group_members WHERE person = $1) ORDER BY h.id"
    ));
    HELD_BY_GROUP = same(held!(" WHERE h.group_id = $1 ORDER BY h.id"));
}

/// Which grants to list. What is `None` does not limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantFilter {
    /// Those of this person, without those of their groups.
    pub person: Option<PersonId>,
    /// Those of this group.
    pub group: Option<GroupId>,
    /// Those of the role of this name.
    pub role: Option<String>,
    /// Whose may be seen: those of people, and of groups that have one of them.
    pub reach: LedgerReach,
}

impl GrantFilter {
    /// All grants within `reach`.
    pub const fn within(reach: LedgerReach) -> Self {
        Self {
            person: None,
            group: None,
            role: None,
            reach,
        }
    }
}

fn read(row: &Row) -> Result<Grant, StoreError> {
    let (person, group): (Option<PersonId>, Option<GroupId>) = (row.get("person")?, row.get("group_id")?);
    let subject = match (person, group) {
        (Some(person), None) => Subject::Person(person),
        (None, Some(group)) => Subject::Group(group),
        _ => return Err(StoreError::Corrupt { what: "grant" }),
    };
    let provider: String = row.get("provider")?;
    Ok(Grant {
        id: row.get("id")?,
        role: row.get("role")?,
        subject,
        provider: (!provider.is_empty()).then_some(provider),
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

fn read_held(row: &Row) -> Result<Held, StoreError> {
    let name: String = row.get("role")?;
    let role = match name.parse() {
        Ok(role) => AnyRole::BuiltIn(role),
        // A role that is gone gives nothing.
        Err(_) => AnyRole::Custom {
            permissions: match row.get::<Option<String>>("permissions")? {
                Some(_) => row.json("permissions")?,
                None => Permissions::default(),
            },
            name,
        },
    };
    let group: Option<GroupId> = row.get("group_id")?;
    let group_name: Option<String> = row.get("group_name")?;
    Ok(Held {
        grant: row.get("id")?,
        role,
        group: group.map(|id| (id, group_name.unwrap_or_default())),
    })
}

async fn insert(tx: &mut Conn, grant: &Grant) -> Result<(), StoreError> {
    if role(tx, &grant.role).await?.is_none() {
        return Err(StoreError::NotFound { what: "role" });
    }
    let (person, group) = match grant.subject {
        Subject::Person(id) => (Some(id), None),
        Subject::Group(id) => (None, Some(id)),
    };
    let insert = INSERT
        .bind(grant.id)
        .bind(grant.role.as_str())
        .bind(person)
        .bind(group)
        .bind(grant.provider.as_deref().unwrap_or_default())
        .bind(grant.created_at)
        .bind(grant.created_by);
    tx.execute(insert).await.map(drop)
}

/// A person and all that their authority follows from.
pub(crate) async fn holder(conn: &mut Conn, id: PersonId) -> Result<Option<Holder>, StoreError> {
    let Some(person) = person(conn, id).await? else {
        return Ok(None);
    };
    let groups = conn.read_all(GROUPS.bind(id), |row| row.get("group_id")).await?;
    let grants = conn.read_all(HELD_BY.bind(id), read_held).await?;
    Ok(Some(Holder { person, groups, grants }))
}

impl Store {
    /// A person and all that their authority follows from, as it is now.
    pub async fn holder(&self, id: PersonId) -> Result<Option<Holder>, StoreError> {
        holder(&mut self.reader().await?, id).await
    }

    /// What everyone in a group has by it.
    pub async fn grants_of_group(&self, group: GroupId) -> Result<Vec<Held>, StoreError> {
        let query = HELD_BY_GROUP.bind(group);
        self.reader().await?.read_all(query, read_held).await
    }

    /// Grants a role. The same role a second time is a conflict; a role, person or group that does not exist is
    /// [`StoreError::NotFound`].
    pub async fn grant_insert(&self, grant: &Grant) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            alone(tx).await?;
            insert(tx, grant).await
        })
    }

    /// The grant of this id.
    pub async fn grant_get(&self, id: GrantId) -> Result<Option<Grant>, StoreError> {
        self.reader().await?.read_optional(GET.bind(id), read).await
    }

    /// Grants, newest first, and where to go on if there are more.
    pub async fn grants_list(
        &self,
        filter: &GrantFilter,
        page: ListPage<GrantId>,
    ) -> Result<(Vec<Grant>, Option<GrantId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE 1 = 1"));
        query
            .when(" AND id < ", page.after)
            .when(" AND person = ", filter.person)
            .when(" AND group_id = ", filter.group)
            .when(" AND role = ", filter.role.as_deref());
        if filter.reach != LedgerReach::All {
            query.push(" AND ((person IS NOT NULL");
            filter.reach.limit(&mut query, " AND person");
            query.push(") OR group_id IN (SELECT group_id FROM group_members WHERE 1 = 1");
            filter.reach.limit(&mut query, " AND person");
            query.push("))");
        }
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let grants = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(grants, page.rows(), |grant| grant.id))
    }

    /// Takes a granted role away. `false` if it was taken away already.
    pub async fn grant_delete(&self, id: GrantId) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            let gone = tx.execute(DELETE.bind(id)).await? > 0;
            if gone {
                access_changed(tx).await?;
            }
            Ok(gone)
        })
    }

    /// Makes the roles that a person has from one identity provider exactly these; what people granted, and what other
    /// providers did, stays. Roles that do not exist are left out. `id` makes the ids of new grants. Answers whether anything
    /// changed.
    pub async fn grants_set_of_provider(
        &self,
        person: PersonId,
        provider: &str,
        roles: &[String],
        id: impl Fn() -> GrantId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            alone(tx).await?;
            let before = tx.read_all(OF_PROVIDER.bind(person).bind(provider), read).await?;
            let mut changed = false;
            for grant in before.iter().filter(|grant| !roles.contains(&grant.role)) {
                tx.execute(DELETE.bind(grant.id)).await?;
                changed = true;
            }
            let mut have: Vec<&str> = before.iter().map(|grant| grant.role.as_str()).collect();
            for name in roles {
                if have.contains(&name.as_str()) || role(tx, name).await?.is_none() {
                    continue;
                }
                have.push(name);
                let grant = Grant {
                    id: id(),
                    role: name.clone(),
                    subject: Subject::Person(person),
                    provider: Some(provider.to_owned()),
                    created_at: now,
                    created_by: None,
                };
                insert(tx, &grant).await?;
                changed = true;
            }
            if changed {
                access_changed(tx).await?;
            }
            Ok(changed)
        })
    }
}
