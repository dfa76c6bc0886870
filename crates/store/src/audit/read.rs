//! Reading chains.

use bailey_core::AuditWriterId;
use bailey_core::audit::{Content, Head, Row as AuditRow};

use super::append::{head, read_content, read_row};
use crate::sql::{same, statements};
use crate::value::{Row, json};
use crate::{Store, StoreError};

statements! {
    WRITERS = same("SELECT id, seq, hash FROM audit_writers ORDER BY id");
    SLICE = same(
        "SELECT r.writer, r.seq, r.kind, r.at, r.began_at, r.refers, r.actor_kind, r.actor, r.action, r.resource_kind, \
         r.resource_id, r.session, r.token, r.causal, r.outcome, r.code, r.content_hash, r.previous, r.hash, c.content \
         FROM audit_rows r LEFT JOIN audit_contents c ON c.writer = r.writer AND c.seq = r.seq \
         WHERE r.writer = $1 AND r.seq > $2 ORDER BY r.seq LIMIT $3",
    );
}

/// A row, and its content unless it was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The row.
    pub row: AuditRow,
    /// Its content.
    pub content: Option<Content>,
}

pub(crate) fn read_record(row: &Row) -> Result<AuditRecord, StoreError> {
    Ok(AuditRecord {
        row: read_row(row)?,
        content: read_content(row, "content")?,
    })
}

/// A row as it is read for verification: one that was altered may not be readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRead {
    /// Its number.
    pub seq: u64,
    /// The row, or the field that cannot be read.
    pub record: Result<AuditRecord, &'static str>,
}

fn read_raw(row: &Row) -> Result<AuditRead, StoreError> {
    let seq = row.get("seq")?;
    let record = match read_record(row) {
        Err(StoreError::Corrupt { what }) => Err(what),
        Err(error) => return Err(error),
        Ok(record) => {
            // What is stored is what is written, to the letter: a second member of one name would hide the first.
            let written = record
                .content
                .as_ref()
                .map(|content| json("content", content))
                .transpose()?;
            if written == row.get::<Option<String>>("content")? {
                Ok(record)
            } else {
                Err("content")
            }
        }
    };
    Ok(AuditRead { seq, record })
}

impl Store {
    /// The rows of a chain after number `after` for verification, in their order, at most `limit`.
    pub async fn audit_read(
        &self,
        writer: AuditWriterId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRead>, StoreError> {
        let slice = SLICE.bind(writer).bind(after).bind(limit);
        self.reader().await?.read_all(slice, read_raw).await
    }

    /// Where every chain ends.
    pub async fn audit_heads(&self) -> Result<Vec<Head>, StoreError> {
        self.reader().await?.read_all(WRITERS.query(), head).await
    }

    /// The rows of a chain after number `after`, in their order, at most `limit`.
    pub async fn audit_slice(
        &self,
        writer: AuditWriterId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let slice = SLICE.bind(writer).bind(after).bind(limit);
        self.reader().await?.read_all(slice, read_record).await
    }
}
