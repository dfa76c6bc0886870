//! The log as people read it: an entry is an intent with its outcome, or an event.

use bailey_core::audit::Outcome;
use bailey_core::{AuditWriterId, PersonId, Timestamp};

use super::append::read_content;
use super::read::{AuditRecord, read_record};
use crate::sql::{Assembly, Query};
use crate::value::Row;
use crate::{Backend, ListPage, Store, StoreError};

const COLUMNS: &str = "SELECT d.seq AS place, h.writer, h.seq, h.kind, h.at, h.began_at, h.refers, h.actor_kind, h.actor, \
    h.action, h.resource_kind, h.resource_id, h.session, h.token, h.causal, h.outcome, h.code, h.content_hash, h.previous, \
    h.hash, hc.content, t.at AS tail_at, t.outcome AS tail_outcome, t.code AS tail_code, tc.content AS tail_content FROM ";
const JOINED: &str = " d JOIN audit_rows h ON h.writer = d.writer AND h.seq = COALESCE(d.refers, d.seq) \
    LEFT JOIN audit_contents hc ON hc.writer = h.writer AND hc.seq = h.seq \
    LEFT JOIN audit_rows t ON t.writer = h.writer AND t.refers = h.seq AND t.kind = 'outcome' \
    LEFT JOIN audit_contents tc ON tc.writer = t.writer AND tc.seq = t.seq";

/// The rows that one page looks through for a text, at most: a page that finds nothing among them goes on from there.
const SEARCHED: u32 = 20_000;

/// Which outcome entries are to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// This one.
    Is(Outcome),
    /// None yet.
    Pending,
}

/// Which entries to list. What is `None` does not limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this person.
    pub actor: Option<PersonId>,
    /// This action.
    pub action: Option<String>,
    /// Done to the thing of this id.
    pub resource: Option<String>,
    /// With this outcome.
    pub outcome: Option<AuditOutcome>,
    /// Begun at or after this.
    pub since: Option<Timestamp>,
    /// Begun before this.
    pub until: Option<Timestamp>,
    /// Caused by this.
    pub causal: Option<String>,
    /// With this text in the action, the resource's id or the content, in whatever case.
    pub text: Option<String>,
}

/// A place in the list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditCursor {
    /// When the entry began.
    pub began_at: Timestamp,
    /// Whose chain it is in.
    pub writer: AuditWriterId,
    /// The number of the row that the list goes by.
    pub seq: u64,
}

/// What came of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditTail {
    /// When it was known.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// The code of the problem.
    pub code: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The intent, or the event.
    pub head: AuditRecord,
    /// What came of it; `None` = that is not known yet.
    pub tail: Option<AuditTail>,
}

fn read_entry(row: &Row) -> Result<(AuditEntry, AuditCursor), StoreError> {
    let head = read_record(row)?;
    let tail = match (head.row.outcome, row.get::<Option<String>>("tail_outcome")?) {
        (Some(outcome), _) => Some(AuditTail {
            at: head.row.at,
            outcome,
            code: head.row.code.clone(),
            reason: head.content.as_ref().and_then(|c| c.reason.clone()),
        }),
        (None, Some(text)) => Some(AuditTail {
            at: row.get("tail_at")?,
            outcome: text.parse().map_err(|_| StoreError::Corrupt { what: "outcome" })?,
            code: row.get("tail_code")?,
            reason: read_content(row, "tail_content")?.and_then(|c| c.reason),
        }),
        (None, None) => None,
    };
    let place = AuditCursor {
        began_at: head.row.began_at,
        writer: head.row.writer,
        seq: row.get("place")?,
    };
    Ok((AuditEntry { head, tail }, place))
}

impl AuditFilter {
    /// Adds the conditions on `audit_rows d`, but for the text.
    fn limit(&self, query: &mut Assembly, after: Option<AuditCursor>) {
        match self.outcome {
            Some(AuditOutcome::Is(outcome)) => query.when(" WHERE d.outcome = ", Some(outcome.as_str())),
            Some(AuditOutcome::Pending) => {
                query.push(" WHERE d.kind <> 'outcome' AND (d.writer, d.seq) IN (SELECT writer, seq FROM audit_open)")
            }
            None => query.push(" WHERE d.kind <> 'outcome'"),
        };
        if let Some(after) = after {
            query
                .push(" AND (d.began_at, d.writer, d.seq) < (")
                .bind(after.began_at)
                .push(", ")
                .bind(after.writer)
                .push(", ")
                .bind(after.seq)
                .push(")");
        }
        query
            .when(" AND d.actor = ", self.actor)
            .when(" AND d.action = ", self.action.as_deref())
            .when(" AND d.resource_id = ", self.resource.as_deref())
            .when(" AND d.causal = ", self.causal.as_deref())
            .when(" AND d.began_at >= ", self.since)
            .when(" AND d.began_at < ", self.until);
    }
}

const ORDER: &str = " ORDER BY d.began_at DESC, d.writer DESC, d.seq DESC LIMIT ";

/// The `rows` newest entries after `after`.
pub(crate) fn list_query(backend: Backend, filter: &AuditFilter, after: Option<AuditCursor>, rows: u32) -> Query {
    let mut query = Assembly::new(backend, COLUMNS);
    // The rows are found first, by an index, and only then joined.
    query.push("(SELECT d.* FROM audit_rows d");
    filter.limit(&mut query, after);
    let most = if filter.text.is_some() { SEARCHED } else { rows };
    query.push(ORDER).bind(most).push(")").push(JOINED);
    if let Some(text) = &filter.text {
        let pattern = like(text);
        for (i, piece) in [
            "LOWER(h.action)",
            "LOWER(h.resource_id)",
            "LOWER(hc.content)",
            "LOWER(tc.content)",
        ]
        .into_iter()
        .enumerate()
        {
            query.push(if i == 0 { " WHERE (" } else { " OR " });
            query
                .push(piece)
                .push(" LIKE ")
                .bind(pattern.as_str())
                .push(" ESCAPE '\\'");
        }
        query.push(")");
    }
    query.push(ORDER).bind(rows);
    query.finish()
}

/// The last row that a search looks through.
fn searched_query(backend: Backend, filter: &AuditFilter, after: Option<AuditCursor>) -> Query {
    let mut query = Assembly::new(backend, "SELECT d.began_at, d.writer, d.seq FROM audit_rows d");
    filter.limit(&mut query, after);
    query.push(ORDER).bind(1u32).push(" OFFSET ").bind(SEARCHED - 1);
    query.finish()
}

/// A pattern for whatever has `text` in it, in lower case.
fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

impl Store {
    /// Entries, newest first, at most `limit` (held between 1 and [`ListPage::MOST`]), and where to go on if there are more. A
    /// page of a search may have fewer entries than there are left, or none.
    pub async fn audit_list(
        &self,
        filter: &AuditFilter,
        page: ListPage<AuditCursor>,
    ) -> Result<(Vec<AuditEntry>, Option<AuditCursor>), StoreError> {
        // A search that finds less than a page asks once more, and is to see the same rows.
        let mut conn = match filter.text {
            Some(_) => self.snapshot().await?,
            None => self.reader().await?,
        };
        let query = list_query(self.backend(), filter, page.after, page.rows());
        let mut found = conn.read_all(query, read_entry).await?;
        let mut next = None;
        if found.len() >= page.rows() as usize {
            found.pop();
            next = found.last().map(|(_, place)| *place);
        } else if filter.text.is_some() {
            let place = |row: &Row| {
                Ok(AuditCursor {
                    began_at: row.get("began_at")?,
                    writer: row.get("writer")?,
                    seq: row.get("seq")?,
                })
            };
            next = conn
                .read_optional(searched_query(self.backend(), filter, page.after), place)
                .await?;
        }
        conn.rollback().await;
        Ok((found.into_iter().map(|(entry, _)| entry).collect(), next))
    }

    /// The entry of an intent or event.
    pub async fn audit_entry(&self, writer: AuditWriterId, seq: u64) -> Result<Option<AuditEntry>, StoreError> {
        let mut query = Assembly::new(self.backend(), COLUMNS);
        query.push("audit_rows").push(JOINED);
        query
            .when(" WHERE d.kind <> 'outcome' AND d.writer = ", Some(writer))
            .when(" AND d.seq = ", Some(seq));
        let found = self.reader().await?.read_optional(query.finish(), read_entry).await?;
        Ok(found.map(|(entry, _)| entry))
    }
}
