//! Statements: texts that are known when the program is built, and what is bound to them.

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, SqlSafeStr as _, SqlStr};

use crate::value::Value;
use crate::{Backend, StoreError};

/// The text of one statement for each database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement {
    sqlite: &'static str,
    postgres: &'static str,
}

/// One text for both databases.
pub(crate) const fn same(text: &'static str) -> Statement {
    Statement {
        sqlite: text,
        postgres: text,
    }
}

/// A text for each database, where they differ: first SQLite's, then PostgreSQL's.
pub(crate) const fn each(sqlite: &'static str, postgres: &'static str) -> Statement {
    Statement { sqlite, postgres }
}

/// Declares statements, and `ALL` of them for the test that prepares each on both databases.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $statement:expr;)*) => {
        $($(#[$doc])* const $name: $crate::sql::Statement = $statement;)*

        /// Every statement of this file.
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, $crate::sql::Statement)] = &[$((stringify!($name), $name),)*];
    };
}
pub(crate) use statements;

impl Statement {
    /// The text for `backend`.
    pub(crate) const fn text(self, backend: Backend) -> &'static str {
        match backend {
            Backend::Sqlite => self.sqlite,
            Backend::Postgres => self.postgres,
        }
    }

    /// The statement with nothing bound.
    pub(crate) const fn query(self) -> Query {
        Query {
            text: Text::Known(self),
            values: Vec::new(),
            keep: true,
        }
    }

    /// The statement with its first value.
    pub(crate) fn bind(self, value: impl Into<Value>) -> Query {
        self.query().bind(value)
    }
}

enum Text {
    Known(Statement),
    /// Put together from known pieces and the numbers of parameters.
    Assembled(String),
}

/// A statement and its values.
pub(crate) struct Query {
    text: Text,
    values: Vec<Value>,
    keep: bool,
}

impl Query {
    /// A statement of a text made by [`crate::bulk`]: of those there are few.
    pub(crate) const fn bulk(text: String, values: Vec<Value>) -> Self {
        Self {
            text: Text::Assembled(text),
            values,
            keep: true,
        }
    }

    /// Binds the next value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Whether the driver should keep the prepared statement: there are few known texts, and many assembled ones.
    pub(crate) const fn keep(&self) -> bool {
        self.keep
    }

    pub(crate) fn for_sqlite(self) -> Result<(SqlStr, SqliteArguments), StoreError> {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(self.values.len(), 0);
        for value in self.values {
            match value {
                Value::Int(x) => arguments.add(x),
                Value::Bool(x) => arguments.add(x),
                Value::Text(x) => arguments.add(x),
                Value::Uuid(x) => arguments.add(x),
                Value::Bytes(x) => arguments.add(x),
                // One parameter: a JSON list of hexadecimal texts, for `SELECT unhex(value) FROM json_each($1)`.
                Value::Uuids(list) => {
                    let texts: Vec<_> = list.iter().map(|id| format!("\"{}\"", id.simple())).collect();
                    arguments.add(format!("[{}]", texts.join(",")))
                }
                Value::Array(_) => Err("SQLite has no arrays".into()),
            }
            .map_err(|error| StoreError::Statement(sqlx::Error::Encode(error)))?;
        }
        Ok((self.text.into_sql(Backend::Sqlite), arguments))
    }

    pub(crate) fn for_postgres(self) -> Result<(SqlStr, PgArguments), StoreError> {
        let mut arguments = PgArguments::default();
        for value in self.values {
            match value {
                Value::Int(x) => arguments.add(x),
                Value::Bool(x) => arguments.add(x),
                Value::Text(x) => arguments.add(x),
                Value::Uuid(x) => arguments.add(x),
                Value::Bytes(x) => arguments.add(x),
                Value::Uuids(list) => arguments.add(list),
                Value::Array(array) => array.add_to(&mut arguments),
            }
            .map_err(|error| StoreError::Statement(sqlx::Error::Encode(error)))?;
        }
        Ok((self.text.into_sql(Backend::Postgres), arguments))
    }
}

impl Text {
    fn into_sql(self, backend: Backend) -> SqlStr {
        match self {
            Self::Known(statement) => statement.text(backend).into_sql_str(),
            // Only `Assembly` and `bulk` make one, and they take no text that is not static.
            Self::Assembled(text) => AssertSqlSafe(text).into_sql_str(),
        }
    }
}

/// A statement put together from static pieces: for filters, of which there would be too many combinations to write out.
pub(crate) struct Assembly {
    backend: Backend,
    text: String,
    values: Vec<Value>,
}

impl Assembly {
    pub(crate) fn new(backend: Backend, text: &'static str) -> Self {
        Self {
            backend,
            text: text.to_owned(),
            values: Vec::new(),
        }
    }

    /// Adds a piece of text.
    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a parameter.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    /// Adds `piece $n`, if there is a value.
    pub(crate) fn when(&mut self, piece: &'static str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.push(piece).bind(value);
        }
        self
    }

    /// Adds that `column` has `text` in it, whatever their letters' case. No character of it means anything else than itself.
    pub(crate) fn contains(&mut self, column: &'static str, text: &str) -> &mut Self {
        self.push(match self.backend {
            Backend::Sqlite => "instr(lower(",
            Backend::Postgres => "strpos(lower(",
        });
        self.push(column).push("), ").bind(text.to_lowercase()).push(") > 0")
    }

    /// Adds `piece` and a list to choose from, as in `AND person IN (...)`. An empty list has nothing in it.
    pub(crate) fn among(&mut self, piece: &'static str, ids: Vec<uuid::Uuid>) -> &mut Self {
        self.push(piece);
        match self.backend {
            Backend::Sqlite => self
                .push(" IN (SELECT unhex(value) FROM json_each(")
                .bind(Value::Uuids(ids))
                .push("))"),
            Backend::Postgres => self.push(" = ANY(").bind(Value::Uuids(ids)).push(")"),
        }
    }

    /// The whole.
    pub(crate) fn finish(self) -> Query {
        Query {
            text: Text::Assembled(self.text),
            values: self.values,
            keep: false,
        }
    }
}
