//! The audit log: listed, exported, verified.

mod export;
pub(crate) mod view;

use bailey_api::Page;
use bailey_api::audit::{
    AuditAnchor, AuditAnchorListQuery, AuditEntry, AuditExportQuery, AuditListQuery, AuditOutcome as Asked, AuditReport,
};
use bailey_core::audit::{Anchor, Outcome, Verifier};
use bailey_core::{AuditWriterId, Timestamp};
use bailey_store::{AuditCursor, AuditFilter, AuditOutcome, LedgerReach, ListPage};
use uuid::Uuid;

use super::{App, AppError, Caller, cursor};
use crate::audit::{Change, Resource, is_signed};

pub(crate) use export::Export;

const CURSOR: u8 = b'a';
const ANCHOR_CURSOR: u8 = b'n';
const DEFAULT: u32 = 50;
/// Rows that are read at once to be verified or exported.
const SLICE: u32 = 1_000;
/// The longest text that is searched for, in characters.
const TEXT: usize = 200;

impl App {
    /// Entries, newest first.
    pub(crate) async fn audit_list(&self, query: AuditListQuery) -> Result<Page<AuditEntry>, AppError> {
        let limit = cursor::limit(query.limit, DEFAULT, ListPage::<AuditCursor>::MOST)?;
        let after = query.cursor.as_deref().map(read_cursor).transpose()?;
        let asked = AuditExportQuery {
            format: None,
            actor: query.actor,
            action: query.action,
            resource: query.resource,
            outcome: query.outcome,
            since: query.since,
            until: query.until,
            q: query.q,
            causal: query.causal,
        };
        let Some(filter) = self.audit_filter(asked).await? else {
            return Ok(Page {
                items: Vec::new(),
                next_cursor: None,
            });
        };
        let (entries, next) = self.store().audit_list(&filter, ListPage { after, limit }).await?;
        Ok(Page {
            items: entries.into_iter().map(view::entry).collect(),
            next_cursor: next.as_ref().map(write_cursor),
        })
    }

    /// What an export asks for; `None` = nothing can be it.
    async fn audit_filter(&self, query: AuditExportQuery) -> Result<Option<AuditFilter>, AppError> {
        let now = self.now();
        let actor = match &query.actor {
            None => None,
            Some(text) => match self.find_person(text, &LedgerReach::All).await? {
                Some(person) => Some(person.id),
                // People go, and what they did stays.
                None => match text.parse() {
                    Ok(id) => Some(id),
                    Err(_) => return Ok(None),
                },
            },
        };
        if query.q.as_ref().is_some_and(|q| q.chars().count() > TEXT) {
            return Err(AppError::Query {
                parameter: "q",
                detail: format!("must have at most {TEXT} characters"),
            });
        }
        Ok(Some(AuditFilter {
            actor,
            action: query.action,
            resource: query.resource,
            outcome: query.outcome.map(stored),
            since: query.since.map(|since| since.at(now)),
            until: query.until.map(|until| until.at(now)),
            causal: query.causal.map(|id| id.to_string()),
            text: query.q.filter(|q| !q.is_empty()),
        }))
    }

    /// One entry, by the writer of its chain and its number there.
    pub(crate) async fn audit_get(&self, id: &str) -> Result<AuditEntry, AppError> {
        let (writer, seq) = id.split_once(':').ok_or(AppError::NotFound)?;
        let writer = writer.parse().map_err(|_| AppError::NotFound)?;
        let seq = seq.parse().map_err(|_| AppError::NotFound)?;
        let entry = self.store().audit_entry(writer, seq).await?;
        entry.map(view::entry).ok_or(AppError::NotFound)
    }

    /// Anchors, newest first.
    pub(crate) async fn audit_anchors(&self, query: &AuditAnchorListQuery) -> Result<Page<AuditAnchor>, AppError> {
        let limit = cursor::limit(query.limit, DEFAULT, ListPage::<AuditCursor>::MOST)?;
        let after = query
            .cursor
            .as_deref()
            .map(|text| read_place(ANCHOR_CURSOR, text))
            .transpose()?;
        let mut found = self.store().audit_anchors(after, limit + 1).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|last| {
            let anchor = &last.anchor;
            write_place(ANCHOR_CURSOR, (anchor.at, anchor.signer, anchor.number))
        });
        Ok(Page {
            items: found.into_iter().map(view::anchor).collect(),
            next_cursor: next,
        })
    }

    /// Every anchor there is, in no order.
    async fn all_anchors(&self) -> Result<Vec<Anchor>, AppError> {
        let mut anchors = Vec::new();
        let mut after = None;
        loop {
            let found = self.store().audit_anchors(after, SLICE).await?;
            let Some(last) = found.last() else { return Ok(anchors) };
            after = Some((last.anchor.at, last.anchor.signer, last.anchor.number));
            anchors.extend(found.into_iter().map(|found| found.anchor));
        }
    }

    /// Verifies the whole log, slice by slice; one verification at a time.
    pub(crate) async fn audit_verify(&self, caller: &Caller) -> Result<AuditReport, AppError> {
        let change = Change::new("audit.verify", Resource::new("audit", self.audit().writer()));
        caller.record(change).await?;
        let _turn = self.anchors().turn().await;
        let heads = self.store().audit_heads().await?;
        let key = self.anchors().key();
        let mut anchors = self.all_anchors().await?;
        // Whoever can write to the database can take anchors out of it.
        anchors.extend(self.anchors().kept(|_| true));
        let mut verifier = Verifier::new(anchors, |anchor| anchor.key == key && is_signed(anchor));
        for head in heads {
            let mut after = 0;
            loop {
                let rows = self.store().audit_read(head.writer, after, SLICE).await?;
                let Some(last) = rows.last() else { break };
                after = last.seq;
                for read in rows {
                    match read.record {
                        Ok(record) => verifier.row(&record.row, record.content.as_ref()),
                        Err(field) => verifier.unreadable(head.writer, read.seq, field),
                    }
                }
                tokio::task::yield_now().await;
            }
            verifier.end(&head);
        }
        Ok(view::report(verifier.finish()))
    }
}

const fn stored(outcome: Asked) -> AuditOutcome {
    AuditOutcome::Is(match outcome {
        Asked::Done => Outcome::Done,
        Asked::Failed => Outcome::Failed,
        Asked::Denied => Outcome::Denied,
        Asked::Unknown => Outcome::Unknown,
        Asked::Pending => return AuditOutcome::Pending,
    })
}

type Place = (Timestamp, AuditWriterId, u64);

fn write_place(kind: u8, (at, writer, seq): Place) -> String {
    let mut bytes = at.micros().to_be_bytes().to_vec();
    bytes.extend_from_slice(writer.uuid().as_bytes());
    bytes.extend_from_slice(&seq.to_be_bytes());
    cursor::encode(kind, &bytes)
}

fn read_place(kind: u8, text: &str) -> Result<Place, AppError> {
    let bytes = cursor::decode::<32>(kind, text)?;
    let (at, rest) = bytes.split_at(8);
    let (writer, seq) = rest.split_at(16);
    let number = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).unwrap_or_default();
    let writer = Uuid::from_slice(writer).unwrap_or_default();
    Ok((
        Timestamp::from_micros(i64::from_be_bytes(number(at))),
        AuditWriterId::from_uuid(writer),
        u64::from_be_bytes(number(seq)),
    ))
}

fn read_cursor(text: &str) -> Result<AuditCursor, AppError> {
    let (began_at, writer, seq) = read_place(CURSOR, text)?;
    Ok(AuditCursor { began_at, writer, seq })
}

fn write_cursor(cursor: &AuditCursor) -> String {
    write_place(CURSOR, (cursor.began_at, cursor.writer, cursor.seq))
}
