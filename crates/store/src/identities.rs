//! Who people are at identity providers, and what their sessions have to do with those.

use bailey_core::authz::Role;
use bailey_core::identity::{Identity, ProviderSession};
use bailey_core::people::{Group, Person};
use bailey_core::{GroupId, PersonId, SessionId, Timestamp};

use crate::conn::Conn;
use crate::groups::remove_member;
use crate::offboarding::access_changed;
use crate::people::{another_owner, insert_person, is_owner, person};
use crate::roles::alone;
use crate::sql::{same, statements};
use crate::store::transaction;
use crate::value::Row;
use crate::{Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, person, provider, issuer, subject, login, email, given_role, own_role, linked_at, last_used_at \
             FROM identities",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO identities (id, person, provider, issuer, subject, login, email, given_role, own_role, linked_at, \
         last_used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    );
    BY_SUBJECT = same(select!(" WHERE issuer = $1 AND subject = $2"));
    OF_PERSON = same(select!(" WHERE person = $1 ORDER BY id"));
    ANY = same("SELECT id FROM identities LIMIT 1");
    RENEW = same(
        "UPDATE identities SET provider = $2, login = $3, email = $4, given_role = $5, own_role = $6, last_used_at = $7 \
         WHERE id = $1",
    );
    REMOVE = same("DELETE FROM identities WHERE id = $1 AND person = $2");
    SET_ROLE = same("UPDATE people SET role = $2 WHERE id = $1");
    MAKE_GROUP = same(
        "INSERT INTO groups (id, name, display_name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    );
    GROUP_ID = same("SELECT id FROM groups WHERE name = $1");
    JOIN = same("INSERT INTO group_members (group_id, person, identity) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
    JOINED = same("SELECT group_id FROM group_members WHERE person = $1 AND identity = $2");
    GIVEN_GROUPS = same(
        "SELECT g.name FROM group_members m JOIN groups g ON g.id = m.group_id WHERE m.person = $1 AND m.identity = $2 \
         ORDER BY g.name",
    );
    GIVEN_ROLES = same("SELECT role FROM grants WHERE person = $1 AND provider = $2 ORDER BY role");
    HAS_PASSWORD = same("SELECT person FROM local_passwords WHERE person = $1");
    END_OF_IDENTITY = same(
        "UPDATE sessions SET ended_at = $2 WHERE ended_at IS NULL AND id <> $3 \
         AND id IN (SELECT session FROM provider_sessions WHERE identity = $1)",
    );
    SESSION_INSERT = same(
        "INSERT INTO provider_sessions (session, identity, sid, sealed, renew_at) VALUES ($1, $2, $3, $4, $5)",
    );
    SESSION_GET = same("SELECT session, identity, sid, sealed, renew_at FROM provider_sessions WHERE session = $1");
    SESSION_RENEW = same("UPDATE provider_sessions SET sealed = $2, renew_at = $3 WHERE session = $1");
    SESSIONS_DUE = same(
        "SELECT p.session, p.identity, p.sid, p.sealed, p.renew_at, i.provider, i.subject FROM provider_sessions p \
         JOIN sessions s ON s.id = p.session JOIN identities i ON i.id = p.identity \
         WHERE p.renew_at <= $1 AND s.ended_at IS NULL AND s.expires_at > $1 ORDER BY p.renew_at LIMIT $2",
    );
    SESSIONS_OVER = same(
        "DELETE FROM provider_sessions WHERE session IN \
         (SELECT id FROM sessions WHERE ended_at IS NOT NULL OR expires_at <= $1)",
    );
    END_OF_SUBJECT = same(
        "UPDATE sessions SET ended_at = $3 WHERE ended_at IS NULL AND id IN \
         (SELECT p.session FROM provider_sessions p JOIN identities i ON i.id = p.identity \
         WHERE i.issuer = $1 AND i.subject = $2)",
    );
    END_OF_SID = same(
        "UPDATE sessions SET ended_at = $3 WHERE ended_at IS NULL AND id IN \
         (SELECT p.session FROM provider_sessions p JOIN identities i ON i.id = p.identity \
         WHERE i.issuer = $1 AND p.sid = $2)",
    );
    SPEND = same("INSERT INTO spent_secrets (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    FORGET_SPENT = same("DELETE FROM spent_secrets WHERE expires_at <= $1");
    CONFIRM = same("UPDATE sessions SET confirmed_at = $2 WHERE id = $1 AND ended_at IS NULL");
    CONFIRMED_AT = same("SELECT confirmed_at FROM sessions WHERE id = $1");
}

/// What an identity's provider gives the person at a sign-in.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    /// Another role for the person; `None` = it stays as it is. The last active owner stays one: what would change that is a
    /// conflict of the person's `last_owner`.
    pub role: Option<Role>,
    /// The groups of Bailey's that the provider's lead to, by name; those that do not exist are made. `None` = the
    /// memberships stay as they are.
    pub groups: Option<&'a [Group]>,
}

/// What counts as a way in when an identity is removed.
#[derive(Debug, Clone, Copy)]
pub struct WaysIn<'a> {
    /// Whether passwords do.
    pub passwords: bool,
    /// Issuers that do.
    pub issuers: &'a [&'a str],
}

fn role(row: &Row, column: &'static str) -> Result<Option<Role>, StoreError> {
    match row.get::<Option<String>>(column)? {
        None => Ok(None),
        Some(_) => row.parse(column, |text| text.parse().ok()).map(Some),
    }
}

fn read(row: &Row) -> Result<Identity, StoreError> {
    Ok(Identity {
        id: row.get("id")?,
        person: row.get("person")?,
        provider: row.get("provider")?,
        issuer: row.get("issuer")?,
        subject: row.get("subject")?,
        login: row.get("login")?,
        email: row.get("email")?,
        given_role: role(row, "given_role")?,
        own_role: role(row, "own_role")?,
        linked_at: row.get("linked_at")?,
        last_used_at: row.get("last_used_at")?,
    })
}

fn read_session(row: &Row) -> Result<ProviderSession, StoreError> {
    Ok(ProviderSession {
        session: row.get("session")?,
        identity: row.get("identity")?,
        sid: row.get("sid")?,
        sealed: row.get("sealed")?,
        renew_at: row.get("renew_at")?,
    })
}

async fn insert(tx: &mut Conn, identity: &Identity) -> Result<(), StoreError> {
    let insert = INSERT
        .bind(identity.id)
        .bind(identity.person)
        .bind(identity.provider.as_str())
        .bind(identity.issuer.as_str())
        .bind(identity.subject.as_str())
        .bind(identity.login.as_str())
        .bind(identity.email.as_deref())
        .bind(identity.given_role.map(Role::as_str))
        .bind(identity.own_role.map(Role::as_str))
        .bind(identity.linked_at)
        .bind(identity.last_used_at);
    tx.execute(insert).await.map(drop)
}

/// Joins the groups that the provider leads to, and leaves those that it led to before. Memberships that somebody decided here
/// are not looked at.
async fn renew_groups(tx: &mut Conn, identity: &Identity, groups: &[Group]) -> Result<bool, StoreError> {
    let joined = JOINED.bind(identity.person).bind(identity.id);
    let joined: Vec<GroupId> = tx.read_all(joined, |row| row.get("group_id")).await?;
    let mut wanted: Vec<GroupId> = Vec::with_capacity(groups.len());
    for group in groups {
        let make = MAKE_GROUP.bind(group.id).bind(group.name.as_str());
        tx.execute(make.bind(group.display_name.as_str()).bind(group.created_at))
            .await?;
        let found = tx.read_optional(GROUP_ID.bind(group.name.as_str()), |row| row.get::<GroupId>("id"));
        wanted.extend(found.await?);
    }
    let mut changed = false;
    for group in &wanted {
        let join = JOIN.bind(*group).bind(identity.person).bind(identity.id);
        changed |= tx.execute(join).await? > 0;
    }
    for group in joined.into_iter().filter(|group| !wanted.contains(group)) {
        changed |= remove_member(tx, group, identity.person).await?;
    }
    Ok(changed)
}

/// Says whether anything changed.
async fn apply(tx: &mut Conn, identity: &Identity, given: &Given<'_>) -> Result<bool, StoreError> {
    if let Some(role) = given.role {
        if role != Role::Owner {
            alone(tx).await?;
            if person(tx, identity.person)
                .await?
                .is_some_and(|before| is_owner(&before))
            {
                another_owner(tx, identity.person).await?;
            }
        }
        tx.execute(SET_ROLE.bind(identity.person).bind(role.as_str())).await?;
    }
    let changed = match given.groups {
        Some(groups) => renew_groups(tx, identity, groups).await?,
        None => false,
    };
    let changed = changed || given.role.is_some();
    if changed {
        access_changed(tx).await?;
    }
    Ok(changed)
}

impl Store {
    /// The identity of this subject at this issuer.
    pub async fn identity_by_subject(&self, issuer: &str, subject: &str) -> Result<Option<Identity>, StoreError> {
        let query = BY_SUBJECT.bind(issuer).bind(subject);
        self.reader().await?.read_optional(query, read).await
    }

    /// The identities of a person, oldest first.
    pub async fn identities_of(&self, person: PersonId) -> Result<Vec<Identity>, StoreError> {
        self.reader().await?.read_all(OF_PERSON.bind(person), read).await
    }

    /// What an identity's provider gave the person, by name: the groups that they are in for it, and the roles of people's own
    /// making that they were granted for it.
    pub async fn identity_gifts(&self, identity: &Identity) -> Result<(Vec<String>, Vec<String>), StoreError> {
        let mut conn = self.reader().await?;
        let groups = GIVEN_GROUPS.bind(identity.person).bind(identity.id);
        let roles = GIVEN_ROLES.bind(identity.person).bind(identity.provider.as_str());
        let groups = conn.read_all(groups, |row| row.get("name")).await?;
        let roles = conn.read_all(roles, |row| row.get("role")).await?;
        Ok((groups, roles))
    }

    /// Whether anybody has an identity at a provider.
    pub async fn any_identity(&self) -> Result<bool, StoreError> {
        Ok(self.reader().await?.fetch_optional(ANY.query()).await?.is_some())
    }

    /// Links an identity to the person that it names, and gives them what its provider gives. One that is somebody's already is
    /// a conflict.
    pub async fn identity_insert(&self, identity: &Identity, given: &Given<'_>) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            insert(tx, identity).await?;
            apply(tx, identity, given).await.map(drop)
        })
    }

    /// Makes a person who is known by an identity. A name that is taken is a conflict of the person's `name`.
    pub async fn identity_sign_up(
        &self,
        person: &Person,
        identity: &Identity,
        given: &Given<'_>,
    ) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            insert_person(tx, person).await?;
            insert(tx, identity).await?;
            apply(tx, identity, given).await.map(drop)
        })
    }

    /// Notes what an identity's provider says at a sign-in, and gives the person what it gives. Says whether that changed
    /// anything of theirs.
    pub async fn identity_renew(&self, identity: &Identity, given: &Given<'_>) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            let renew = RENEW
                .bind(identity.id)
                .bind(identity.provider.as_str())
                .bind(identity.login.as_str())
                .bind(identity.email.as_deref())
                .bind(identity.given_role.map(Role::as_str))
                .bind(identity.own_role.map(Role::as_str))
                .bind(identity.last_used_at);
            match tx.execute(renew).await? {
                0 => Err(StoreError::NotFound { what: "identity" }),
                _ => apply(tx, identity, given).await,
            }
        })
    }

    /// Removes an identity of a person with the memberships that it gave, gives the person `role` if there is one, and ends the
    /// sessions that began with it, but for `except`. The last of a person's ways in is a conflict of the identity's `last`.
    pub async fn identity_remove(
        &self,
        identity: &Identity,
        role: Option<Role>,
        ways: WaysIn<'_>,
        except: SessionId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (id, of) = (identity.id, identity.person);
        transaction!(self, async |tx| {
            let others = tx.read_all(OF_PERSON.bind(of), read).await?;
            let mut others = others.iter().filter(|other| other.id != id);
            let by_identity = others.any(|other| ways.issuers.contains(&other.issuer.as_str()));
            let by_password = ways.passwords && tx.fetch_optional(HAS_PASSWORD.bind(of)).await?.is_some();
            if !by_identity && !by_password {
                return Err(StoreError::Conflict {
                    what: "identity",
                    field: "last",
                });
            }
            let given = Given {
                role,
                groups: Some(&[]),
            };
            apply(tx, identity, &given).await?;
            tx.execute(END_OF_IDENTITY.bind(id).bind(now).bind(except)).await?;
            match tx.execute(REMOVE.bind(id).bind(of)).await? {
                0 => Err(StoreError::NotFound { what: "identity" }),
                _ => Ok(()),
            }
        })
    }

    /// Notes what a session has to do with a provider.
    pub async fn provider_session_insert(&self, session: &ProviderSession) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let insert = SESSION_INSERT
                .bind(session.session)
                .bind(session.identity)
                .bind(session.sid.as_deref())
                .bind(session.sealed.as_slice())
                .bind(session.renew_at);
            tx.execute(insert).await.map(drop)
        })
    }

    /// What a session has to do with a provider; `None` = nothing.
    pub async fn provider_session_get(&self, session: SessionId) -> Result<Option<ProviderSession>, StoreError> {
        let query = SESSION_GET.bind(session);
        self.reader().await?.read_optional(query, read_session).await
    }

    /// Good sessions whose provider is to be asked again by `now`, with its name and the subject, the longest due first.
    pub async fn provider_sessions_due(
        &self,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<(ProviderSession, String, String)>, StoreError> {
        let read = |row: &Row| Ok((read_session(row)?, row.get("provider")?, row.get("subject")?));
        let query = SESSIONS_DUE.bind(now).bind(most);
        self.reader().await?.read_all(query, read).await
    }

    /// Keeps the tokens that a provider gave in place of those before, and when it is to be asked again.
    pub async fn provider_session_renew(
        &self,
        session: SessionId,
        sealed: &[u8],
        renew_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        transaction!(self, async |tx| tx
            .execute(SESSION_RENEW.bind(session).bind(sealed).bind(renew_at))
            .await)
        .map(drop)
    }

    /// Forgets what sessions that are over at `now` had of their providers, and secrets that could not be tried again.
    pub async fn provider_sessions_prune(&self, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            tx.execute(SESSIONS_OVER.bind(now)).await?;
            tx.execute(FORGET_SPENT.bind(now)).await.map(drop)
        })
    }

    /// Ends the sessions that began with a provider's session of this name. Says how many.
    pub async fn provider_sessions_end_sid(&self, issuer: &str, sid: &str, now: Timestamp) -> Result<u64, StoreError> {
        transaction!(self, async |tx| tx
            .execute(END_OF_SID.bind(issuer).bind(sid).bind(now))
            .await)
    }

    /// Ends every session that began with this subject's identity. Says how many.
    pub async fn provider_sessions_end_subject(
        &self,
        issuer: &str,
        subject: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        transaction!(self, async |tx| tx
            .execute(END_OF_SUBJECT.bind(issuer).bind(subject).bind(now))
            .await)
    }

    /// Notes that something which is good once was used; it could be tried again until `expires_at`. `false` if it was used
    /// before.
    pub async fn spend_once(&self, hash: &[u8; 32], expires_at: Timestamp) -> Result<bool, StoreError> {
        transaction!(self, async |tx| Ok(tx
            .execute(SPEND.bind(hash).bind(expires_at))
            .await?
            > 0))
    }

    /// Notes that whoever uses a session showed their password again.
    pub async fn session_confirm(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, async |tx| tx.execute(CONFIRM.bind(id).bind(now)).await).map(drop)
    }

    /// When whoever uses a session last showed their password again.
    pub async fn session_confirmed_at(&self, id: SessionId) -> Result<Option<Timestamp>, StoreError> {
        let read = |row: &Row| row.get::<Option<Timestamp>>("confirmed_at");
        let found = self.reader().await?.read_optional(CONFIRMED_AT.bind(id), read).await?;
        Ok(found.flatten())
    }
}
