//! Workspaces. How one is follows from its last build, which is read with it.

use bailey_core::people::PersonStatus;
use bailey_core::template::{ParameterValues, Resolved};
use bailey_core::workspace::{Asked, Build, BuildState, Exceeded, Quota, Transition, Usage, Workspace};
use bailey_core::{PersonId, TemplateId, TemplateVersionId, Timestamp, WorkspaceId};

use crate::builds::{auto_stop, insert_build};
use crate::conn::Conn;
use crate::groups::bounds_of_person;
use crate::page::cut;
use crate::people::person;
use crate::sql::{Assembly, each, same, statements};
use crate::store::transaction;
use crate::value::{Row, json};
use crate::{Backend, LedgerReach, ListPage, Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT w.id, w.owner, w.name, w.template, w.version, w.parameters, w.resolved, w.host_slot, w.created_at, \
             w.last_active_at, w.started_at, w.auto_stop, w.deleted_at, w.keep_home, w.build, w.agent_hash, b.transition, \
             b.state FROM workspaces w JOIN builds b ON b.workspace = w.id AND b.number = w.build",
            $rest
        )
    };
}

/// Whether a workspace counts as running: it is up, on its way up, or not down yet.
macro_rules! runs {
    () => {
        "(b.transition IN ('start', 'restart', 'update') AND b.state IN ('queued', 'running', 'succeeded') \
         OR b.state IN ('queued', 'running'))"
    };
}

macro_rules! sum {
    ($column:literal) => {
        concat!("CAST(COALESCE(SUM(", $column, "), 0) AS BIGINT)")
    };
}

macro_rules! sum_running {
    ($column:literal) => {
        concat!(
            "CAST(COALESCE(SUM(CASE WHEN w.deleted_at IS NULL AND ",
            runs!(),
            " THEN ",
            $column,
            " ELSE 0 END), 0) AS BIGINT)"
        )
    };
}

statements! {
    /// Whoever counts what a person has and then adds to it goes alone. SQLite has one writer anyway.
    ALONE = each("SELECT 1 AS one", "SELECT 1 AS one FROM organizations FOR UPDATE");
    FREE_SLOT = same(
        "SELECT MIN(c.slot) AS slot FROM (SELECT 0 AS slot UNION ALL SELECT host_slot + 1 FROM workspaces \
         WHERE host_slot IS NOT NULL) c WHERE NOT EXISTS (SELECT 1 FROM workspaces w WHERE w.host_slot = c.slot)",
    );
    INSERT = same(
        "INSERT INTO workspaces (id, owner, name, template, version, parameters, resolved, cpu_milli, memory, disk, \
         host_slot, created_at, last_active_at, auto_stop, keep_home, build) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14, 1)",
    );
    USAGE = same(concat!(
        "SELECT ",
        sum!("CASE WHEN w.deleted_at IS NULL THEN 1 ELSE 0 END"), " AS workspaces, ",
        sum_running!("1"), " AS running, ",
        sum_running!("w.cpu_milli"), " AS cpu_milli, ",
        sum_running!("w.memory"), " AS memory, ",
        sum!("w.disk"), " AS disk \
         FROM workspaces w JOIN builds b ON b.workspace = w.id AND b.number = w.build \
         WHERE w.owner = $1 AND w.id <> $2 AND (w.deleted_at IS NULL OR w.keep_home = $3)",
    ));
    GET = same(select!(" WHERE w.id = $1"));
    BY_NAME = same(select!(" WHERE w.owner = $1 AND w.name = $2 AND w.deleted_at IS NULL"));
    BY_AGENT = same(select!(" WHERE w.agent_public_id = $1"));
    UP_BY_AGENT = each(
        "SELECT w.id FROM workspaces w JOIN builds b ON b.workspace = w.id AND b.number = w.build \
         WHERE w.agent_public_id = $1 AND w.deleted_at IS NULL AND b.transition IN ('start', 'restart', 'update') \
         AND b.state IN ('queued', 'running', 'succeeded')",
        "SELECT w.id FROM workspaces w JOIN builds b ON b.workspace = w.id AND b.number = w.build \
         WHERE w.agent_public_id = $1 AND w.deleted_at IS NULL AND b.transition IN ('start', 'restart', 'update') \
         AND b.state IN ('queued', 'running', 'succeeded') FOR UPDATE OF w",
    );
    LIVE = same(concat!(
        select!(" WHERE w.deleted_at IS NULL AND b.state = 'succeeded'"),
        " AND b.transition IN ('start', 'restart', 'update') ORDER BY w.id"
    ));
    /// Those of people who are suspended that are up or on their way up.
    SUSPENDED = same(concat!(
        select!(" JOIN people p ON p.id = w.owner WHERE p.status <> 'active' AND w.deleted_at IS NULL"),
        " AND b.transition IN ('start', 'restart', 'update') AND b.state IN ('queued', 'running', 'succeeded') \
         ORDER BY w.id"
    ));
    OF_OWNER = same(select!(" WHERE w.owner = $1 AND w.deleted_at IS NULL ORDER BY w.id"));
    /// Those of people who are deleted, and were not handed over, that are not being deleted.
    OF_DELETED = same(concat!(
        select!(" JOIN people p ON p.id = w.owner WHERE p.status = 'deleted' AND w.deleted_at IS NULL"),
        " AND b.state NOT IN ('queued', 'running') ORDER BY w.id"
    ));
    HOME = same(select!(" WHERE w.id = $1 AND w.deleted_at IS NOT NULL AND w.keep_home = $2"));
    HOMES_OF_DELETED = same(concat!(
        select!(" JOIN people p ON p.id = w.owner WHERE p.status = 'deleted' AND w.deleted_at IS NOT NULL"),
        " AND w.keep_home = $1 ORDER BY w.id"
    ));
    HOME_GONE = same(
        "UPDATE workspaces SET keep_home = $2, host_slot = NULL WHERE id = $1 AND deleted_at IS NOT NULL AND keep_home <> $2",
    );
    TOUCH = same("UPDATE workspaces SET last_active_at = $2 WHERE id = $1 AND last_active_at < $2");
    SET_AUTO_STOP = same(
        "UPDATE workspaces SET auto_stop = $2, auto_stop_asked = $3 WHERE id = $1 AND deleted_at IS NULL",
    );
}

/// What a workspace is made with.
#[derive(Debug, Clone, PartialEq)]
pub struct NewWorkspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Whose it is.
    pub owner: PersonId,
    /// Its name.
    pub name: String,
    /// Its template.
    pub template: TemplateId,
    /// The version of the template.
    pub version: TemplateVersionId,
    /// Its parameters.
    pub parameters: ParameterValues,
    /// What they come to.
    pub resolved: Resolved,
    /// Seconds without activity after which it is stopped.
    pub auto_stop: Option<u64>,
    /// Now.
    pub created_at: Timestamp,
}

/// Whether something was begun that a quota is held against.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun<T> {
    /// It was.
    Yes(T),
    /// It would have passed these limits.
    Beyond(Vec<Exceeded>),
}

/// Which workspaces to list. What is `None` does not limit. Deleted ones are not listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceFilter {
    /// Those of this person.
    pub owner: Option<PersonId>,
    /// Those of this template.
    pub template: Option<TemplateId>,
    /// Those of this name.
    pub name: Option<String>,
    /// Those whose name, or whose owner's or template's name, has this in it, whatever its letters' case.
    pub text: Option<String>,
    /// Whose workspaces may be seen.
    pub reach: LedgerReach,
}

impl WorkspaceFilter {
    /// All workspaces within `reach`.
    pub const fn within(reach: LedgerReach) -> Self {
        Self {
            owner: None,
            template: None,
            name: None,
            text: None,
            reach,
        }
    }
}

fn read(row: &Row) -> Result<Workspace, StoreError> {
    Ok(Workspace {
        id: row.get("id")?,
        owner: row.get("owner")?,
        name: row.get("name")?,
        template: row.get("template")?,
        version: row.get("version")?,
        parameters: row.json("parameters")?,
        resolved: row.json("resolved")?,
        host_slot: row.get("host_slot")?,
        created_at: row.get("created_at")?,
        last_active_at: row.get("last_active_at")?,
        started_at: row.get("started_at")?,
        auto_stop: row.get("auto_stop")?,
        deleted_at: row.get("deleted_at")?,
        keep_home: row.get("keep_home")?,
        build: row.get("build")?,
        transition: row.parse("transition", Transition::parse)?,
        state: row.parse("state", BuildState::parse)?,
    })
}

pub(crate) async fn workspace(conn: &mut Conn, id: WorkspaceId) -> Result<Option<Workspace>, StoreError> {
    conn.read_optional(GET.bind(id), read).await
}

/// A person's workspaces that are not deleted.
pub(crate) async fn of_owner(conn: &mut Conn, owner: PersonId) -> Result<Vec<Workspace>, StoreError> {
    conn.read_all(OF_OWNER.bind(owner), read).await
}

/// What a person has beside one workspace. Nobody else adds to it until this transaction is over.
pub(crate) async fn usage_alone(tx: &mut Conn, owner: PersonId, beside: WorkspaceId) -> Result<Usage, StoreError> {
    tx.fetch_all(ALONE.query()).await?;
    let row = tx.fetch_optional(USAGE.bind(owner).bind(beside).bind(true)).await?;
    let row = row.ok_or(StoreError::Corrupt { what: "usage" })?;
    Ok(Usage {
        workspaces: row.get("workspaces")?,
        running: row.get("running")?,
        cpu_milli: row.get("cpu_milli")?,
        memory: row.get("memory")?,
        disk: row.get("disk")?,
    })
}

/// The workspace that is up, or on its way up, with this agent. On PostgreSQL nothing ends it until this transaction is over.
pub(crate) async fn workspace_up_by_agent(tx: &mut Conn, agent: &str) -> Result<Option<WorkspaceId>, StoreError> {
    let row = tx.fetch_optional(UP_BY_AGENT.bind(agent)).await?;
    row.map(|row| row.get("id")).transpose()
}

/// Refuses what only people who are not suspended may have.
pub(crate) async fn active_owner(tx: &mut Conn, owner: PersonId) -> Result<(), StoreError> {
    let found = person(tx, owner)
        .await?
        .ok_or(StoreError::NotFound { what: "person" })?;
    match found.status {
        PersonStatus::Active => Ok(()),
        PersonStatus::Suspended | PersonStatus::Deleted => Err(StoreError::Conflict {
            what: "workspace",
            field: "owner",
        }),
    }
}

async fn insert(tx: &mut Conn, new: &NewWorkspace, asked: &Asked) -> Result<(), StoreError> {
    let slot = tx.fetch_optional(FREE_SLOT.query()).await?;
    let slot: u32 = slot.ok_or(StoreError::Corrupt { what: "host_slot" })?.get("slot")?;
    let insert = INSERT
        .bind(new.id)
        .bind(new.owner)
        .bind(new.name.as_str())
        .bind(new.template)
        .bind(new.version)
        .bind(json("parameters", &new.parameters)?)
        .bind(json("resolved", &new.resolved)?)
        .bind(asked.cpu_milli)
        .bind(asked.memory)
        .bind(asked.disk)
        .bind(slot)
        .bind(new.created_at)
        .bind(new.auto_stop)
        .bind(false);
    tx.execute(insert).await.map(drop)
}

impl Store {
    /// Makes a workspace and its first build, if its owner's quota has room for it: `quota`, or what their groups say in its
    /// place. It is looked at in the same
    /// transaction, so two at the same time cannot both have the last place. A name that is taken is a conflict, and an owner who is suspended is one of `owner`.
    pub async fn workspace_create(
        &self,
        new: &NewWorkspace,
        build: &Build,
        quota: &Quota,
    ) -> Result<Begun<Workspace>, StoreError> {
        let asked = Asked::of(&new.resolved.resources, true);
        transaction!(self, async |tx| {
            active_owner(tx, new.owner).await?;
            let usage = usage_alone(tx, new.owner, new.id).await?;
            let quota = bounds_of_person(tx, new.owner, quota).await?.quota();
            let exceeded = quota.exceeded(&usage, &asked);
            if !exceeded.is_empty() {
                return Ok(Begun::Beyond(exceeded));
            }
            insert(tx, new, &asked).await?;
            insert_build(tx, build).await?;
            let made = workspace(tx, new.id).await?;
            made.map(Begun::Yes).ok_or(StoreError::Corrupt { what: "workspace" })
        })
    }

    /// The workspace of this id, also if it is deleted.
    pub async fn workspace_get(&self, id: WorkspaceId) -> Result<Option<Workspace>, StoreError> {
        workspace(&mut self.reader().await?, id).await
    }

    /// The workspace of this name among a person's.
    pub async fn workspace_by_name(&self, owner: PersonId, name: &str) -> Result<Option<Workspace>, StoreError> {
        self.reader()
            .await?
            .read_optional(BY_NAME.bind(owner).bind(name), read)
            .await
    }

    /// The workspace whose agent's token has this public id, and the token's hash.
    pub async fn workspace_by_agent(&self, public_id: &str) -> Result<Option<(Workspace, [u8; 32])>, StoreError> {
        self.reader()
            .await?
            .read_optional(BY_AGENT.bind(public_id), |row| Ok((read(row)?, row.get("agent_hash")?)))
            .await
    }

    /// What a person has.
    pub async fn workspaces_usage(&self, owner: PersonId) -> Result<Usage, StoreError> {
        let nothing = WorkspaceId::from_uuid(uuid::Uuid::nil());
        transaction!(self, async |tx| usage_alone(tx, owner, nothing).await)
    }

    /// Workspaces, newest first, and where to go on if there are more.
    pub async fn workspaces_list(
        &self,
        filter: &WorkspaceFilter,
        page: ListPage<WorkspaceId>,
    ) -> Result<(Vec<Workspace>, Option<WorkspaceId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE w.deleted_at IS NULL"));
        // People have few workspaces and templates many: SQLite, which counts neither, is kept from going by the template.
        let template = match (self.backend(), &filter.reach, filter.owner) {
            (Backend::Postgres, ..) | (Backend::Sqlite, LedgerReach::All, None) => " AND w.template = ",
            (Backend::Sqlite, ..) => " AND +w.template = ",
        };
        query
            .when(" AND w.id < ", page.after)
            .when(" AND w.owner = ", filter.owner)
            .when(template, filter.template)
            .when(" AND w.name = ", filter.name.as_deref());
        if let Some(text) = &filter.text {
            query
                .push(" AND (")
                .contains("w.name", text)
                .push(" OR w.owner IN (SELECT p.id FROM people p WHERE ")
                .contains("p.name", text)
                .push(") OR w.template IN (SELECT t.id FROM templates t WHERE ")
                .contains("t.name", text)
                .push("))");
        }
        filter.reach.limit(&mut query, " AND w.owner");
        query.push(" ORDER BY w.id DESC LIMIT ").bind(page.rows());
        let found = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(found, page.rows(), |w| w.id))
    }

    /// Every workspace that is up, as its last build says.
    pub async fn workspaces_up(&self) -> Result<Vec<Workspace>, StoreError> {
        self.reader().await?.read_all(LIVE.query(), read).await
    }

    /// Every workspace that is up or on its way up although its owner is suspended.
    pub async fn workspaces_of_suspended(&self) -> Result<Vec<Workspace>, StoreError> {
        self.reader().await?.read_all(SUSPENDED.query(), read).await
    }

    /// Every workspace of a person, stopped ones included.
    pub async fn workspaces_of(&self, owner: PersonId) -> Result<Vec<Workspace>, StoreError> {
        of_owner(&mut self.reader().await?, owner).await
    }

    /// Every workspace of a person who is deleted of which no build is under way: they are to be deleted, too.
    pub async fn workspaces_of_deleted(&self) -> Result<Vec<Workspace>, StoreError> {
        self.reader().await?.read_all(OF_DELETED.query(), read).await
    }

    /// The deleted workspace of this id, if its home was kept.
    pub async fn home_get(&self, id: WorkspaceId) -> Result<Option<Workspace>, StoreError> {
        self.reader().await?.read_optional(HOME.bind(id).bind(true), read).await
    }

    /// Homes that were kept when their workspaces were deleted, newest first, and where to go on if there are more.
    pub async fn homes_list(
        &self,
        filter: &WorkspaceFilter,
        page: ListPage<WorkspaceId>,
    ) -> Result<(Vec<Workspace>, Option<WorkspaceId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE w.deleted_at IS NOT NULL"));
        query
            .when(" AND w.keep_home = ", Some(true))
            .when(" AND w.id < ", page.after)
            .when(" AND w.owner = ", filter.owner)
            .when(" AND w.template = ", filter.template)
            .when(" AND w.name = ", filter.name.as_deref());
        filter.reach.limit(&mut query, " AND w.owner");
        query.push(" ORDER BY w.id DESC LIMIT ").bind(page.rows());
        let found = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(found, page.rows(), |w| w.id))
    }

    /// Kept homes of people who are deleted, and were not handed over.
    pub async fn homes_of_deleted(&self) -> Result<Vec<Workspace>, StoreError> {
        self.reader().await?.read_all(HOMES_OF_DELETED.bind(true), read).await
    }

    /// Notes that a kept home is gone: its place on the host is free again. `false` if it was gone already.
    pub async fn home_gone(&self, id: WorkspaceId) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx.execute(HOME_GONE.bind(id).bind(false)).await)?;
        Ok(rows > 0)
    }

    /// Notes when something was last done in workspaces. An earlier time than the known one changes nothing.
    pub async fn workspaces_touch(&self, active: &[(WorkspaceId, Timestamp)]) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            for (id, at) in active {
                tx.execute(TOUCH.bind(*id).bind(*at)).await?;
            }
            Ok(())
        })
    }

    /// Notes after how many seconds without activity its owner wants a workspace stopped; `None` = as its template says. What
    /// counts is never more than the template allows, now and after every update.
    pub async fn workspace_set_auto_stop(&self, id: WorkspaceId, asked: Option<u64>) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let found = workspace(tx, id).await?.filter(|w| w.deleted_at.is_none());
            let found = found.ok_or(StoreError::NotFound { what: "workspace" })?;
            let seconds = auto_stop(asked, found.resolved.auto_stop);
            tx.execute(SET_AUTO_STOP.bind(id).bind(seconds).bind(asked))
                .await
                .map(drop)
        })
    }
}
