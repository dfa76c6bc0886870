//! Exports: sent in pieces as they are read, so that no more than a slice is in memory.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bailey_api::audit::{AuditEntry, AuditExportQuery, AuditFormat};
use bailey_core::audit::{Head, Line};
use bailey_store::{AuditFilter, ListPage};
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use tokio::sync::mpsc;

use super::{SLICE, view};
use crate::app::{App, AppError, Caller};
use crate::audit::{Change, Entry, Resource};
use crate::csv::Csv;

/// An export on its way out.
pub(crate) struct Export {
    format: AuditFormat,
    pieces: mpsc::Receiver<Result<Bytes, AppError>>,
}

type Pieces = mpsc::Sender<Result<Bytes, AppError>>;

/// Pieces that wait for a slow reader.
const WAITING: usize = 2;

/// Whoever asked has gone away.
struct Gone;

const COLUMNS: [&str; 18] = [
    "id",
    "at",
    "actor_kind",
    "actor",
    "actor_name",
    "action",
    "resource_kind",
    "resource",
    "resource_name",
    "outcome",
    "code",
    "reason",
    "address",
    "session",
    "token",
    "causal",
    "before",
    "after",
];

impl App {
    /// Exports the log. That it was is recorded.
    pub(crate) async fn audit_export(&self, caller: &Caller, query: AuditExportQuery) -> Result<Export, AppError> {
        let format = query.format.unwrap_or_default();
        let asked = AuditExportQuery { format: None, ..query };
        let whole = asked == AuditExportQuery::default() && format == AuditFormat::Jsonl;
        let change = Change::new("audit.export", Resource::new("audit", self.audit().writer())).after(&asked);
        let filter = self.audit_filter(asked).await?;
        let entry = caller.record_open(change).await?;
        let (sender, pieces) = mpsc::channel(WAITING);
        let app = self.clone();
        self.gate().tasks().spawn(async move {
            let sent = match (whole, filter) {
                (true, _) => app.send_chains(&sender).await,
                (false, Some(filter)) => app.send_entries(&sender, &filter, format).await,
                (false, None) => Ok(Ok(())),
            };
            over(sent, entry, &sender).await;
        });
        Ok(Export { format, pieces })
    }

    /// Anchors, and then the chains, row by row.
    async fn send_chains(&self, to: &Pieces) -> Result<Result<(), Gone>, AppError> {
        let heads = self.store().audit_heads().await?;
        let anchors = self.all_anchors().await?;
        for anchors in anchors.chunks(100) {
            let lines = anchors.iter().map(|anchor| Line::Anchor(anchor.clone()));
            if send(to, text(lines)).await.is_err() {
                return Ok(Err(Gone));
            }
        }
        for head in heads {
            if self.send_chain(to, head).await?.is_err() {
                return Ok(Err(Gone));
            }
        }
        Ok(Ok(()))
    }

    async fn send_chain(&self, to: &Pieces, head: Head) -> Result<Result<(), Gone>, AppError> {
        let mut after = 0;
        loop {
            let rows = self.store().audit_slice(head.writer, after, SLICE).await?;
            let Some(last) = rows.last() else { break };
            after = last.row.seq;
            let lines = rows.into_iter().map(|r| Line::Row(Box::new((r.row, r.content))));
            if send(to, text(lines)).await.is_err() {
                return Ok(Err(Gone));
            }
        }
        Ok(send(to, text([Line::End(head)].into_iter())).await)
    }

    /// Entries, newest first.
    async fn send_entries(
        &self,
        to: &Pieces,
        filter: &AuditFilter,
        format: AuditFormat,
    ) -> Result<Result<(), Gone>, AppError> {
        let mut csv = Csv::new(&COLUMNS);
        let mut page = ListPage::first(SLICE);
        loop {
            let (entries, next) = self.store().audit_list(filter, page).await?;
            let entries = entries.into_iter().map(view::entry);
            let piece = match format {
                AuditFormat::Csv => {
                    entries.for_each(|entry| csv.row(cells(&entry)));
                    csv.take()
                }
                AuditFormat::Jsonl => entries
                    .map(|entry| serde_json::to_string(&entry).unwrap_or_default() + "\n")
                    .collect(),
            };
            if send(to, piece).await.is_err() {
                return Ok(Err(Gone));
            }
            match next {
                Some(_) => page.after = next,
                None => return Ok(Ok(())),
            }
        }
    }
}

async fn over(sent: Result<Result<(), Gone>, AppError>, entry: Entry, to: &Pieces) {
    match sent {
        Ok(Ok(())) => entry.end(),
        Ok(Err(Gone)) => entry.fail("whoever asked went away before it was whole"),
        Err(error) => {
            entry.fail(error.to_string());
            // The answer breaks off: what is there is not taken for the whole.
            let _ = to.send(Err(error)).await;
        }
    }
}

async fn send(to: &Pieces, piece: String) -> Result<(), Gone> {
    to.send(Ok(Bytes::from(piece))).await.map_err(|_| Gone)
}

fn text(lines: impl Iterator<Item = Line>) -> String {
    lines.map(|line| line.to_text() + "\n").collect()
}

fn cells(entry: &AuditEntry) -> [String; COLUMNS.len()] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let json = |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
    let person = entry.actor.person.as_ref();
    [
        entry.id.clone(),
        entry.at.to_string(),
        format!("{:?}", entry.actor.kind).to_lowercase(),
        person.map(|p| p.id.clone()).unwrap_or_default(),
        person.map_or_else(|| text(&entry.actor.name), |p| p.name.clone()),
        entry.action.clone(),
        entry.resource.kind.clone(),
        entry.resource.id.clone(),
        text(&entry.resource.name),
        entry.outcome.as_str().to_owned(),
        text(&entry.code),
        text(&entry.reason),
        text(&entry.address),
        entry.session.map(|id| id.to_string()).unwrap_or_default(),
        entry.token.map(|id| id.to_string()).unwrap_or_default(),
        text(&entry.causal),
        json(&entry.before),
        json(&entry.after),
    ]
}

impl IntoResponse for Export {
    fn into_response(self) -> Response {
        let (kind, file) = match self.format {
            AuditFormat::Jsonl => ("application/x-ndjson", "attachment; filename=\"audit.jsonl\""),
            AuditFormat::Csv => (
                "text/csv; charset=utf-8; header=present",
                "attachment; filename=\"audit.csv\"",
            ),
        };
        let pieces = futures_util::stream::unfold(self.pieces, async |mut pieces| {
            let piece = pieces.recv().await?;
            Some((piece, pieces))
        });
        let mut response = (StatusCode::OK, Body::from_stream(pieces)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(file));
        response
    }
}
