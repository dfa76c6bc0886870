//! Groups and their members.

use std::collections::HashMap;

use bailey_core::people::{Group, GroupLimits, Person};
use bailey_core::workspace::{Bounds, Quota};
use bailey_core::{GroupId, PersonId};

use crate::conn::Conn;
use crate::offboarding::access_changed;
use crate::page::cut;
use crate::people;
use crate::roles::alone;
use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::value::{Row, json};
use crate::{LedgerReach, ListPage, Store, StoreError};

statements! {
    INSERT = same("INSERT INTO groups (id, name, display_name, created_at) VALUES ($1, $2, $3, $4)");
    GET = same("SELECT id, name, display_name, created_at FROM groups WHERE id = $1");
    BY_NAME = same("SELECT id, name, display_name, created_at FROM groups WHERE name = $1");
    UPDATE = same("UPDATE groups SET name = $2, display_name = $3 WHERE id = $1");
    DELETE = same("DELETE FROM groups WHERE id = $1");
    DELETE_BUDGETS = same("DELETE FROM budgets WHERE subject_kind = 'group' AND subject = $1");
    MEMBER_ADD = same("INSERT INTO group_members (group_id, person) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    /// What a provider gave is then somebody's own decision, and stays when the provider takes it back.
    MEMBER_KEEP = same("UPDATE group_members SET identity = NULL WHERE group_id = $1 AND person = $2");
    MEMBER_REMOVE = same("DELETE FROM group_members WHERE group_id = $1 AND person = $2");
    UNCHARGE = same("UPDATE people SET charged_group = NULL WHERE charged_group = $1 AND id = $2");
    MEMBERS = same(
        "SELECT p.id, p.name, p.display_name, p.email, p.role, p.status, p.charged_group, p.created_at \
         FROM group_members m JOIN people p ON p.id = m.person WHERE m.group_id = $1 ORDER BY p.name",
    );
    LIMITS = same("SELECT models, quota FROM groups WHERE id = $1");
    SET_LIMITS = same("UPDATE groups SET models = $2, quota = $3 WHERE id = $1");
    LIMITS_OF_PERSON = same(
        "SELECT g.name, g.models, g.quota FROM group_members m JOIN groups g ON g.id = m.group_id \
         WHERE m.person = $1 AND (g.models IS NOT NULL OR g.quota IS NOT NULL) ORDER BY g.name",
    );
    OF_PERSON = same(
        "SELECT g.id, g.name, g.display_name, g.created_at \
         FROM group_members m JOIN groups g ON g.id = m.group_id WHERE m.person = $1 ORDER BY g.name",
    );
}

fn read(row: &Row) -> Result<Group, StoreError> {
    Ok(Group {
        id: row.get("id")?,
        name: row.get("name")?,
        display_name: row.get("display_name")?,
        created_at: row.get("created_at")?,
    })
}

fn read_limits(row: &Row) -> Result<GroupLimits, StoreError> {
    let parsed = |column| match row.get::<Option<String>>(column)? {
        Some(_) => row.json(column).map(Some),
        None => Ok(None),
    };
    let quota = match row.get::<Option<String>>("quota")? {
        Some(_) => row.json("quota")?,
        None => Quota::default(),
    };
    Ok(GroupLimits {
        models: parsed("models")?,
        quota,
    })
}

/// What the groups of a person say of their limits, by the groups' names.
pub(crate) async fn limits_of_person(
    conn: &mut Conn,
    person: PersonId,
) -> Result<Vec<(String, GroupLimits)>, StoreError> {
    let read = |row: &Row| Ok((row.get("name")?, read_limits(row)?));
    conn.read_all(LIMITS_OF_PERSON.bind(person), read).await
}

/// The models that a person's groups allow them; `None` = none of them says so.
pub(crate) async fn models_of_person(conn: &mut Conn, person: PersonId) -> Result<Option<Vec<String>>, StoreError> {
    let limits = limits_of_person(conn, person).await?;
    let said: Vec<_> = limits.into_iter().filter_map(|(_, limits)| limits.models).collect();
    if said.is_empty() {
        return Ok(None);
    }
    let mut models: Vec<_> = said.into_iter().flatten().collect();
    models.sort_unstable();
    models.dedup();
    Ok(Some(models))
}

/// What a person may have for whom the deployment says `default`.
pub(crate) async fn bounds_of_person(conn: &mut Conn, person: PersonId, default: &Quota) -> Result<Bounds, StoreError> {
    let limits = limits_of_person(conn, person).await?;
    let quotas: Vec<_> = limits.into_iter().map(|(name, limits)| (name, limits.quota)).collect();
    Ok(Bounds::of(default, &quotas))
}

pub(crate) async fn group(conn: &mut Conn, id: GroupId) -> Result<Option<Group>, StoreError> {
    conn.read_optional(GET.bind(id), read).await
}

/// Ends a person's membership, and charges them to no group if it was this one.
pub(crate) async fn remove_member(tx: &mut Conn, group: GroupId, person: PersonId) -> Result<bool, StoreError> {
    tx.execute(UNCHARGE.bind(group).bind(person)).await?;
    Ok(tx.execute(MEMBER_REMOVE.bind(group).bind(person)).await? > 0)
}

impl Store {
    /// Inserts a group. A name that is taken is a conflict.
    pub async fn group_insert(&self, group: &Group) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let insert = INSERT
                .bind(group.id)
                .bind(group.name.as_str())
                .bind(group.display_name.as_str());
            tx.execute(insert.bind(group.created_at)).await.map(drop)
        })
    }

    /// The group of this id.
    pub async fn group_get(&self, id: GroupId) -> Result<Option<Group>, StoreError> {
        group(&mut self.reader().await?, id).await
    }

    /// The group of this name.
    pub async fn group_by_name(&self, name: &str) -> Result<Option<Group>, StoreError> {
        self.reader().await?.read_optional(BY_NAME.bind(name), read).await
    }

    /// Groups, newest first, and where to go on if there are more. A reader who may not see everyone sees the groups that
    /// have one of the people they may see.
    pub async fn groups_list(
        &self,
        page: ListPage<GroupId>,
        reach: &LedgerReach,
    ) -> Result<(Vec<Group>, Option<GroupId>), StoreError> {
        let select = "SELECT id, name, display_name, created_at FROM groups WHERE 1 = 1";
        let mut query = Assembly::new(self.backend(), select);
        query.when(" AND id < ", page.after);
        if *reach != LedgerReach::All {
            query.push(" AND id IN (SELECT group_id FROM group_members WHERE 1 = 1");
            reach.limit(&mut query, " AND person");
            query.push(")");
        }
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let groups = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(groups, page.rows(), |g| g.id))
    }

    /// Renames a group.
    pub async fn group_update(&self, group: &Group) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let update = UPDATE
                .bind(group.id)
                .bind(group.name.as_str())
                .bind(group.display_name.as_str());
            match tx.execute(update).await? {
                0 => Err(StoreError::NotFound { what: "group" }),
                _ => Ok(()),
            }
        })
    }

    /// Deletes a group with its budgets. People and keys that were charged to it are charged to no group; the ledger keeps
    /// its id.
    pub async fn group_delete(&self, id: GroupId) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            tx.execute(DELETE_BUDGETS.bind(id)).await?;
            match tx.execute(DELETE.bind(id)).await? {
                0 => Err(StoreError::NotFound { what: "group" }),
                _ => access_changed(tx).await,
            }
        })
    }

    /// What being in a group says of its members' limits.
    pub async fn group_limits(&self, id: GroupId) -> Result<GroupLimits, StoreError> {
        let found = self.reader().await?.read_optional(LIMITS.bind(id), read_limits).await?;
        found.ok_or(StoreError::NotFound { what: "group" })
    }

    /// The same for several groups. One that does not exist is not in the answer.
    pub async fn groups_limits(&self, groups: &[GroupId]) -> Result<HashMap<GroupId, GroupLimits>, StoreError> {
        let mut query = Assembly::new(self.backend(), "SELECT id, models, quota FROM groups");
        query.among(" WHERE id", groups.iter().map(|id| id.uuid()).collect());
        let read = |row: &Row| Ok((row.get("id")?, read_limits(row)?));
        let found = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(found.into_iter().collect())
    }

    /// Sets what being in a group says of its members' limits.
    pub async fn group_limits_set(&self, id: GroupId, limits: &GroupLimits) -> Result<(), StoreError> {
        let models = limits
            .models
            .as_ref()
            .map(|models| json("models", models))
            .transpose()?;
        let said = limits.quota != Quota::default();
        let quota = said.then(|| json("quota", &limits.quota)).transpose()?;
        transaction!(self, async |tx| {
            // Nobody makes a workspace by the quota of a moment ago.
            alone(tx).await?;
            let set = SET_LIMITS.bind(id).bind(models.as_deref()).bind(quota.as_deref());
            match tx.execute(set).await? {
                0 => Err(StoreError::NotFound { what: "group" }),
                _ => access_changed(tx).await,
            }
        })
    }

    /// What a person may have for whom the deployment says `default`, with where each limit comes from.
    pub async fn person_bounds(&self, person: PersonId, default: &Quota) -> Result<Bounds, StoreError> {
        bounds_of_person(&mut self.reader().await?, person, default).await
    }

    /// Everyone in any of these groups.
    pub async fn people_in(&self, groups: &[GroupId]) -> Result<Vec<PersonId>, StoreError> {
        let mut query = Assembly::new(self.backend(), "SELECT DISTINCT person FROM group_members");
        query.among(" WHERE group_id", groups.iter().map(|id| id.uuid()).collect());
        let read = |row: &Row| row.get("person");
        self.reader().await?.read_all(query.finish(), read).await
    }

    /// Makes a person a member. `false` if they were one already.
    pub async fn group_member_add(&self, group: GroupId, person: PersonId) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            let added = tx.execute(MEMBER_ADD.bind(group).bind(person)).await? > 0;
            if !added {
                tx.execute(MEMBER_KEEP.bind(group).bind(person)).await?;
            }
            Ok(added)
        })
    }

    /// Ends a person's membership. `false` if they were no member. Someone who was charged to the group is charged to none.
    pub async fn group_member_remove(&self, group: GroupId, person: PersonId) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            let removed = remove_member(tx, group, person).await?;
            if removed {
                access_changed(tx).await?;
            }
            Ok(removed)
        })
    }

    /// The members of a group, by name.
    pub async fn group_members(&self, group: GroupId) -> Result<Vec<Person>, StoreError> {
        self.reader().await?.read_all(MEMBERS.bind(group), people::read).await
    }

    /// The groups of a person, by name.
    pub async fn groups_of(&self, person: PersonId) -> Result<Vec<Group>, StoreError> {
        self.reader().await?.read_all(OF_PERSON.bind(person), read).await
    }
}
