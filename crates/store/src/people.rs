//! People.

use bailey_core::authz::Role;
use bailey_core::people::{Person, PersonStatus};
use bailey_core::{GroupId, PersonId};

use crate::conn::Conn;
use crate::offboarding::access_changed;
use crate::page::cut;
use crate::roles::alone;
use crate::sql::{Assembly, each, same, statements};
use crate::store::transaction;
use crate::value::{Row, Value};
use crate::{LedgerReach, ListPage, Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, display_name, email, role, status, charged_group, created_at FROM people",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO people (id, name, display_name, email, role, status, charged_group, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    GET = same(select!(" WHERE id = $1"));
    BY_NAME = same(select!(" WHERE name = $1"));
    NAMES = each(
        "SELECT id, name FROM people WHERE id IN (SELECT unhex(value) FROM json_each($1))",
        "SELECT id, name FROM people WHERE id = ANY($1)",
    );
    UPDATE = same(
        "UPDATE people SET name = $2, display_name = $3, email = $4, role = $5, charged_group = $6 \
         WHERE id = $1 AND status <> 'deleted'",
    );
    JOIN_GROUP = same("INSERT INTO group_members (group_id, person) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    ANOTHER_OWNER = same("SELECT id FROM people WHERE role = 'owner' AND status = 'active' AND id <> $1 LIMIT 1");
    IS_MEMBER = same("SELECT person FROM group_members WHERE group_id = $1 AND person = $2");
}

/// Which people to list. What is `None` does not limit, but for those who are deleted: they are listed where that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFilter {
    /// Members of this group.
    pub group: Option<GroupId>,
    /// People of this status.
    pub status: Option<PersonStatus>,
    /// Those whose login name, display name or e-mail address has this in it, whatever its letters' case. SQLite knows the
    /// case of ASCII letters alone.
    pub text: Option<String>,
    /// Who may be seen.
    pub reach: LedgerReach,
}

impl PersonFilter {
    /// Everyone within `reach`.
    pub const fn within(reach: LedgerReach) -> Self {
        Self {
            group: None,
            status: None,
            text: None,
            reach,
        }
    }
}

pub(crate) fn read(row: &Row) -> Result<Person, StoreError> {
    Ok(Person {
        id: row.get("id")?,
        name: row.get("name")?,
        display_name: row.get("display_name")?,
        email: row.get("email")?,
        role: row.parse("role", |text| text.parse().ok())?,
        status: row.parse("status", |text| {
            PersonStatus::ALL.into_iter().find(|s| s.as_str() == text)
        })?,
        charged_group: row.get("charged_group")?,
        created_at: row.get("created_at")?,
    })
}

/// Inserts a person, and makes them a member of the group they are charged to.
pub(crate) async fn insert_person(tx: &mut Conn, person: &Person) -> Result<(), StoreError> {
    let insert = INSERT
        .bind(person.id)
        .bind(person.name.as_str())
        .bind(person.display_name.as_str())
        .bind(person.email.as_deref())
        .bind(person.role.as_str())
        .bind(person.status.as_str())
        .bind(person.charged_group)
        .bind(person.created_at);
    tx.execute(insert).await?;
    if let Some(group) = person.charged_group {
        tx.execute(JOIN_GROUP.bind(group).bind(person.id)).await?;
    }
    Ok(())
}

pub(crate) async fn person(conn: &mut Conn, id: PersonId) -> Result<Option<Person>, StoreError> {
    conn.read_optional(GET.bind(id), read).await
}

pub(crate) fn is_owner(person: &Person) -> bool {
    person.role == Role::Owner && person.status == PersonStatus::Active
}

/// Refuses what would leave no active owner, as a conflict of the person's `last_owner`: `person` is to be one no more. Roles
/// that are granted do not count, for a provider may take them away. Nobody else is demoted until this transaction is over.
pub(crate) async fn another_owner(tx: &mut Conn, person: PersonId) -> Result<(), StoreError> {
    alone(tx).await?;
    match tx.fetch_optional(ANOTHER_OWNER.bind(person)).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::Conflict {
            what: "person",
            field: "last_owner",
        }),
    }
}

impl Store {
    /// Inserts a person, and makes them a member of the group they are charged to. A name that is taken is a conflict.
    pub async fn person_insert(&self, person: &Person) -> Result<(), StoreError> {
        transaction!(self, async |tx| insert_person(tx, person).await)
    }

    /// The person of this id.
    pub async fn person_get(&self, id: PersonId) -> Result<Option<Person>, StoreError> {
        person(&mut self.reader().await?, id).await
    }

    /// Whether there is an active owner beside this person, by their own role.
    pub async fn owner_beside(&self, person: PersonId) -> Result<bool, StoreError> {
        let mut conn = self.reader().await?;
        Ok(conn.fetch_optional(ANOTHER_OWNER.bind(person)).await?.is_some())
    }

    /// The person of this login name.
    pub async fn person_by_name(&self, name: &str) -> Result<Option<Person>, StoreError> {
        self.reader().await?.read_optional(BY_NAME.bind(name), read).await
    }

    /// The login names of these people, in no order. Who is not there is left out.
    pub async fn person_names(&self, people: &[PersonId]) -> Result<Vec<(PersonId, String)>, StoreError> {
        let ids = people.iter().map(|id| id.uuid()).collect();
        let name = |row: &Row| Ok((row.get("id")?, row.get("name")?));
        self.reader().await?.read_all(NAMES.bind(Value::Uuids(ids)), name).await
    }

    /// People, newest first, and where to go on if there are more.
    pub async fn people_list(
        &self,
        page: ListPage<PersonId>,
        filter: &PersonFilter,
    ) -> Result<(Vec<Person>, Option<PersonId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE 1 = 1"));
        query
            .when(" AND id < ", page.after)
            .when(" AND status = ", filter.status.map(PersonStatus::as_str));
        if filter.status.is_none() {
            query.push(" AND status <> 'deleted'");
        }
        if let Some(group) = filter.group {
            query
                .push(" AND id IN (SELECT person FROM group_members WHERE group_id = ")
                .bind(group)
                .push(")");
        }
        if let Some(text) = &filter.text {
            query
                .push(" AND (")
                .contains("name", text)
                .push(" OR ")
                .contains("display_name", text)
                .push(" OR ")
                .contains("COALESCE(email, '')", text)
                .push(")");
        }
        filter.reach.limit(&mut query, " AND id");
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let people = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(people, page.rows(), |p| p.id))
    }

    /// Replaces a person's record, but for its id, the time it was made and its status, which suspending, reactivating and
    /// deleting change alone. Somebody who is deleted is not there. The charged group must be one of the person's.
    /// The last active owner stays one: what would change that is a conflict of `last_owner`.
    pub async fn person_update(&self, new: &Person) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            if !is_owner(new) {
                alone(tx).await?;
                if person(tx, new.id).await?.is_some_and(|before| is_owner(&before)) {
                    another_owner(tx, new.id).await?;
                }
            }
            let person = new;
            if let Some(group) = person.charged_group
                && tx
                    .fetch_optional(IS_MEMBER.bind(group).bind(person.id))
                    .await?
                    .is_none()
            {
                return Err(StoreError::Conflict {
                    what: "person",
                    field: "charged_group",
                });
            }
            let update = UPDATE
                .bind(person.id)
                .bind(person.name.as_str())
                .bind(person.display_name.as_str())
                .bind(person.email.as_deref())
                .bind(person.role.as_str())
                .bind(person.charged_group);
            match tx.execute(update).await? {
                0 => Err(StoreError::NotFound { what: "person" }),
                _ => access_changed(tx).await,
            }
        })
    }
}
