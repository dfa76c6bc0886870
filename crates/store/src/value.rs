//! Values that go into a statement, and columns that come out of a row: one way for both databases.

use std::collections::HashSet;
use std::sync::Arc;

use bailey_core::{
    AttemptId, AuditWriterId, BudgetId, BuildId, CallId, ChatId, ConnectionId, GrantId, GroupId, IdentityId,
    InvitationId, KeyId, MessageId, Money, OrgId, PersonId, ReplicaId, RequestId, RoleId, RunId, SessionId, TemplateId,
    TemplateVersionId, Timestamp, TokenId, WorkerId, WorkspaceId,
};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Arguments as _, Decode, Row as _, Type};
use uuid::Uuid;

use crate::StoreError;

/// A bound value. A missing one keeps its type, which PostgreSQL needs.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Bool(bool),
    Text(Option<Arc<str>>),
    Uuid(Option<Uuid>),
    Bytes(Vec<u8>),
    /// A list in one parameter, for `Assembly::among` and its like.
    Uuids(Vec<Uuid>),
    /// One column of many rows, for PostgreSQL's UNNEST.
    Array(Array),
}

/// One column of many rows.
#[derive(Debug, Clone)]
pub(crate) enum Array {
    Ints(Vec<Option<i64>>),
    Bools(Vec<bool>),
    Texts(Vec<Option<Arc<str>>>),
    Uuids(Vec<Option<Uuid>>),
}

impl Array {
    /// An empty column for values like `first`; `None` if there are no columns of such values.
    pub(crate) fn like(first: &Value, rows: usize) -> Option<Self> {
        match first {
            Value::Int(_) => Some(Self::Ints(Vec::with_capacity(rows))),
            Value::Bool(_) => Some(Self::Bools(Vec::with_capacity(rows))),
            Value::Text(_) => Some(Self::Texts(Vec::with_capacity(rows))),
            Value::Uuid(_) => Some(Self::Uuids(Vec::with_capacity(rows))),
            Value::Bytes(_) | Value::Uuids(_) | Value::Array(_) => None,
        }
    }

    /// Adds a value; says whether it was of the column's kind.
    #[must_use]
    pub(crate) fn push(&mut self, value: Value) -> bool {
        match (self, value) {
            (Self::Ints(list), Value::Int(x)) => list.push(x),
            (Self::Bools(list), Value::Bool(x)) => list.push(x),
            (Self::Texts(list), Value::Text(x)) => list.push(x),
            (Self::Uuids(list), Value::Uuid(x)) => list.push(x),
            _ => return false,
        }
        true
    }

    pub(crate) fn add_to(self, arguments: &mut PgArguments) -> Result<(), BoxDynError> {
        match self {
            Self::Ints(list) => arguments.add(list),
            Self::Bools(list) => arguments.add(list),
            Self::Texts(list) => {
                let texts: Vec<Option<&str>> = list.iter().map(Option::as_deref).collect();
                arguments.add(texts)
            }
            Self::Uuids(list) => arguments.add(list),
        }
    }
}

/// Texts that come again and again in a batch, each kept once.
#[derive(Default)]
pub(crate) struct Texts(HashSet<Arc<str>>);

impl Texts {
    /// The value of a text.
    pub(crate) fn value(&mut self, text: &str) -> Value {
        if let Some(known) = self.0.get(text) {
            return Value::Text(Some(Arc::clone(known)));
        }
        let text: Arc<str> = text.into();
        self.0.insert(Arc::clone(&text));
        Value::Text(Some(text))
    }

    /// The value of a text that may be missing.
    pub(crate) fn optional(&mut self, text: Option<&str>) -> Value {
        text.map_or(Value::Text(None), |text| self.value(text))
    }
}

macro_rules! from {
    ($($from:ty, $x:ident => $value:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($x: $from) -> Self {
                $value
            }
        }
    )*};
}

from! {
    i64, x => Self::Int(Some(x));
    Option<i64>, x => Self::Int(x);
    bool, x => Self::Bool(x);
    &str, x => Self::Text(Some(x.into()));
    String, x => Self::Text(Some(x.into()));
    Option<&str>, x => Self::Text(x.map(Arc::from));
    Uuid, x => Self::Uuid(Some(x));
    Option<Uuid>, x => Self::Uuid(x);
    &[u8; 32], x => Self::Bytes(x.to_vec());
    &[u8], x => Self::Bytes(x.to_vec());
    Timestamp, x => Self::Int(Some(x.micros()));
    Option<Timestamp>, x => Self::Int(x.map(Timestamp::micros));
    Money, x => Self::Int(Some(x.nanos()));
    // Counts that do not fit are held at the largest number there is room for: a count is never worth losing a row.
    u64, x => Self::Int(Some(i64::try_from(x).unwrap_or(i64::MAX)));
    Option<u64>, x => Self::Int(x.map(|x| i64::try_from(x).unwrap_or(i64::MAX)));
    u32, x => Self::Int(Some(i64::from(x)));
    Option<u32>, x => Self::Int(x.map(i64::from));
    u16, x => Self::Int(Some(i64::from(x)));
    Option<u16>, x => Self::Int(x.map(i64::from));
}

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What both drivers can read.
pub(crate) trait Raw:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Raw for T where T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}

/// What a column can be read as.
pub(crate) trait Column: Sized {
    type Raw: Raw;
    /// `None` if the stored value is outside what the type can be.
    fn from_raw(raw: Self::Raw) -> Option<Self>;
}

macro_rules! columns {
    ($($type:ty, $raw:ty, $x:ident => $value:expr;)*) => {$(
        impl Column for $type {
            type Raw = $raw;
            fn from_raw($x: $raw) -> Option<Self> {
                $value
            }
        }

        impl Column for Option<$type> {
            type Raw = Option<$raw>;
            fn from_raw(raw: Option<$raw>) -> Option<Self> {
                match raw {
                    Some($x) => $value.map(Some),
                    None => Some(None),
                }
            }
        }
    )*};
}

columns! {
    i64, i64, x => Some(x);
    bool, bool, x => Some(x);
    String, String, x => Some(x);
    Uuid, Uuid, x => Some(x);
    u64, i64, x => u64::try_from(x).ok();
    u32, i64, x => u32::try_from(x).ok();
    u16, i64, x => u16::try_from(x).ok();
    Timestamp, i64, x => Some(Timestamp::from_micros(x));
    Money, i64, x => Some(Money::from_nanos(x));
    [u8; 32], Vec<u8>, x => x.try_into().ok();
    Vec<u8>, Vec<u8>, x => Some(x);
}

macro_rules! ids {
    ($($id:ident),*) => {
        columns! { $($id, Uuid, x => Some($id::from_uuid(x));)* }
        from! {
            $(
                $id, x => Self::Uuid(Some(x.uuid()));
                Option<$id>, x => Self::Uuid(x.map($id::uuid));
            )*
        }
    };
}

ids!(
    AttemptId,
    AuditWriterId,
    BudgetId,
    BuildId,
    CallId,
    ChatId,
    ConnectionId,
    GrantId,
    GroupId,
    IdentityId,
    InvitationId,
    KeyId,
    MessageId,
    OrgId,
    PersonId,
    ReplicaId,
    RequestId,
    RoleId,
    RunId,
    SessionId,
    TemplateId,
    TemplateVersionId,
    TokenId,
    WorkerId,
    WorkspaceId
);

impl Row {
    /// The value of `column`.
    pub(crate) fn get<T: Column>(&self, column: &'static str) -> Result<T, StoreError> {
        let raw: Result<T::Raw, sqlx::Error> = match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        };
        raw.ok()
            .and_then(T::from_raw)
            .ok_or(StoreError::Corrupt { what: column })
    }

    /// The text of `column`, read by `parse`; `None` from it means that the text is not one of the known ones.
    pub(crate) fn parse<T>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        parse(&self.get::<String>(column)?).ok_or(StoreError::Corrupt { what: column })
    }

    /// The JSON in `column`.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        self.parse(column, |text| serde_json::from_str(text).ok())
    }
}

/// JSON for a text column.
pub(crate) fn json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt { what })
}
