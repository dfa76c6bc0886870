//! Bringing the schema up to date. Migrations only go forward, and each exists for both databases under one name.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};

use crate::StoreError;

/// One step of the schema.
pub(crate) struct Step {
    pub(crate) version: i64,
    pub(crate) name: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

macro_rules! steps {
    ($($version:literal $name:literal;)*) => {
        &[$(Step {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        },)*]
    };
}

/// Every step, in order.
pub(crate) const STEPS: &[Step] = steps! {
    1 "0001_init";
    2 "0002_templates";
    3 "0003_workspaces";
    4 "0004_identity";
    5 "0005_builds";
    6 "0006_roles";
    7 "0007_audit";
    8 "0008_identities";
    9 "0009_offboarding";
    10 "0010_indexes";
    11 "0011_chats";
    12 "0012_external_auth";
    13 "0013_forges";
    14 "0014_tasks";
};

fn migrator(text: impl Fn(&Step) -> &'static str) -> Migrator {
    let migration = |step: &Step| {
        Migration::new(
            step.version,
            step.name.into(),
            MigrationType::Simple,
            text(step).into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(STEPS.iter().map(migration).collect())
}

fn failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => StoreError::TooNew { version },
        MigrateError::Execute(error) => error.into(),
        error => StoreError::Migration(error),
    }
}

/// All steps in one transaction that keeps other writers out: SQLite has no other lock to hold.
pub(crate) async fn sqlite(options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let mut conn = options.connect().await?;
    let mut tx = conn.begin_with("BEGIN EXCLUSIVE").await?;
    migrator(|step| step.sqlite).run(&mut *tx).await.map_err(failed)?;
    tx.commit().await?;
    conn.close().await?;
    Ok(())
}

/// Under sqlx's advisory lock, which ends with the connection.
pub(crate) async fn postgres(options: &PgConnectOptions) -> Result<(), StoreError> {
    // Waiting for the lock may take as long as another process's migrations do.
    let options = options
        .clone()
        .options([("statement_timeout", "0"), ("lock_timeout", "0")]);
    let mut conn = options.connect().await?;
    migrator(|step| step.postgres).run(&mut conn).await.map_err(failed)?;
    conn.close().await?;
    Ok(())
}
