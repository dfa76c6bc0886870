//! Who may use which templates.

use bailey_core::{GroupId, PersonId, TemplateId};

use crate::conn::Conn;
use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::{Store, StoreError};

statements! {
    RESTRICTED = same("SELECT restricted FROM templates WHERE id = $1 AND deleted_at IS NULL");
    RESTRICT = same("UPDATE templates SET restricted = $2 WHERE id = $1 AND deleted_at IS NULL");
    GROUPS = same("SELECT group_id FROM template_groups WHERE template = $1 ORDER BY group_id");
    PEOPLE = same("SELECT person FROM template_people WHERE template = $1 ORDER BY person");
    FORGET_GROUPS = same("DELETE FROM template_groups WHERE template = $1");
    FORGET_PEOPLE = same("DELETE FROM template_people WHERE template = $1");
    ADD_GROUP = same("INSERT INTO template_groups (template, group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    ADD_PERSON = same("INSERT INTO template_people (template, person) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    USABLE = same(
        "SELECT id FROM templates WHERE id = $1 AND deleted_at IS NULL AND (NOT restricted \
         OR id IN (SELECT template FROM template_people WHERE person = $2) \
         OR id IN (SELECT a.template FROM template_groups a JOIN group_members m ON m.group_id = a.group_id \
         WHERE m.person = $2))",
    );
}

/// Who may use a template, beside those who see all templates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateAccess {
    /// Whether everyone may. The lists are kept beside it, and count where it is `false`.
    pub everyone: bool,
    /// Everyone in these groups.
    pub groups: Vec<GroupId>,
    /// These people.
    pub people: Vec<PersonId>,
}

/// Adds that only templates which this person may use are asked for.
pub(crate) fn usable(query: &mut Assembly, person: PersonId) {
    query
        .push(" AND (NOT restricted OR id IN (SELECT template FROM template_people WHERE person = ")
        .bind(person)
        .push(
            ") OR id IN (SELECT a.template FROM template_groups a JOIN group_members m ON m.group_id = a.group_id \
             WHERE m.person = ",
        )
        .bind(person)
        .push("))");
}

const GONE: StoreError = StoreError::NotFound { what: "template" };

async fn restricted(conn: &mut Conn, id: TemplateId) -> Result<bool, StoreError> {
    let row = conn.fetch_optional(RESTRICTED.bind(id)).await?.ok_or(GONE)?;
    row.get("restricted")
}

impl Store {
    /// Who may use a template.
    pub async fn template_access(&self, id: TemplateId) -> Result<TemplateAccess, StoreError> {
        let mut conn = self.snapshot().await?;
        Ok(TemplateAccess {
            everyone: !restricted(&mut conn, id).await?,
            groups: conn.read_all(GROUPS.bind(id), |row| row.get("group_id")).await?,
            people: conn.read_all(PEOPLE.bind(id), |row| row.get("person")).await?,
        })
    }

    /// Sets who may use a template. A group or person that does not exist is [`StoreError::NotFound`].
    pub async fn template_access_set(&self, id: TemplateId, access: &TemplateAccess) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            if tx.execute(RESTRICT.bind(id).bind(!access.everyone)).await? == 0 {
                return Err(GONE);
            }
            tx.execute(FORGET_GROUPS.bind(id)).await?;
            tx.execute(FORGET_PEOPLE.bind(id)).await?;
            for group in &access.groups {
                tx.execute(ADD_GROUP.bind(id).bind(*group)).await?;
            }
            for person in &access.people {
                tx.execute(ADD_PERSON.bind(id).bind(*person)).await?;
            }
            Ok(())
        })
    }

    /// Whether somebody who does not see all templates may use one.
    pub async fn template_usable(&self, id: TemplateId, person: PersonId) -> Result<bool, StoreError> {
        let query = USABLE.bind(id).bind(person);
        Ok(self.reader().await?.fetch_optional(query).await?.is_some())
    }
}
