//! Servers: the lock that keeps a second one away, what a server had in hand when it last ended, and its sign of life.

use std::time::Duration;

use bailey_core::ledger::{AccountKey, Intent};
use bailey_core::{Money, ReplicaId, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::conn::Conn;
use crate::leases::forfeit;
use crate::sql::{each, same, statements};
use crate::store::transaction;
use crate::value::Row;
use crate::{Store, StoreError};

/// How far a journal has been read: the segment's number, and bytes into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JournalPosition {
    /// The segment's number.
    pub segment: u64,
    /// Bytes into the segment.
    pub offset: u64,
}

/// What a server finds when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaClaim {
    /// How far its journal had been taken over; `None` if it has never been here.
    pub journal: Option<JournalPosition>,
    /// Its attempts that were sent and not settled.
    pub open: Vec<Intent>,
    /// Other servers that are not there any more, with what they had in hand, which now counts as spent.
    pub lost: Vec<LostReplica>,
}

/// A server that left without giving its leases back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostReplica {
    /// Which.
    pub id: ReplicaId,
    /// What it had in hand of each account.
    pub forfeited: Vec<(AccountKey, Money)>,
}

/// The advisory lock's number: "bailey" in ASCII.
const LOCK: i64 = 0x6261_696c_6579;
/// How long the connection that holds the lock may take to answer.
const LOCK_WAIT: Duration = Duration::from_secs(5);

statements! {
    CLAIM = same(
        "INSERT INTO replicas (id, claimed_at, heartbeat_at, lease_until) VALUES ($1, $2, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET claimed_at = excluded.claimed_at, heartbeat_at = excluded.heartbeat_at, \
         lease_until = excluded.lease_until, lost_at = NULL \
         RETURNING journal_segment, journal_offset",
    );
    HEARTBEAT = same("UPDATE replicas SET heartbeat_at = $2, lease_until = $3 WHERE id = $1 AND lost_at IS NULL");
    /// Whoever was here before and is not this replica, is lost; the rows are locked until it is settled.
    MARK_LOST = same("UPDATE replicas SET lost_at = $2 WHERE id <> $1 AND lost_at IS NULL");
    WITH_LEASES = same(
        "SELECT DISTINCT replica FROM budget_leases WHERE replica <> $1 AND leased > 0 ORDER BY replica",
    );
    OPEN = same("SELECT intent FROM open_attempts WHERE replica = $1 ORDER BY attempt");
    LATEST = same("SELECT id, heartbeat_at FROM replicas ORDER BY heartbeat_at DESC LIMIT 1");
    /// Who holds the lock, for the message to whoever wants it.
    HOLDER = each(
        "SELECT NULL AS holder",
        "SELECT COALESCE(a.client_addr::text, 'a local socket') AS holder FROM pg_locks l \
         JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database \
         WHERE datname = current_database()) AND ((l.classid::bigint << 32) | l.objid::bigint) = 108170520061305 LIMIT 1",
    );
}

async fn open_attempts(conn: &mut Conn, replica: ReplicaId) -> Result<Vec<Intent>, StoreError> {
    conn.read_all(OPEN.bind(replica), |row| row.json("intent")).await
}

impl Store {
    /// Makes this process the one server of the database, and says what it left behind when it last ended.
    ///
    /// On PostgreSQL an advisory lock is taken, on a connection that is kept for the store's life: a second server gets
    /// [`StoreError::AnotherServer`]. On SQLite the caller already holds the lock on the data directory. Being the only
    /// one, it counts all that other replicas have in hand as spent. Its own leases stay as they are, for its journal is
    /// going to be taken over; [`Store::leases_release_all`] ends them.
    pub async fn replica_claim(
        &self,
        id: ReplicaId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<ReplicaClaim, StoreError> {
        self.lock_database().await?;
        transaction!(self, async |tx| {
            let position = |row: &Row| {
                let (segment, offset) = (row.get::<Option<u64>>("journal_segment")?, row.get("journal_offset")?);
                Ok(segment
                    .zip(offset)
                    .map(|(segment, offset)| JournalPosition { segment, offset }))
            };
            let claim = CLAIM.bind(id).bind(now).bind(lease_until);
            let journal = tx.read_optional(claim, position).await?.flatten();
            tx.execute(MARK_LOST.bind(id).bind(now)).await?;
            let others: Vec<ReplicaId> = tx.read_all(WITH_LEASES.bind(id), |row| row.get("replica")).await?;
            let mut lost = Vec::new();
            for other in others {
                let forfeited = forfeit(tx, other).await?;
                lost.push(LostReplica { id: other, forfeited });
            }
            Ok(ReplicaClaim {
                journal,
                open: open_attempts(tx, id).await?,
                lost,
            })
        })
    }

    /// Notes that the replica lives and that its leases stand until `lease_until`.
    ///
    /// Fails with [`StoreError::AnotherServer`] or [`StoreError::LockLost`] if another server has taken over: it holds the
    /// lock, or has taken this replica for lost. A lock that was lost with its connection is taken again first.
    pub async fn replica_heartbeat(
        &self,
        id: ReplicaId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<(), StoreError> {
        self.lock_database().await?;
        let rows = transaction!(self, async |tx| tx
            .execute(HEARTBEAT.bind(id).bind(now).bind(lease_until))
            .await)?;
        if rows == 0 { Err(StoreError::LockLost) } else { Ok(()) }
    }

    /// The replica's attempts that were sent and are not settled.
    pub async fn open_attempts(&self, replica: ReplicaId) -> Result<Vec<Intent>, StoreError> {
        open_attempts(&mut self.reader().await?, replica).await
    }

    /// Takes PostgreSQL's advisory lock, or sees to it that it is still held. A connection that broke (the database was
    /// restarted, say) is made anew; if another server was quicker, this one was taken for lost, and learns it at once.
    async fn lock_database(&self) -> Result<(), StoreError> {
        let Some(options) = self.lock_options() else {
            return Ok(());
        };
        let mut held = self.lock.lock().await;
        if let Some(conn) = held.as_mut() {
            if matches!(tokio::time::timeout(LOCK_WAIT, conn.ping()).await, Ok(Ok(()))) {
                return Ok(());
            }
            *held = None;
        }
        let mut conn: PgConnection = options.connect().await?;
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut conn)
            .await?;
        if taken {
            *held = Some(conn);
            return Ok(());
        }
        drop(conn);
        Err(self.another_server().await?)
    }

    async fn another_server(&self) -> Result<StoreError, StoreError> {
        let mut reader = self.reader().await?;
        let holder: Option<String> = reader
            .read_optional(HOLDER.query(), |row| row.get("holder"))
            .await
            .ok()
            .flatten();
        let seen = |row: &Row| Ok((row.get::<ReplicaId>("id")?, row.get::<Timestamp>("heartbeat_at")?));
        let latest = reader.read_optional(LATEST.query(), seen).await?;
        let at = holder
            .map(|holder| format!(" connected from {holder}"))
            .unwrap_or_default();
        let who = latest
            .map(|(id, at)| format!(" ({id}, last heard of at {at})"))
            .unwrap_or_default();
        Ok(StoreError::AnotherServer {
            message: format!(
                "another Bailey server{at}{who} uses this database, and this version runs one server per database: stop \
                 that one first, or give this one a database of its own"
            ),
        })
    }

    pub(crate) async fn unlock(&self) {
        if let Some(conn) = self.lock.lock().await.take()
            && let Err(error) = conn.close().await
        {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the lock's connection did not close cleanly"
            );
        }
    }
}
