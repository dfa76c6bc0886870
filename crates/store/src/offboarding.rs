//! Suspending people, letting them back, and deleting them: what is ended, what is handed over, and the reports of both.

use bailey_core::people::PersonStatus;
use bailey_core::template::Resolved;
use bailey_core::workspace::{Asked, Quota, Workspace, WorkspaceStatus};
use bailey_core::{PersonId, Timestamp, WorkspaceId};

use crate::conn::Conn;
use crate::groups::bounds_of_person;
use crate::people::{another_owner, is_owner, person as find};
use crate::roles::alone;
use crate::sql::{same, statements};
use crate::store::transaction;
use crate::value::{Row, json};
use crate::workspaces::{Begun, active_owner, of_owner, usage_alone};
use crate::{Store, StoreError};

macro_rules! suspension {
    ($rest:literal) => {
        concat!(
            "SELECT person, at, by_person, reason, sessions, tokens, keys, invitations, streams, terminals, commands, files, \
             apps, logs, workspaces, finished_at, lifted_at FROM suspensions",
            $rest
        )
    };
}

/// A number of rows, as both databases give it.
macro_rules! count {
    ($rest:literal) => {
        concat!("SELECT CAST(COUNT(*) AS BIGINT) AS number FROM ", $rest)
    };
}

statements! {
    SUSPEND = same("UPDATE people SET status = 'suspended' WHERE id = $1 AND status = 'active'");
    REACTIVATE = same("UPDATE people SET status = 'active' WHERE id = $1 AND status = 'suspended'");
    /// What only concerned the person goes; what they are called stays.
    DELETE = same(
        "UPDATE people SET status = 'deleted', email = NULL, charged_group = NULL WHERE id = $1 AND status = 'suspended'",
    );
    LEAVE_GROUPS = same("DELETE FROM group_members WHERE person = $1");
    FORGET_PASSWORD = same("DELETE FROM local_passwords WHERE person = $1");
    FORGET_FACTOR = same("DELETE FROM second_factors WHERE person = $1");
    FORGET_CODES = same("DELETE FROM recovery_codes WHERE person = $1");
    /// Who they are at an identity provider stays, without what only concerns them: it must not become somebody else's.
    FORGET_ADDRESSES = same("UPDATE identities SET email = NULL WHERE person = $1");
    FORGET_PROVIDERS = same(
        "DELETE FROM provider_sessions WHERE identity IN (SELECT id FROM identities WHERE person = $1)",
    );
    FORGET_GRANTS = same("DELETE FROM grants WHERE person = $1");
    FORGET_TEMPLATES = same("DELETE FROM template_people WHERE person = $1");
    FORGET_BUDGETS = same("DELETE FROM budgets WHERE subject_kind IN ('person', 'tokens') AND subject = $1");
    /// Those that could be used until now are counted, and then all are ended.
    GOOD_SESSIONS = same(count!(
        "sessions WHERE person = $1 AND ended_at IS NULL AND expires_at > $2 AND last_used_at > $3"
    ));
    GOOD_TOKENS = same(count!(
        "api_tokens WHERE person = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"
    ));
    GOOD_KEYS = same(count!(
        "virtual_keys WHERE person = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"
    ));
    GOOD_INVITATIONS = same(count!(
        "invitations WHERE (claims = $1 OR created_by = $1) AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2"
    ));
    END_SESSIONS = same("UPDATE sessions SET ended_at = $2 WHERE person = $1 AND ended_at IS NULL");
    END_TOKENS = same("UPDATE api_tokens SET revoked_at = $2 WHERE person = $1 AND revoked_at IS NULL");
    END_KEYS = same("UPDATE virtual_keys SET revoked_at = $2 WHERE person = $1 AND revoked_at IS NULL");
    END_INVITATIONS = same(
        "UPDATE invitations SET revoked_at = $2 \
         WHERE (claims = $1 OR created_by = $1) AND accepted_at IS NULL AND revoked_at IS NULL",
    );
    /// Leave to act for somebody at a forge ends with their access here.
    END_EXTERNAL = same("DELETE FROM external_accounts WHERE person = $1");
    INSERT = same(
        "INSERT INTO suspensions (person, at, by_person, reason, sessions, tokens, keys, invitations, streams, terminals, \
         commands, files, apps, logs, workspaces) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    );
    LAST = same(suspension!(" WHERE person = $1 ORDER BY at DESC LIMIT 1"));
    UNFINISHED = same(suspension!(" WHERE finished_at IS NULL ORDER BY at, person"));
    ENDED = same(
        "UPDATE suspensions SET streams = $3, terminals = $4, commands = $5, files = $6, apps = $7, logs = $8, \
         finished_at = $9 WHERE person = $1 AND at = $2 AND finished_at IS NULL",
    );
    LIFT = same("UPDATE suspensions SET lifted_at = $2 WHERE person = $1 AND lifted_at IS NULL");
    HAND_OVER = same("UPDATE workspaces SET owner = $2, resolved = $3 WHERE id = $1");
    /// Its limits and what is spent of its budgets stay; from now on it is the new owner's spend.
    HAND_KEY_OVER = same(
        "UPDATE virtual_keys SET person = $2, group_id = NULL WHERE workspace = $1 AND scope = 'workspace'",
    );
    HOMES = same(count!("workspaces WHERE owner = $1 AND deleted_at IS NOT NULL AND keep_home = $2"));
    HOMES_DISK = same(
        "SELECT CAST(COALESCE(SUM(disk), 0) AS BIGINT) AS number FROM workspaces \
         WHERE owner = $1 AND deleted_at IS NOT NULL AND keep_home = $2",
    );
    HAND_HOMES_OVER = same("UPDATE workspaces SET owner = $2 WHERE owner = $1 AND deleted_at IS NOT NULL AND keep_home = $3");
    INSERT_DELETION = same(
        "INSERT INTO deletions (person, at, by_person, handed_to, workspaces, homes) VALUES ($1, $2, $3, $4, $5, $6)",
    );
    DELETION = same("SELECT person, at, by_person, handed_to, workspaces, homes FROM deletions WHERE person = $1");
    CHANGES = same("SELECT changes FROM access_changes WHERE id = 1");
    CHANGE = same("UPDATE access_changes SET changes = changes + 1 WHERE id = 1");
}

/// What of a person was open and has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Opened {
    /// Model calls under way.
    pub streams: u64,
    /// Terminals.
    pub terminals: u64,
    /// Commands.
    pub commands: u64,
    /// Files on their way.
    pub files: u64,
    /// Requests and WebSockets of apps.
    pub apps: u64,
    /// Logs and other lists that were followed.
    pub logs: u64,
}

/// What a suspension ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// Whose.
    pub person: PersonId,
    /// When.
    pub at: Timestamp,
    /// Who suspended them; `None` = Bailey itself.
    pub by: Option<PersonId>,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Sessions of browsers that were good until then.
    pub sessions: u64,
    /// API tokens that were good until then.
    pub tokens: u64,
    /// Keys that were good until then, those of workspaces included.
    pub keys: u64,
    /// One-time links for the person, or of their making, that could be used until then.
    pub invitations: u64,
    /// What was open.
    pub opened: Opened,
    /// Workspaces that ran, or were on their way up.
    pub workspaces: Vec<WorkspaceId>,
    /// When all that was open had ended.
    pub finished_at: Option<Timestamp>,
    /// When the person was made active again.
    pub lifted_at: Option<Timestamp>,
}

/// Who suspends somebody, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// Whom.
    pub person: PersonId,
    /// Now.
    pub at: Timestamp,
    /// Who; `None` = Bailey itself.
    pub by: Option<PersonId>,
    /// Why.
    pub reason: Option<String>,
    /// For how many seconds a session may lie unused and still count as good.
    pub idle_seconds: i64,
    /// What is open: it ends with the server, if that does not live to end it.
    pub opened: Opened,
}

/// What is to become of a person's workspaces when the person is deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonDelete {
    /// Who is deleted.
    pub person: PersonId,
    /// Now.
    pub at: Timestamp,
    /// Who deletes them.
    pub by: Option<PersonId>,
    /// Who gets the workspaces, and what each comes to with them; `None` = they are deleted.
    pub hand_over: Option<(PersonId, Vec<(WorkspaceId, Resolved)>)>,
}

/// What became of a deleted person's workspaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Who was deleted.
    pub person: PersonId,
    /// When.
    pub at: Timestamp,
    /// Who deleted them.
    pub by: Option<PersonId>,
    /// Who got the workspaces; `None` = they were deleted.
    pub handed_to: Option<PersonId>,
    /// The workspaces.
    pub workspaces: Vec<WorkspaceId>,
    /// How many kept homes went the same way.
    pub homes: u64,
}

fn read(row: &Row) -> Result<Suspension, StoreError> {
    Ok(Suspension {
        person: row.get("person")?,
        at: row.get("at")?,
        by: row.get("by_person")?,
        reason: row.get("reason")?,
        sessions: row.get("sessions")?,
        tokens: row.get("tokens")?,
        keys: row.get("keys")?,
        invitations: row.get("invitations")?,
        opened: Opened {
            streams: row.get("streams")?,
            terminals: row.get("terminals")?,
            commands: row.get("commands")?,
            files: row.get("files")?,
            apps: row.get("apps")?,
            logs: row.get("logs")?,
        },
        workspaces: row.json("workspaces")?,
        finished_at: row.get("finished_at")?,
        lifted_at: row.get("lifted_at")?,
    })
}

fn read_deletion(row: &Row) -> Result<Deletion, StoreError> {
    Ok(Deletion {
        person: row.get("person")?,
        at: row.get("at")?,
        by: row.get("by_person")?,
        handed_to: row.get("handed_to")?,
        workspaces: row.json("workspaces")?,
        homes: row.get("homes")?,
    })
}

async fn number(tx: &mut Conn, query: crate::sql::Query) -> Result<u64, StoreError> {
    let row = tx.fetch_optional(query).await?;
    row.ok_or(StoreError::Corrupt { what: "number" })?.get("number")
}

/// Ends everything that says who the person is.
async fn end_credentials(tx: &mut Conn, person: PersonId, now: Timestamp) -> Result<(), StoreError> {
    for statement in [END_SESSIONS, END_TOKENS, END_KEYS, END_INVITATIONS] {
        tx.execute(statement.bind(person).bind(now)).await?;
    }
    tx.execute(END_EXTERNAL.bind(person)).await?;
    changed(tx).await
}

/// Tells every server that somebody's access was taken away.
pub(crate) async fn changed(tx: &mut Conn) -> Result<(), StoreError> {
    tx.execute(CHANGE.query()).await.map(drop)
}

const fn is_stopped(workspace: &Workspace) -> bool {
    matches!(workspace.status(), WorkspaceStatus::Stopped | WorkspaceStatus::Failed)
}

/// Gives every workspace of a person, and every home that was kept, to another one.
async fn hand_over(
    tx: &mut Conn,
    delete: &PersonDelete,
    (to, moved): (PersonId, &[(WorkspaceId, Resolved)]),
    quota: &Quota,
) -> Result<Begun<()>, StoreError> {
    active_owner(tx, to).await?;
    let quota = bounds_of_person(tx, to, quota).await?.quota();
    let mut usage = usage_alone(tx, to, WorkspaceId::from_uuid(uuid::Uuid::nil())).await?;
    let there = of_owner(tx, delete.person).await?;
    let is_moved = |w: &Workspace| moved.iter().any(|(id, _)| *id == w.id);
    if there.len() != moved.len() || !there.iter().all(|w| is_moved(w) && is_stopped(w)) {
        return Err(StoreError::Conflict {
            what: "workspace",
            field: "state",
        });
    }
    let homes = number(tx, HOMES_DISK.bind(delete.person).bind(true)).await?;
    usage.disk = usage.disk.saturating_add(homes);
    for (id, resolved) in moved {
        let asked = Asked {
            disk: resolved.resources.disk.unwrap_or(0),
            new: true,
            ..Asked::default()
        };
        let mut exceeded = quota.exceeded(&usage, &asked);
        // None of them runs.
        exceeded.retain(|limit| matches!(limit.what, "workspaces" | "bytes of disk"));
        if !exceeded.is_empty() {
            return Ok(Begun::Beyond(exceeded));
        }
        usage.workspaces += 1;
        usage.disk = usage.disk.saturating_add(asked.disk);
        let resolved = json("resolved", resolved)?;
        tx.execute(HAND_OVER.bind(*id).bind(to).bind(resolved)).await?;
        tx.execute(HAND_KEY_OVER.bind(*id).bind(to)).await?;
    }
    tx.execute(HAND_HOMES_OVER.bind(delete.person).bind(to).bind(true))
        .await?;
    Ok(Begun::Yes(()))
}

impl Store {
    /// Suspends a person: ends every session, token, key, one-time link and external account of theirs, and begins the report
    /// of it, all or nothing. `None` if they are not active. The last active owner stays: a conflict of the person's `last_owner`.
    pub async fn person_suspend(&self, ask: &Suspended) -> Result<Option<Suspension>, StoreError> {
        let (person, now) = (ask.person, ask.at);
        transaction!(self, async |tx| {
            // Nobody else is demoted until this is over.
            alone(tx).await?;
            if find(tx, person).await?.is_some_and(|before| is_owner(&before)) {
                another_owner(tx, person).await?;
            }
            if tx.execute(SUSPEND.bind(person)).await? == 0 {
                return Ok(None);
            }
            let used_after = now.plus_seconds(-ask.idle_seconds);
            let sessions = number(tx, GOOD_SESSIONS.bind(person).bind(now).bind(used_after)).await?;
            let tokens = number(tx, GOOD_TOKENS.bind(person).bind(now)).await?;
            let keys = number(tx, GOOD_KEYS.bind(person).bind(now)).await?;
            let invitations = number(tx, GOOD_INVITATIONS.bind(person).bind(now)).await?;
            end_credentials(tx, person, now).await?;
            let workspaces = of_owner(tx, person).await?;
            let workspaces: Vec<WorkspaceId> = workspaces.iter().filter(|w| !is_stopped(w)).map(|w| w.id).collect();
            let insert = INSERT
                .bind(person)
                .bind(now)
                .bind(ask.by)
                .bind(ask.reason.as_deref())
                .bind(sessions)
                .bind(tokens)
                .bind(keys)
                .bind(invitations)
                .bind(ask.opened.streams)
                .bind(ask.opened.terminals)
                .bind(ask.opened.commands)
                .bind(ask.opened.files)
                .bind(ask.opened.apps)
                .bind(ask.opened.logs)
                .bind(json("workspaces", &workspaces)?);
            tx.execute(insert).await?;
            tx.read_optional(LAST.bind(person), read).await
        })
    }

    /// The last suspension of a person, also if it was lifted.
    pub async fn suspension_last(&self, person: PersonId) -> Result<Option<Suspension>, StoreError> {
        self.reader().await?.read_optional(LAST.bind(person), read).await
    }

    /// Suspensions of which not all that was open has ended yet, as far as is known.
    pub async fn suspensions_unfinished(&self) -> Result<Vec<Suspension>, StoreError> {
        self.reader().await?.read_all(UNFINISHED.query(), read).await
    }

    /// Notes what has ended of a suspension, and with `finished_at` that this is all. A finished one does not change.
    pub async fn suspension_ended(
        &self,
        (person, at): (PersonId, Timestamp),
        opened: Opened,
        finished_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let ended = ENDED
                .bind(person)
                .bind(at)
                .bind(opened.streams)
                .bind(opened.terminals)
                .bind(opened.commands)
                .bind(opened.files)
                .bind(opened.apps)
                .bind(opened.logs)
                .bind(finished_at);
            tx.execute(ended).await.map(drop)
        })
    }

    /// Makes a suspended person active again. What was ended stays ended, and so does what has come since: a token that was
    /// being made at the moment of the suspension, say. `false` if they are not suspended.
    pub async fn person_reactivate(&self, person: PersonId, now: Timestamp) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            if tx.execute(REACTIVATE.bind(person)).await? == 0 {
                return Ok(false);
            }
            end_credentials(tx, person, now).await?;
            tx.execute(LIFT.bind(person).bind(now)).await?;
            Ok(true)
        })
    }

    /// Deletes a suspended person. Their record stays under their name; their groups, password, second factor and budgets go.
    /// Workspaces and kept homes that are handed over change their owner, if the new one's quota has room for them; all must
    /// be stopped, and `hand_over` must name them all, or it is a conflict of a workspace's `state`. A person who is not
    /// suspended is a conflict of the person's `status`; a new owner who is not active one of `owner`, and who has a workspace
    /// of the same name one of `name`.
    pub async fn person_delete(&self, delete: &PersonDelete, quota: &Quota) -> Result<Begun<Deletion>, StoreError> {
        transaction!(self, async |tx| {
            let found = find(tx, delete.person).await?;
            let found = found.ok_or(StoreError::NotFound { what: "person" })?;
            if found.status != PersonStatus::Suspended {
                return Err(StoreError::Conflict {
                    what: "person",
                    field: "status",
                });
            }
            let workspaces: Vec<WorkspaceId> = of_owner(tx, delete.person).await?.iter().map(|w| w.id).collect();
            let homes = number(tx, HOMES.bind(delete.person).bind(true)).await?;
            if let Some((to, moved)) = &delete.hand_over
                && let Begun::Beyond(exceeded) = hand_over(tx, delete, (*to, moved), quota).await?
            {
                return Ok(Begun::Beyond(exceeded));
            }
            end_credentials(tx, delete.person, delete.at).await?;
            for statement in [
                LEAVE_GROUPS,
                FORGET_PASSWORD,
                FORGET_FACTOR,
                FORGET_CODES,
                FORGET_ADDRESSES,
                FORGET_PROVIDERS,
                FORGET_GRANTS,
                FORGET_TEMPLATES,
                FORGET_BUDGETS,
                DELETE,
            ] {
                tx.execute(statement.bind(delete.person)).await?;
            }
            let insert = INSERT_DELETION
                .bind(delete.person)
                .bind(delete.at)
                .bind(delete.by)
                .bind(delete.hand_over.as_ref().map(|(to, _)| *to))
                .bind(json("workspaces", &workspaces)?)
                .bind(homes);
            tx.execute(insert).await?;
            let deletion = tx.read_optional(DELETION.bind(delete.person), read_deletion).await?;
            deletion.map(Begun::Yes).ok_or(StoreError::Corrupt { what: "deletion" })
        })
    }

    /// What became of a deleted person's workspaces.
    pub async fn deletion(&self, person: PersonId) -> Result<Option<Deletion>, StoreError> {
        self.reader()
            .await?
            .read_optional(DELETION.bind(person), read_deletion)
            .await
    }

    /// A number that grows whenever somebody's access is taken away, by whichever server.
    pub async fn access_changes(&self) -> Result<u64, StoreError> {
        let row = self.reader().await?.fetch_optional(CHANGES.query()).await?;
        row.ok_or(StoreError::Corrupt { what: "access_changes" })?
            .get("changes")
    }
}
