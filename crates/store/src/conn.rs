//! One connection of either database, in a transaction or not.

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnection};
use sqlx::{Executor as _, Transaction};

use crate::sql::Query;
use crate::value::Row;
use crate::{Backend, StoreError};

/// What statements are run on.
pub(crate) enum Conn {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

enum Link<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Conn {
    fn link(&mut self) -> Link<'_> {
        match self {
            Self::Sqlite(conn) => Link::Sqlite(conn),
            Self::SqliteTx(tx) => Link::Sqlite(tx),
            Self::Postgres(conn) => Link::Postgres(conn),
            Self::PostgresTx(tx) => Link::Postgres(tx),
        }
    }

    pub(crate) const fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) | Self::SqliteTx(_) => Backend::Sqlite,
            Self::Postgres(_) | Self::PostgresTx(_) => Backend::Postgres,
        }
    }

    /// Runs a statement; answers with how many rows it touched.
    pub(crate) async fn execute(&mut self, query: Query) -> Result<u64, StoreError> {
        let keep = query.keep();
        match self.link() {
            Link::Sqlite(conn) => {
                let (sql, arguments) = query.for_sqlite()?;
                let done = conn.execute(sqlx::query_with(sql, arguments).persistent(keep)).await?;
                Ok(done.rows_affected())
            }
            Link::Postgres(conn) => {
                let (sql, arguments) = query.for_postgres()?;
                let done = conn.execute(sqlx::query_with(sql, arguments).persistent(keep)).await?;
                Ok(done.rows_affected())
            }
        }
    }

    /// Runs a statement and reads all its rows.
    pub(crate) async fn fetch_all(&mut self, query: Query) -> Result<Vec<Row>, StoreError> {
        let keep = query.keep();
        match self.link() {
            Link::Sqlite(conn) => {
                let (sql, arguments) = query.for_sqlite()?;
                let rows = conn
                    .fetch_all(sqlx::query_with(sql, arguments).persistent(keep))
                    .await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Link::Postgres(conn) => {
                let (sql, arguments) = query.for_postgres()?;
                let rows = conn
                    .fetch_all(sqlx::query_with(sql, arguments).persistent(keep))
                    .await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Runs a statement that has at most one row.
    pub(crate) async fn fetch_optional(&mut self, query: Query) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch_all(query).await?.pop())
    }

    /// Runs a statement and reads each row with `read`.
    pub(crate) async fn read_all<T>(
        &mut self,
        query: Query,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.fetch_all(query).await?.iter().map(read).collect()
    }

    /// Runs a statement that has at most one row, and reads it with `read`.
    pub(crate) async fn read_optional<T>(
        &mut self,
        query: Query,
        read: impl FnOnce(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.fetch_optional(query).await?.as_ref().map(read).transpose()
    }

    /// Makes what was done last.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::SqliteTx(tx) => tx.commit().await?,
            Self::PostgresTx(tx) => tx.commit().await?,
            Self::Sqlite(_) | Self::Postgres(_) => {}
        }
        Ok(())
    }

    /// Undoes what was done. Its own failure tells nothing new: dropping the connection undoes as well.
    pub(crate) async fn rollback(self) {
        let outcome = match self {
            Self::SqliteTx(tx) => tx.rollback().await,
            Self::PostgresTx(tx) => tx.rollback().await,
            Self::Sqlite(_) | Self::Postgres(_) => Ok(()),
        };
        if let Err(error) = outcome {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a transaction could not be rolled back"
            );
        }
    }
}
