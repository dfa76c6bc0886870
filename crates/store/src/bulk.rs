//! Many rows in few statements: VALUES lists on SQLite, one array per column on PostgreSQL.

use crate::conn::Conn;
use crate::sql::Query;
use crate::value::{Array, Row, Value};
use crate::{Backend, StoreError};

/// The most rows in one statement on SQLite. Smaller rests are split into powers of two, so that there are few texts and
/// each stays prepared.
const CHUNK: usize = 256;
/// The most rows in one statement on PostgreSQL, to bound a message's size.
const POSTGRES_CHUNK: usize = 4_096;

/// A statement about many rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bulk {
    form: Form,
    columns: &'static [&'static str],
}

#[derive(Debug, Clone, Copy)]
enum Form {
    /// `INSERT INTO table (columns) <rows> after`
    Insert { table: &'static str, after: &'static str },
    /// `before <rows> AS v(columns) after`
    Join {
        before: &'static str,
        after: &'static str,
        after_postgres: &'static str,
    },
}

impl Bulk {
    /// Inserts rows of `columns` into `table`; `after` says what to do on a conflict.
    pub(crate) const fn insert(table: &'static str, columns: &'static [&'static str], after: &'static str) -> Self {
        Self {
            form: Form::Insert { table, after },
            columns,
        }
    }

    /// Uses rows as a table `v` with `columns`, between `before` and `after`; PostgreSQL gets `after_postgres` too.
    pub(crate) const fn join(
        before: &'static str,
        columns: &'static [&'static str],
        after: &'static str,
        after_postgres: &'static str,
    ) -> Self {
        Self {
            form: Form::Join {
                before,
                after,
                after_postgres,
            },
            columns,
        }
    }

    /// Runs it for `values`, row after row; answers with how many rows were touched.
    pub(crate) async fn execute(self, conn: &mut Conn, values: Vec<Value>) -> Result<u64, StoreError> {
        let mut touched = 0;
        for query in self.queries(conn.backend(), values)? {
            touched += conn.execute(query).await?;
        }
        Ok(touched)
    }

    /// Runs it for `values`, row after row, and reads what comes back.
    pub(crate) async fn fetch(self, conn: &mut Conn, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for query in self.queries(conn.backend(), values)? {
            rows.extend(conn.fetch_all(query).await?);
        }
        Ok(rows)
    }

    fn queries(self, backend: Backend, values: Vec<Value>) -> Result<Vec<Query>, StoreError> {
        let width = self.columns.len();
        let mut left = values.len() / width.max(1);
        let mut values = values.into_iter();
        let mut queries = Vec::new();
        while left > 0 {
            let rows = match backend {
                Backend::Sqlite if left >= CHUNK => CHUNK,
                Backend::Sqlite => 1 << left.ilog2(),
                Backend::Postgres => left.min(POSTGRES_CHUNK),
            };
            left -= rows;
            let chunk = values.by_ref().take(rows * width);
            queries.push(match backend {
                Backend::Sqlite => Query::bulk(self.sqlite(rows), chunk.collect()),
                Backend::Postgres => Query::bulk(self.postgres(), arrays(chunk, rows, width)?),
            });
        }
        Ok(queries)
    }

    fn sqlite(self, rows: usize) -> String {
        // Plain `?`: SQLite looks named parameters up one by one, which takes quadratic time.
        let row = format!("({})", vec!["?"; self.columns.len()].join(","));
        let rows = vec![row.as_str(); rows].join(",");
        let columns = self.columns.join(", ");
        match self.form {
            Form::Insert { table, after } =>
            // OR FAIL: an error stops in the middle, and the transaction is undone as a whole anyway. Without it
            // SQLite keeps a copy of each page that the statement touches, to undo the statement alone.
            {
                format!("INSERT OR FAIL INTO {table} ({columns}) VALUES {rows} {after}")
            }
            Form::Join { before, after, .. } => {
                format!("WITH v({columns}) AS (VALUES {rows}) {before} v {after}")
            }
        }
    }

    fn postgres(self) -> String {
        let arrays: Vec<String> = (1..=self.columns.len()).map(|n| format!("${n}")).collect();
        let arrays = arrays.join(", ");
        let columns = self.columns.join(", ");
        match self.form {
            Form::Insert { table, after } => {
                format!("INSERT INTO {table} ({columns}) SELECT * FROM UNNEST({arrays}) {after}")
            }
            Form::Join {
                before,
                after,
                after_postgres,
            } => {
                format!("{before} UNNEST({arrays}) AS v({columns}) {after} {after_postgres}")
            }
        }
    }
}

fn arrays(values: impl Iterator<Item = Value>, rows: usize, width: usize) -> Result<Vec<Value>, StoreError> {
    let mut arrays: Vec<Array> = Vec::with_capacity(width);
    for (i, value) in values.enumerate() {
        let column = i % width;
        if column == arrays.len() {
            arrays.push(Array::like(&value, rows).ok_or(StoreError::Corrupt { what: "a list of rows" })?);
        }
        if !arrays.get_mut(column).is_some_and(|array| array.push(value)) {
            return Err(StoreError::Corrupt { what: "a list of rows" });
        }
    }
    Ok(arrays.into_iter().map(Value::Array).collect())
}
