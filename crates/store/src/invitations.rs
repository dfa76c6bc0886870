//! One-time links that make people, or claim those that are there: only hashes of their secrets are here.

use bailey_core::identity::Invitation;
use bailey_core::people::Person;
use bailey_core::{GroupId, InvitationId, PersonId, Timestamp};

use crate::conn::Conn;
use crate::credentials::{remove_factor, set_password};
use crate::page::cut;
use crate::people::insert_person;
use crate::sessions::end_of;
use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::value::{Row, json};
use crate::{ListPage, Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, public_id, hash, claims, name, display_name, role, groups, created_by, created_at, expires_at, \
             accepted_at, revoked_at FROM invitations",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO invitations (id, public_id, hash, claims, name, display_name, role, groups, created_by, created_at, \
         expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    );
    GET = same(select!(" WHERE id = $1"));
    BY_PUBLIC_ID = same(select!(" WHERE public_id = $1"));
    SUPERSEDE = same(
        "UPDATE invitations SET revoked_at = $2 WHERE claims = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
    );
    REVOKE = same(
        "UPDATE invitations SET revoked_at = $2 WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
    );
    ACCEPT = same(
        "UPDATE invitations SET accepted_at = $2 \
         WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2",
    );
    NAME = same("UPDATE people SET name = $2, display_name = $3 WHERE id = $1");
    /// A group that was deleted meanwhile is left out.
    JOIN = same(
        "INSERT INTO group_members (group_id, person) SELECT id, $2 FROM groups WHERE id = $1 ON CONFLICT DO NOTHING",
    );
}

fn read(row: &Row) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        id: row.get("id")?,
        public_id: row.get("public_id")?,
        hash: row.get("hash")?,
        claims: row.get("claims")?,
        name: row.get("name")?,
        display_name: row.get("display_name")?,
        role: row.parse("role", |text| text.parse().ok())?,
        groups: row.json::<Vec<GroupId>>("groups")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        accepted_at: row.get("accepted_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}

/// Uses an invitation up, or fails with a conflict of its `token`: it is used, withdrawn or too old.
async fn accept(tx: &mut Conn, id: InvitationId, now: Timestamp) -> Result<(), StoreError> {
    match tx.execute(ACCEPT.bind(id).bind(now)).await? {
        0 => Err(StoreError::Conflict {
            what: "invitation",
            field: "token",
        }),
        _ => Ok(()),
    }
}

impl Store {
    /// Inserts an invitation. One that claims a person withdraws those that claimed them before.
    pub async fn invitation_insert(&self, invitation: &Invitation) -> Result<(), StoreError> {
        let groups = json("groups", &invitation.groups)?;
        transaction!(self, async |tx| {
            if let Some(person) = invitation.claims {
                tx.execute(SUPERSEDE.bind(person).bind(invitation.created_at)).await?;
            }
            let insert = INSERT
                .bind(invitation.id)
                .bind(invitation.public_id.as_str())
                .bind(&invitation.hash)
                .bind(invitation.claims)
                .bind(invitation.name.as_str())
                .bind(invitation.display_name.as_str())
                .bind(invitation.role.as_str())
                .bind(groups.as_str())
                .bind(invitation.created_by)
                .bind(invitation.created_at)
                .bind(invitation.expires_at);
            tx.execute(insert).await.map(drop)
        })
    }

    /// The invitation of this public id, also if it can be used no more.
    pub async fn invitation_by_public_id(&self, public_id: &str) -> Result<Option<Invitation>, StoreError> {
        self.reader()
            .await?
            .read_optional(BY_PUBLIC_ID.bind(public_id), read)
            .await
    }

    /// Invitations that make new people and can be used at `now`, newest first, and where to go on if there are more.
    pub async fn invitations_list(
        &self,
        now: Timestamp,
        page: ListPage<InvitationId>,
    ) -> Result<(Vec<Invitation>, Option<InvitationId>), StoreError> {
        let open = select!(" WHERE claims IS NULL AND accepted_at IS NULL AND revoked_at IS NULL");
        let mut query = Assembly::new(self.backend(), open);
        query
            .when(" AND expires_at > ", Some(now))
            .when(" AND id < ", page.after)
            .push(" ORDER BY id DESC LIMIT ")
            .bind(page.rows());
        let invitations = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(invitations, page.rows(), |i| i.id))
    }

    /// Withdraws an invitation. `false` if it was withdrawn or used already; one that does not exist is
    /// [`StoreError::NotFound`].
    pub async fn invitation_revoke(&self, id: InvitationId, now: Timestamp) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            if tx.execute(REVOKE.bind(id).bind(now)).await? > 0 {
                return Ok(true);
            }
            match tx.fetch_optional(GET.bind(id)).await? {
                Some(_) => Ok(false),
                None => Err(StoreError::NotFound { what: "invitation" }),
            }
        })
    }

    /// Makes the person that an invitation is for, with their groups and password. Fails with a conflict of the invitation's
    /// `token` if it can be used no more, and of the person's `name` if that is taken.
    pub async fn invitation_accept(
        &self,
        invitation: &Invitation,
        person: &Person,
        password: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            accept(tx, invitation.id, now).await?;
            insert_person(tx, person).await?;
            for group in &invitation.groups {
                tx.execute(JOIN.bind(*group).bind(person.id)).await?;
            }
            set_password(tx, person.id, password, now).await
        })
    }

    /// Claims a person: gives them these names and this password, takes their second factor away and ends their sessions.
    /// Fails as [`Store::invitation_accept`] does.
    pub async fn invitation_claim(
        &self,
        id: InvitationId,
        person: PersonId,
        names: (&str, &str),
        password: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (name, display_name) = names;
        transaction!(self, async |tx| {
            accept(tx, id, now).await?;
            tx.execute(NAME.bind(person).bind(name).bind(display_name)).await?;
            set_password(tx, person, password, now).await?;
            remove_factor(tx, person).await?;
            end_of(tx, person, None, now).await.map(drop)
        })
    }
}
