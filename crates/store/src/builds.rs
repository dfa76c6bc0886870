//! Builds of workspaces, and their logs.

use bailey_core::template::{ParameterValues, Resolved};
use bailey_core::workspace::{Asked, Build, BuildState, LogLine, Quota, Transition, Workspace};
use bailey_core::{BuildId, KeyId, PersonId, TemplateVersionId, Timestamp, WorkspaceId};

use crate::bulk::Bulk;
use crate::chats::stop_of_workspace;
use crate::conn::Conn;
use crate::groups::bounds_of_person;
use crate::keys::revoke_of_workspace;
use crate::page::cut;
use crate::sql::{Assembly, each, same, statements};
use crate::store::transaction;
use crate::value::{Row, Texts, Value, json};
use crate::workspaces::{Begun, active_owner, usage_alone, workspace};
use crate::{ListPage, Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, workspace, number, transition, state, version, initiator, reason, error, created_at, started_at, \
             finished_at FROM builds",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO builds (id, workspace, number, transition, state, version, initiator, reason, error, created_at, \
         started_at, finished_at, lines, agent_lines) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0)",
    );
    GET = same(select!(" WHERE workspace = $1 AND number = $2"));
    /// The last builds of workspaces.
    LAST = each(
        "SELECT b.id, b.workspace, b.number, b.transition, b.state, b.version, b.initiator, b.reason, b.error, \
         b.created_at, b.started_at, b.finished_at FROM workspaces w JOIN builds b ON b.workspace = w.id AND b.number = w.build \
         WHERE w.id IN (SELECT unhex(value) FROM json_each($1))",
        "SELECT b.id, b.workspace, b.number, b.transition, b.state, b.version, b.initiator, b.reason, b.error, \
         b.created_at, b.started_at, b.finished_at FROM workspaces w JOIN builds b ON b.workspace = w.id AND b.number = w.build \
         WHERE w.id = ANY($1)",
    );
    UNFINISHED = same(select!(" WHERE state IN ('queued', 'running') ORDER BY id"));
    NEXT = same("UPDATE workspaces SET build = build + 1, keep_home = $2 WHERE id = $1 AND deleted_at IS NULL");
    CHANGE = same(
        "UPDATE workspaces SET version = $2, parameters = $3, resolved = $4, cpu_milli = $5, memory = $6, disk = $7, auto_stop = $8 \
         WHERE id = $1",
    );
    AUTO_STOP_ASKED = same("SELECT auto_stop_asked FROM workspaces WHERE id = $1");
    RUN = same(
        "UPDATE builds SET state = 'running', started_at = COALESCE(started_at, $2) \
         WHERE id = $1 AND state IN ('queued', 'running')",
    );
    SET_TOKEN = same("UPDATE workspaces SET agent_public_id = $2, agent_hash = $3 WHERE id = $1");
    END = same(
        "UPDATE builds SET state = $2, error = $3, finished_at = $4 WHERE id = $1 AND state IN ('queued', 'running')",
    );
    UP = same("UPDATE workspaces SET started_at = $2, last_active_at = $2 WHERE id = $1");
    DOWN = same("UPDATE workspaces SET started_at = NULL, agent_public_id = NULL, agent_hash = NULL WHERE id = $1");
    GONE = same("UPDATE workspaces SET deleted_at = $2 WHERE id = $1");
    FREE_SLOT = same("UPDATE workspaces SET host_slot = NULL WHERE id = $1 AND keep_home = $2");
    LINES = same("SELECT lines, agent_lines, log_bytes FROM builds WHERE id = $1");
    COUNT_LINES = same("UPDATE builds SET lines = $2, agent_lines = $3, log_bytes = $4 WHERE id = $1");
    FORGET_OLD = same(
        "DELETE FROM build_logs WHERE build IN (SELECT id FROM builds WHERE workspace = $1 AND number <= $2)",
    );
    FORGET_DELETED = same(
        "DELETE FROM build_logs WHERE build IN (SELECT b.id FROM builds b JOIN workspaces w ON w.id = b.workspace \
         WHERE w.deleted_at < $1)",
    );
    LOG = same("SELECT number, at, source, text FROM build_logs WHERE build = $1 AND number > $2 ORDER BY number LIMIT $3");
}

const LOG_INSERT: Bulk = Bulk::insert("build_logs", &["build", "number", "at", "source", "text"], "");

/// Lines of one build's log, and the bytes of their texts, beyond which nothing is added to it but what the server itself says.
pub const LOG_LINES: u64 = 10_000;
/// See [`LOG_LINES`].
pub const LOG_BYTES: u64 = 4 << 20;
/// The source of what the server itself says about a build.
pub const LOG_OWN: &str = "build";
/// Builds of a workspace whose logs are kept, the last ones.
pub const LOGS_KEPT: u64 = 20;
/// How many lines and bytes the server itself may still say where a log is full.
const OWN_LINES: u64 = 200;
const OWN_BYTES: u64 = 256 << 10;

/// A new build. What is `None` stays as the workspace has it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewBuild {
    /// Its id.
    pub id: BuildId,
    /// What it does.
    pub transition: Transition,
    /// Who asks for it; `None` = Bailey itself.
    pub initiator: Option<PersonId>,
    /// Why Bailey itself asks for it.
    pub reason: Option<String>,
    /// Version, parameters and what they come to.
    pub change: Option<(TemplateVersionId, ParameterValues, Resolved)>,
    /// Whether a deletion leaves the home directory.
    pub keep_home: bool,
    /// Now.
    pub created_at: Timestamp,
}

/// A line to be added to a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// The agent's own number of it; lines that are there already are not added again. `None` = a line of the server.
    pub agent_number: Option<u64>,
    /// When.
    pub at: Timestamp,
    /// Where it comes from.
    pub source: String,
    /// The text.
    pub text: String,
}

fn read(row: &Row) -> Result<Build, StoreError> {
    Ok(Build {
        id: row.get("id")?,
        workspace: row.get("workspace")?,
        number: row.get("number")?,
        transition: row.parse("transition", Transition::parse)?,
        state: row.parse("state", BuildState::parse)?,
        version: row.get("version")?,
        initiator: row.get("initiator")?,
        reason: row.get("reason")?,
        error: row.get("error")?,
        created_at: row.get("created_at")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
    })
}

pub(crate) async fn insert_build(tx: &mut Conn, build: &Build) -> Result<(), StoreError> {
    let insert = INSERT
        .bind(build.id)
        .bind(build.workspace)
        .bind(build.number)
        .bind(build.transition.as_str())
        .bind(build.state.as_str())
        .bind(build.version)
        .bind(build.initiator)
        .bind(build.reason.as_deref())
        .bind(build.error.as_deref())
        .bind(build.created_at)
        .bind(build.started_at)
        .bind(build.finished_at);
    tx.execute(insert).await.map(drop)
}

async fn begin(tx: &mut Conn, before: &Workspace, new: &NewBuild) -> Result<Build, StoreError> {
    tx.execute(NEXT.bind(before.id).bind(new.keep_home)).await?;
    if let Some((version, parameters, resolved)) = &new.change {
        let asked = Asked::of(&resolved.resources, false);
        let row = tx.fetch_optional(AUTO_STOP_ASKED.bind(before.id)).await?;
        let wanted: Option<u64> = row.map(|row| row.get("auto_stop_asked")).transpose()?.flatten();
        let change = CHANGE
            .bind(before.id)
            .bind(*version)
            .bind(json("parameters", parameters)?)
            .bind(json("resolved", resolved)?)
            .bind(asked.cpu_milli)
            .bind(asked.memory)
            .bind(asked.disk)
            .bind(auto_stop(wanted, resolved.auto_stop));
        tx.execute(change).await?;
    }
    let build = Build {
        id: new.id,
        workspace: before.id,
        number: before.build + 1,
        transition: new.transition,
        state: BuildState::Queued,
        version: new.change.as_ref().map_or(before.version, |change| change.0),
        initiator: new.initiator,
        reason: new.reason.clone(),
        error: None,
        created_at: new.created_at,
        started_at: None,
        finished_at: None,
    };
    insert_build(tx, &build).await?;
    let old = build.number.saturating_sub(LOGS_KEPT);
    tx.execute(FORGET_OLD.bind(before.id).bind(old)).await?;
    Ok(build)
}

/// After how many seconds a workspace is stopped whose owner wants `asked` and whose template allows `most`.
pub(crate) fn auto_stop(asked: Option<u64>, most: Option<u64>) -> Option<u64> {
    asked.into_iter().chain(most).min()
}

/// How much of a log there is.
struct Size {
    lines: u64,
    bytes: u64,
}

impl Size {
    const fn is_full(&self) -> bool {
        self.lines >= LOG_LINES || self.bytes >= LOG_BYTES
    }

    fn has_room(&self, line: &NewLine) -> bool {
        let own = line.agent_number.is_none() && line.source == LOG_OWN;
        !self.is_full() || own && self.lines < LOG_LINES + OWN_LINES && self.bytes < LOG_BYTES + OWN_BYTES
    }

    fn add(&mut self, text: &str) -> u64 {
        self.lines += 1;
        self.bytes += text.len() as u64;
        self.lines
    }
}

fn full() -> String {
    format!(
        "the log is full, at {LOG_LINES} lines or {} MiB: what scripts and apps say from here on is left out",
        LOG_BYTES >> 20
    )
}

impl Store {
    /// Begins a build. While another one is active this is a conflict of the workspace's `build`; a workspace that is gone
    /// is [`StoreError::NotFound`]. With a quota, what the workspace needs must fit beside what its owner runs,
    /// within what their groups say in the quota's place; and an owner
    /// who is suspended is a conflict of its `owner`.
    pub async fn build_begin(
        &self,
        id: WorkspaceId,
        new: &NewBuild,
        quota: Option<&Quota>,
    ) -> Result<Begun<(Workspace, Build)>, StoreError> {
        transaction!(self, async |tx| {
            let before = workspace(tx, id).await?.filter(|w| w.deleted_at.is_none());
            let before = before.ok_or(StoreError::NotFound { what: "workspace" })?;
            if let Some(quota) = quota {
                active_owner(tx, before.owner).await?;
                let usage = usage_alone(tx, before.owner, id).await?;
                let quota = bounds_of_person(tx, before.owner, quota).await?.quota();
                let resolved = new.change.as_ref().map_or(&before.resolved, |change| &change.2);
                let exceeded = quota.exceeded(&usage, &Asked::of(&resolved.resources, false));
                if !exceeded.is_empty() {
                    return Ok(Begun::Beyond(exceeded));
                }
            }
            let build = begin(tx, &before, new).await?;
            let after = workspace(tx, id).await?;
            let after = after.ok_or(StoreError::Corrupt { what: "workspace" })?;
            Ok(Begun::Yes((after, build)))
        })
    }

    /// Notes that a build is worked on and, with a token, that its agent has this one from now on: the one before it is
    /// refused. `false` if the build is over.
    pub async fn build_run(
        &self,
        build: &Build,
        token: Option<(&str, &[u8; 32])>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            if tx.execute(RUN.bind(build.id).bind(now)).await? == 0 {
                return Ok(false);
            }
            if let Some((public_id, hash)) = token {
                tx.execute(SET_TOKEN.bind(build.workspace).bind(public_id).bind(hash))
                    .await?;
            }
            Ok(true)
        })
    }

    /// Ends a build, well or with the cause of its failure, and notes what became of its workspace. One that is down now has
    /// no token and no key any more: the answer is the keys that were revoked. `None` if the build was over already.
    pub async fn build_end(
        &self,
        build: &Build,
        outcome: Result<(), &str>,
        now: Timestamp,
    ) -> Result<Option<Vec<KeyId>>, StoreError> {
        let state = match outcome {
            Ok(()) => BuildState::Succeeded,
            Err(_) => BuildState::Failed,
        };
        let up = build.transition.goes_up();
        transaction!(self, async |tx| {
            let end = END.bind(build.id).bind(state.as_str()).bind(outcome.err()).bind(now);
            if tx.execute(end).await? == 0 {
                return Ok(None);
            }
            if up && outcome.is_ok() {
                tx.execute(UP.bind(build.workspace).bind(now)).await?;
                return Ok(Some(Vec::new()));
            }
            tx.execute(DOWN.bind(build.workspace)).await?;
            if build.transition == Transition::Delete && outcome.is_ok() {
                tx.execute(GONE.bind(build.workspace).bind(now)).await?;
                stop_of_workspace(tx, build.workspace, now).await?;
                // A home that is kept belongs to its user id, which nobody else may get.
                tx.execute(FREE_SLOT.bind(build.workspace).bind(false)).await?;
            }
            revoke_of_workspace(tx, build.workspace, now).await.map(Some)
        })
    }

    /// The last build of each of these workspaces, in no order.
    pub async fn builds_last(&self, workspaces: &[WorkspaceId]) -> Result<Vec<Build>, StoreError> {
        let ids = workspaces.iter().map(|id| id.uuid()).collect();
        self.reader().await?.read_all(LAST.bind(Value::Uuids(ids)), read).await
    }

    /// A build by its number.
    pub async fn build_get(&self, id: WorkspaceId, number: u64) -> Result<Option<Build>, StoreError> {
        self.reader()
            .await?
            .read_optional(GET.bind(id).bind(number), read)
            .await
    }

    /// Builds that are queued or running, oldest first.
    pub async fn builds_unfinished(&self) -> Result<Vec<Build>, StoreError> {
        self.reader().await?.read_all(UNFINISHED.query(), read).await
    }

    /// Builds of a workspace, newest first, and where to go on if there are more.
    pub async fn builds_list(
        &self,
        id: WorkspaceId,
        page: ListPage<BuildId>,
    ) -> Result<(Vec<Build>, Option<BuildId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE workspace = "));
        query.bind(id).when(" AND id < ", page.after);
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let found = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(found, page.rows(), |build| build.id))
    }

    /// Adds lines to a build's log, and answers with the number of its last line. Lines that an agent sent before are left
    /// out, and so is what a full log has no room for: past [`LOG_LINES`] or [`LOG_BYTES`] only the server's own lines are
    /// added, and not many of them. The log says where it is full.
    pub async fn build_log_append(&self, build: BuildId, lines: &[NewLine]) -> Result<u64, StoreError> {
        transaction!(self, async |tx| {
            let row = tx.fetch_optional(LINES.bind(build)).await?;
            let row = row.ok_or(StoreError::NotFound { what: "build" })?;
            let mut agent: u64 = row.get("agent_lines")?;
            let mut size = Size {
                lines: row.get("lines")?,
                bytes: row.get("log_bytes")?,
            };
            let mut values: Vec<Value> = Vec::with_capacity(lines.len() * 5);
            let mut sources = Texts::default();
            for line in lines {
                if let Some(number) = line.agent_number {
                    if number <= agent {
                        continue;
                    }
                    agent = number;
                }
                if !size.has_room(line) {
                    continue;
                }
                let was_full = size.is_full();
                values.extend([build.into(), size.add(&line.text).into(), line.at.into()]);
                values.extend([sources.value(&line.source), line.text.as_str().into()]);
                if size.is_full() && !was_full {
                    let text = full();
                    values.extend([build.into(), size.add(&text).into(), line.at.into()]);
                    values.extend([sources.value(LOG_OWN), text.as_str().into()]);
                }
            }
            if !values.is_empty() {
                LOG_INSERT.execute(tx, values).await?;
            }
            let count = COUNT_LINES.bind(build).bind(size.lines).bind(agent).bind(size.bytes);
            tx.execute(count).await?;
            Ok(size.lines)
        })
    }

    /// Deletes the logs of workspaces that were deleted before this time.
    pub async fn build_logs_forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        transaction!(self, async |tx| tx.execute(FORGET_DELETED.bind(before)).await)
    }

    /// Lines of a build's log after a number, at most so many.
    pub async fn build_log(&self, build: BuildId, after: u64, most: u32) -> Result<Vec<LogLine>, StoreError> {
        let line = |row: &Row| {
            Ok(LogLine {
                number: row.get("number")?,
                at: row.get("at")?,
                source: row.get("source")?,
                text: row.get("text")?,
            })
        };
        self.reader()
            .await?
            .read_all(LOG.bind(build).bind(after).bind(most), line)
            .await
    }
}
