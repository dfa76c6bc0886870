//! Writing rows.

use bailey_core::audit::{Content, GENESIS, Head, Row as AuditRow, RowKind, hex, unhex};
use bailey_core::{AuditWriterId, ReplicaId, Timestamp};

use super::read::{AuditRecord, read_record};
use crate::bulk::Bulk;
use crate::conn::Conn;
use crate::sql::{same, statements};
use crate::store::transaction;
use crate::value::{Row, Texts, Value, json};
use crate::{Store, StoreError};

statements! {
    WRITER = same("SELECT id, seq, hash FROM audit_writers WHERE replica = $1 AND kind = $2");
    WRITER_INSERT = same(
        "INSERT INTO audit_writers (id, replica, kind, seq, hash, opened_at) VALUES ($1, $2, $3, 0, $4, $5) \
         ON CONFLICT DO NOTHING",
    );
    HEAD = same("SELECT id, seq, hash FROM audit_writers WHERE id = $1");
    MOVE_HEAD = same("UPDATE audit_writers SET seq = $2, hash = $3 WHERE id = $1 AND seq = $4 AND hash = $5");
    CLOSE = same("DELETE FROM audit_open WHERE writer = $1 AND seq = $2");
    OPEN = same(
        "SELECT r.writer, r.seq, r.kind, r.at, r.began_at, r.refers, r.actor_kind, r.actor, r.action, r.resource_kind, \
         r.resource_id, r.session, r.token, r.causal, r.outcome, r.code, r.content_hash, r.previous, r.hash, c.content \
         FROM audit_open o JOIN audit_rows r ON r.writer = o.writer AND r.seq = o.seq \
         LEFT JOIN audit_contents c ON c.writer = o.writer AND c.seq = o.seq \
         WHERE o.writer = $1 AND o.began_at < $2 ORDER BY o.seq LIMIT 1000",
    );
    /// A row of a number that no chain has: that it can be written shows that others can.
    CHECK_INSERT = same(
        "INSERT INTO audit_rows (writer, seq, kind, at, began_at, actor_kind, action, resource_kind, resource_id, \
         content_hash, previous, hash) VALUES ($1, -1, 'event', 0, 0, 'system', '', '', '', '', '', '')",
    );
    CHECK_CONTENT = same("INSERT INTO audit_contents (writer, seq, content) VALUES ($1, -1, '')");
    CHECK_UNDO = same("DELETE FROM audit_rows WHERE writer = $1 AND seq = -1");
    CHECK_UNDO_CONTENT = same("DELETE FROM audit_contents WHERE writer = $1 AND seq = -1");
}

const ROWS: Bulk = Bulk::insert(
    "audit_rows",
    &[
        "writer",
        "seq",
        "kind",
        "at",
        "began_at",
        "refers",
        "actor_kind",
        "actor",
        "action",
        "resource_kind",
        "resource_id",
        "session",
        "token",
        "causal",
        "outcome",
        "code",
        "content_hash",
        "previous",
        "hash",
    ],
    "",
);
const CONTENTS: Bulk = Bulk::insert("audit_contents", &["writer", "seq", "content"], "");
const OPENED: Bulk = Bulk::insert("audit_open", &["writer", "seq", "began_at"], "");

/// Which process of a data directory writes a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditWriterKind {
    /// The server.
    Server,
    /// The command line, on the server's machine.
    Command,
}

impl AuditWriterKind {
    /// The name used in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Command => "command",
        }
    }
}

pub(crate) fn head(row: &Row) -> Result<Head, StoreError> {
    Ok(Head {
        writer: row.get("id")?,
        seq: row.get("seq")?,
        hash: row.parse("hash", unhex)?,
    })
}

/// A row, but for its content.
pub(crate) fn read_row(row: &Row) -> Result<AuditRow, StoreError> {
    let outcome = row.get::<Option<String>>("outcome")?;
    let outcome = outcome.map(|text| text.parse().map_err(|_| StoreError::Corrupt { what: "outcome" }));
    Ok(AuditRow {
        writer: row.get("writer")?,
        seq: row.get("seq")?,
        kind: row.parse("kind", |text| text.parse().ok())?,
        at: row.get("at")?,
        began_at: row.get("began_at")?,
        refers: row.get("refers")?,
        actor: bailey_core::audit::Actor {
            kind: row.parse("actor_kind", |text| text.parse().ok())?,
            person: row.get("actor")?,
        },
        action: row.get("action")?,
        resource_kind: row.get("resource_kind")?,
        resource_id: row.get("resource_id")?,
        session: row.get("session")?,
        token: row.get("token")?,
        causal: row.get("causal")?,
        outcome: outcome.transpose()?,
        code: row.get("code")?,
        content: row.parse("content_hash", unhex)?,
        previous: row.parse("previous", unhex)?,
        hash: row.parse("hash", unhex)?,
    })
}

/// The content in a column; `None` if it was erased.
pub(crate) fn read_content(row: &Row, column: &'static str) -> Result<Option<Content>, StoreError> {
    let text = row.get::<Option<String>>(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| StoreError::Corrupt { what: column }))
        .transpose()
}

fn values(row: &AuditRow, texts: &mut Texts) -> [Value; 19] {
    [
        row.writer.into(),
        row.seq.into(),
        texts.value(row.kind.as_str()),
        row.at.into(),
        row.began_at.into(),
        row.refers.into(),
        texts.value(row.actor.kind.as_str()),
        row.actor.person.into(),
        texts.value(&row.action),
        texts.value(&row.resource_kind),
        texts.value(&row.resource_id),
        row.session.into(),
        row.token.into(),
        texts.optional(row.causal.as_deref()),
        texts.optional(row.outcome.map(bailey_core::audit::Outcome::as_str)),
        texts.optional(row.code.as_deref()),
        hex(&row.content).into(),
        hex(&row.previous).into(),
        hex(&row.hash).into(),
    ]
}

const MOVED: StoreError = StoreError::Conflict {
    what: "audit writer",
    field: "head",
};

async fn append(tx: &mut Conn, before: &Head, rows: &[(AuditRow, Content)]) -> Result<(), StoreError> {
    let Some((last, _)) = rows.last() else { return Ok(()) };
    let moved = MOVE_HEAD
        .bind(before.writer)
        .bind(last.seq)
        .bind(hex(&last.hash))
        .bind(before.seq)
        .bind(hex(&before.hash));
    if tx.execute(moved).await? == 0 {
        return Err(MOVED);
    }
    let mut texts = Texts::default();
    let (mut all, mut contents, mut opened) = (Vec::with_capacity(rows.len() * 19), Vec::new(), Vec::new());
    for (row, content) in rows {
        all.extend(values(row, &mut texts));
        let text = json("content", content)?;
        contents.extend([row.writer.into(), row.seq.into(), text.into()]);
        match (row.kind, row.refers) {
            (RowKind::Intent, _) => opened.extend([row.writer.into(), row.seq.into(), row.began_at.into()]),
            (RowKind::Outcome, Some(intent))
                if tx.execute(CLOSE.bind(row.writer).bind(intent)).await? == 0 && !opens(rows, intent, &mut opened) =>
            {
                return Err(StoreError::Conflict {
                    what: "audit entry",
                    field: "outcome",
                });
            }
            _ => {}
        }
    }
    ROWS.execute(tx, all).await?;
    CONTENTS.execute(tx, contents).await?;
    OPENED.execute(tx, opened).await.map(drop)
}

/// Whether `intent` stands in the same batch; then it is not open after it.
fn opens(rows: &[(AuditRow, Content)], intent: u64, opened: &mut Vec<Value>) -> bool {
    let is_it = |row: &AuditRow| row.kind == RowKind::Intent && row.seq == intent;
    if !rows.iter().any(|(row, _)| is_it(row)) {
        return false;
    }
    let at = opened
        .chunks_exact(3)
        .position(|open| matches!(open.get(1), Some(Value::Int(Some(seq))) if u64::try_from(*seq) == Ok(intent)));
    if let Some(at) = at {
        opened.drain(at * 3..at * 3 + 3);
    }
    at.is_some()
}

impl Store {
    /// The end of the chain that this process of a data directory writes. It is begun if there is none; `id` is its own then.
    pub async fn audit_writer(
        &self,
        id: AuditWriterId,
        replica: ReplicaId,
        kind: AuditWriterKind,
        now: Timestamp,
    ) -> Result<Head, StoreError> {
        transaction!(self, async |tx| {
            let insert = WRITER_INSERT
                .bind(id)
                .bind(replica)
                .bind(kind.as_str())
                .bind(hex(&GENESIS))
                .bind(now);
            tx.execute(insert).await?;
            let found = tx.read_optional(WRITER.bind(replica).bind(kind.as_str()), head).await?;
            found.ok_or(StoreError::NotFound { what: "audit writer" })
        })
    }

    /// Where a chain ends.
    pub async fn audit_head(&self, writer: AuditWriterId) -> Result<Head, StoreError> {
        let found = self.reader().await?.read_optional(HEAD.bind(writer), head).await?;
        found.ok_or(StoreError::NotFound { what: "audit writer" })
    }

    /// Appends rows to a chain that ends at `before`, all or none.
    ///
    /// Fails with a conflict of `audit writer` and `head` if it ends elsewhere: somebody else writes it, too. And with one of
    /// `audit entry` and `outcome` if a row is the outcome of an intent that has one, or is none.
    pub async fn audit_append(&self, before: &Head, rows: &[(AuditRow, Content)]) -> Result<(), StoreError> {
        transaction!(self, async |tx| append(tx, before, rows).await)
    }

    /// The first thousand intents of a writer that began before `before` and have no outcome, oldest first.
    pub async fn audit_open(&self, writer: AuditWriterId, before: Timestamp) -> Result<Vec<AuditRecord>, StoreError> {
        let open = OPEN.bind(writer).bind(before);
        self.reader().await?.read_all(open, read_record).await
    }

    /// Writes to the audit log and undoes it, for the readiness check.
    pub async fn audit_check(&self, writer: AuditWriterId) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            for check in [CHECK_UNDO, CHECK_INSERT, CHECK_CONTENT, CHECK_UNDO, CHECK_UNDO_CONTENT] {
                tx.execute(check.bind(writer)).await?;
            }
            Ok(())
        })
    }
}
