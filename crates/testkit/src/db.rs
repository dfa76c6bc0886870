//! Databases for tests: each test gets its own, and runs on both kinds.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// The variable that names the PostgreSQL server for tests, as `postgres://user@host:port/database`.
pub const POSTGRES_URL: &str = "BAILEY_TEST_POSTGRES_URL";

/// Where a test's database is.
#[derive(Debug, Clone)]
pub enum TestTarget {
    /// A file that is not there yet, in a directory of the test's own.
    Sqlite(PathBuf),
    /// The URL of an empty database.
    Postgres(String),
}

/// A test's own database, empty at first and gone when this is dropped.
#[derive(Debug)]
pub struct TestDb {
    target: TestTarget,
    cleanup: Cleanup,
}

#[derive(Debug)]
enum Cleanup {
    Directory(TempDir),
    Database { server: String, name: String },
}

impl TestDb {
    /// Runs a statement behind the store's back: for what others do to a database, and what breaks in it.
    pub async fn run(&self, text: &'static str) -> Result<()> {
        match &self.target {
            TestTarget::Sqlite(path) => {
                let mut conn = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await?;
                sqlx::raw_sql(text).execute(&mut conn).await.context(text)?;
                conn.close().await?;
            }
            TestTarget::Postgres(url) => {
                let mut conn = PgConnection::connect(url).await?;
                sqlx::raw_sql(text).execute(&mut conn).await.context(text)?;
                conn.close().await?;
            }
        }
        Ok(())
    }

    /// A place for a SQLite file.
    pub fn sqlite() -> Result<Self> {
        // Not named by the process's id alone: a killed one leaves its directory behind, and ids come again.
        let made = tempfile::Builder::new().prefix("bailey-test-").tempdir();
        let dir = made.context("cannot make a directory for a test")?;
        Ok(Self {
            target: TestTarget::Sqlite(dir.path().join("bailey.db")),
            cleanup: Cleanup::Directory(dir),
        })
    }

    /// An empty database on the PostgreSQL server for tests; `None` if there is no such server.
    pub async fn postgres() -> Result<Option<Self>> {
        let Some(server) = postgres_url() else {
            return Ok(None);
        };
        let name = unique();
        let mut conn = PgConnection::connect(&server)
            .await
            .context("cannot reach the PostgreSQL server for tests")?;
        // A process of an earlier run may have had the same id and left its database behind. The names are made of
        // letters and digits.
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut conn).await?;
        let create = format!("CREATE DATABASE {name} TEMPLATE template0");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut conn).await?;
        conn.close().await?;
        let (base, _) = server
            .rsplit_once('/')
            .context("the URL of the PostgreSQL server has no database")?;
        Ok(Some(Self {
            target: TestTarget::Postgres(format!("{base}/{name}")),
            cleanup: Cleanup::Database { server, name },
        }))
    }

    /// Where it is. A store may be opened there more than once.
    pub const fn target(&self) -> &TestTarget {
        &self.target
    }

    /// The directory of the SQLite file.
    pub fn directory(&self) -> Option<&Path> {
        match &self.cleanup {
            Cleanup::Directory(dir) => Some(dir.path()),
            Cleanup::Database { .. } => None,
        }
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        match &self.cleanup {
            // It removes itself.
            Cleanup::Directory(_) => {}
            Cleanup::Database { server, name } => {
                let (server, name) = (server.clone(), name.clone());
                let cleanup = std::thread::spawn(move || -> Result<()> {
                    runtime()?.block_on(async {
                        let mut conn = PgConnection::connect(&server).await?;
                        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut conn).await?;
                        Ok(())
                    })
                });
                drop(cleanup.join());
            }
        }
    }
}

/// Runs a test on a SQLite file of its own.
pub fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(TestDb) -> F) {
    run(async { TestDb::sqlite().map(Some) }, test);
}

/// Runs a test on a PostgreSQL database of its own. Without a server the test is passed over with a line that says so;
/// where `CI` is set it fails instead.
pub fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(TestDb) -> F) {
    run(TestDb::postgres(), test);
}

#[expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "a test harness speaks to whoever runs the tests"
)]
fn run<F: Future<Output = ()>>(db: impl Future<Output = Result<Option<TestDb>>>, test: impl FnOnce(TestDb) -> F) {
    let outcome = runtime().and_then(|runtime| {
        runtime.block_on(async {
            match db.await? {
                Some(db) => test(db).await,
                None if in_ci() => anyhow::bail!("{POSTGRES_URL} is not set, and CI is"),
                None => eprintln!("passed over: {POSTGRES_URL} is not set (scripts/postgres.sh start prints it)"),
            }
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("the test's database: {error:#}");
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.context("cannot start a tokio runtime")
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no configuration but the environment"
)]
fn postgres_url() -> Option<String> {
    std::env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no configuration but the environment"
)]
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| !ci.is_empty())
}

/// A name for a database that no other test of this or another running process has.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(
        "bailey_test_{}_{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Makes a test `sqlite::name` and a test `postgres::name` of each `async fn name(db: TestDb)` that is listed.
#[macro_export]
macro_rules! db_tests {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { $crate::db::on_sqlite(super::$name); })*
        }
        mod postgres {
            $(#[test] fn $name() { $crate::db::on_postgres(super::$name); })*
        }
    };
}
