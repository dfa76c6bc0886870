//! Opening a database, and the ways to use it: to read, and to write in a `transaction!`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use bailey_core::{Secret, Timestamp};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Mutex;

use crate::conn::Conn;
use crate::sql::{each, same, statements};
use crate::{StoreError, migrate};

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Target {
    /// A file; it is made if it is not there. Its directory must exist.
    Sqlite(PathBuf),
    /// A PostgreSQL database, as `postgres://user:password@host:port/name`.
    Postgres(Secret<String>),
}

/// The kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite, in this process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Backend {
    /// The name used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A database that is up to date. Cheap to clone; all clones share its connections.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    /// The connection that holds PostgreSQL's advisory lock; see [`Store::replica_claim`].
    pub(crate) lock: Arc<Mutex<Option<PgConnection>>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.backend()).finish()
    }
}

#[derive(Clone)]
enum Pools {
    Sqlite {
        /// One connection: SQLite has one writer, and waiting for it here is fair, where its own busy handler is not.
        writer: SqlitePool,
        /// For single statements, outside transactions.
        readers: SqlitePool,
        /// For transactions that only read.
        snapshots: SqlitePool,
    },
    Postgres(PgPool),
}

/// How long to wait for a connection of the pool, and on SQLite for another process's write.
const WAIT: Duration = Duration::from_secs(10);
/// The longest that one statement may take on PostgreSQL.
const STATEMENT_TIMEOUT: &str = "30s";
/// The longest that one statement waits for a row that another transaction has locked.
const LOCK_TIMEOUT: &str = "10s";
/// How often a transaction that lost to another one is run again.
const RETRIES: u32 = 6;
/// What SQLite's log is cut down to once it has been written back.
const WAL_BYTES: &str = "67108864";
const POSTGRES_CONNECTIONS: u32 = 12;
const SQLITE_READERS: u32 = 4;
const SQLITE_SNAPSHOTS: u32 = 2;
/// What each connection to SQLite keeps of the database in memory at most, in KiB as a negative number, as the pragma wants
/// it. It takes what it needs: on a large database the upper pages of all indexes and the newest rows.
const SQLITE_CACHE: &str = "-8192";

statements! {
    /// The database's own clock, in microseconds.
    CLOCK = each(
        "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER) AS clock",
        "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS clock",
    );
    WRITE_CHECK = same("UPDATE write_checks SET writes = writes + 1 WHERE id = 1");
}

impl Store {
    /// Connects, and brings the schema up to date under a lock, so that any number of processes may do this at once.
    ///
    /// Fails with [`StoreError::TooNew`] if a newer program has been here.
    pub async fn open(target: &Target) -> Result<Self, StoreError> {
        let pools = match target {
            Target::Sqlite(path) => sqlite_pools(&sqlite_options(path)).await?,
            Target::Postgres(url) => {
                let options = postgres_options(url)?;
                migrate::postgres(&options).await?;
                let pool = PgPoolOptions::new()
                    .max_connections(POSTGRES_CONNECTIONS)
                    .acquire_timeout(WAIT);
                Pools::Postgres(pool.connect_with(options).await?)
            }
        };
        Ok(Self {
            pools,
            lock: Arc::default(),
        })
    }

    /// The kind of database.
    pub const fn backend(&self) -> Backend {
        match self.pools {
            Pools::Sqlite { .. } => Backend::Sqlite,
            Pools::Postgres(_) => Backend::Postgres,
        }
    }

    /// Asks the database for its clock: what it answers shows that it is there, and whether this process's clock agrees.
    pub async fn ping(&self) -> Result<Timestamp, StoreError> {
        let row = self.reader().await?.fetch_optional(CLOCK.query()).await?;
        row.ok_or(StoreError::Corrupt { what: "clock" })?.get("clock")
    }

    /// Writes one row and commits, for the readiness check.
    pub async fn write_check(&self) -> Result<(), StoreError> {
        let rows = transaction!(self, async |tx| tx.execute(WRITE_CHECK.query()).await)?;
        if rows == 1 {
            Ok(())
        } else {
            Err(StoreError::Corrupt { what: "write_checks" })
        }
    }

    /// Closes every connection, the one that holds the lock last.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite {
                writer,
                readers,
                snapshots,
            } => {
                readers.close().await;
                snapshots.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
        self.unlock().await;
    }

    /// How to make PostgreSQL's lock connection; `None` on SQLite, which needs none.
    pub(crate) fn lock_options(&self) -> Option<PgConnectOptions> {
        match &self.pools {
            Pools::Sqlite { .. } => None,
            Pools::Postgres(pool) => Some((*pool.connect_options()).clone()),
        }
    }

    /// A connection for one statement that reads.
    pub(crate) async fn reader(&self) -> Result<Conn, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { readers, .. } => Conn::Sqlite(readers.acquire().await?),
            Pools::Postgres(pool) => Conn::Postgres(pool.acquire().await?),
        })
    }

    /// A transaction in which several statements read one state of the database.
    pub(crate) async fn snapshot(&self) -> Result<Conn, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { snapshots, .. } => Conn::SqliteTx(snapshots.begin_with("BEGIN").await?),
            Pools::Postgres(pool) => Conn::PostgresTx(
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await?,
            ),
        })
    }

    /// Begins what [`transaction!`] runs.
    pub(crate) async fn begin(&self) -> Result<Conn, StoreError> {
        Ok(match &self.pools {
            // Taken as a writer from the start: a reader that becomes a writer later can fail at once, and does not wait.
            Pools::Sqlite { writer, .. } => Conn::SqliteTx(writer.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres(pool) => Conn::PostgresTx(pool.begin_with("BEGIN").await?),
        })
    }
}

/// Ends what [`transaction!`] ran: commits, or undoes it all. `None` means that it lost to another transaction and is to be
/// run again.
pub(crate) async fn end<T>(
    conn: Conn,
    outcome: Result<T, StoreError>,
    tries: &mut u32,
) -> Option<Result<T, StoreError>> {
    let outcome = match outcome {
        Ok(value) => conn.commit().await.map(|()| value),
        Err(error) => {
            conn.rollback().await;
            Err(error)
        }
    };
    match outcome {
        Err(error) if error.passing() && *tries < RETRIES => {
            tracing::debug!(tries, "a transaction lost to another one and is run again");
            tokio::time::sleep(Duration::from_millis(5 << *tries)).await;
            *tries += 1;
            None
        }
        outcome => Some(outcome),
    }
}

/// Runs statements in a transaction and commits, or undoes them all: `transaction!(store, async |tx| { ... })`. On PostgreSQL
/// they are run again if they lost to another transaction, so they must not do anything else than talk to the database.
///
/// A macro and not a method that takes a closure: the future of an `AsyncFn` that borrows is not known to be `Send`, and
/// request handlers need it to be.
macro_rules! transaction {
    ($store:expr, async |$tx:ident| $work:expr) => {{
        let mut tries = 0;
        loop {
            let mut conn = $store.begin().await?;
            let outcome = async {
                let $tx = &mut conn;
                $work
            }
            .await;
            if let Some(outcome) = $crate::store::end(conn, outcome, &mut tries).await {
                break outcome;
            }
        }
    }};
}
pub(crate) use transaction;

/// Brings the schema up to date and opens the pools. A file that another process turns into a WAL database at this moment
/// is reported as locked at once, whatever the busy timeout, so this is tried again for as long as that allows.
async fn sqlite_pools(options: &SqliteConnectOptions) -> Result<Pools, StoreError> {
    let began = std::time::Instant::now();
    loop {
        match try_sqlite_pools(options).await {
            Err(error) if error.passing() && began.elapsed() < WAIT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            outcome => return outcome,
        }
    }
}

async fn try_sqlite_pools(options: &SqliteConnectOptions) -> Result<Pools, StoreError> {
    migrate::sqlite(options).await?;
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(WAIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    // What the disk has no room for SQLite undoes by itself, and the driver then counts a transaction that is not there:
    // nothing could be begun on such a connection any more.
    let of_transactions = |connections| {
        pool(connections).after_release(|conn, _| {
            Box::pin(async move {
                // Undoing a transaction that was dropped comes first.
                conn.ping().await?;
                Ok(!conn.is_in_transaction())
            })
        })
    };
    let read_only = || options.clone().pragma("query_only", "1");
    Ok(Pools::Sqlite {
        writer: of_transactions(1).connect_with(options.clone()).await?,
        // On these nothing is ever begun, so that nothing is to be looked after at each release.
        readers: pool(SQLITE_READERS).connect_with(read_only()).await?,
        snapshots: of_transactions(SQLITE_SNAPSHOTS).connect_lazy_with(read_only()),
    })
}

fn sqlite_options(path: &std::path::Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An answer to a write means that it is on disk.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(WAIT)
        .pragma("journal_size_limit", WAL_BYTES)
        .pragma("cache_size", SQLITE_CACHE)
        .disable_statement_logging()
}

/// What every PostgreSQL connection is set to.
pub(crate) fn postgres_options(url: &Secret<String>) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url.expose()).map_err(StoreError::Address)?;
    Ok(options
        .application_name("bailey")
        .options([("statement_timeout", STATEMENT_TIMEOUT), ("lock_timeout", LOCK_TIMEOUT)])
        .disable_statement_logging())
}
