//! Reading and pruning the ledger's rows.

use bailey_core::ledger::{AttemptRecord, RequestRecord};
use bailey_core::{RequestId, Timestamp};

use super::rows::{read_attempt, read_request};
use super::{Cursor, RequestFilter};
use crate::page::cut;
use crate::sql::{Assembly, Query, each, same, statements};
use crate::store::transaction;
use crate::value::{Row, Value};
use crate::{Backend, ListPage, Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, started_at, key_id, token, person, group_id, workspace, protocol, model, stream, session, latency_us, \
             ttft_us, status, outcome, code, provider, provider_model, attempts, input, cache_read, cache_write_5m, \
             cache_write_1h, output, reasoning, cost, overrun, flag, price_version, provider_request_id FROM requests",
            $rest
        )
    };
}

statements! {
    GET = same(select!(" WHERE id = $1"));
    ATTEMPTS = same(
        "SELECT id, request, number, provider, provider_model, started_at, latency_us, status, outcome, code, input, \
         cache_read, cache_write_5m, cache_write_1h, output, reasoning, cost, overrun, flag FROM attempts \
         WHERE request = $1 ORDER BY number",
    );
    PRUNE = same(
        "DELETE FROM requests WHERE id IN \
         (SELECT id FROM requests WHERE started_at < $1 ORDER BY started_at, id LIMIT $2) RETURNING id",
    );
    PRUNE_ATTEMPTS = each(
        "DELETE FROM attempts WHERE request IN (SELECT unhex(value) FROM json_each($1))",
        "DELETE FROM attempts WHERE request = ANY($1)",
    );
}

/// The `rows` newest requests after `cursor`.
pub(crate) fn list_query(backend: Backend, filter: &RequestFilter, cursor: Option<Cursor>, rows: u32) -> Query {
    let mut query = Assembly::new(backend, select!(" WHERE 1 = 1"));
    if let Some(cursor) = cursor {
        query
            .push(" AND (started_at, id) < (")
            .bind(cursor.started_at)
            .push(", ")
            .bind(cursor.id)
            .push(")");
    }
    filter.limit(&mut query);
    query.push(" ORDER BY started_at DESC, id DESC LIMIT ").bind(rows);
    query.finish()
}

impl Store {
    /// Requests, newest first, at most `limit` (held between 1 and [`ListPage::MOST`]), and where to go on if there are
    /// more.
    pub async fn requests_list(
        &self,
        filter: &RequestFilter,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<(Vec<RequestRecord>, Option<Cursor>), StoreError> {
        let rows = ListPage::<RequestId>::first(limit).rows();
        let query = list_query(self.backend(), filter, cursor, rows);
        let records = self.reader().await?.read_all(query, read_request).await?;
        Ok(cut(records, rows, |r| Cursor {
            started_at: r.started_at,
            id: r.id,
        }))
    }

    /// One request and its attempts, where it needed more than one.
    pub async fn request_get(&self, id: RequestId) -> Result<Option<(RequestRecord, Vec<AttemptRecord>)>, StoreError> {
        let mut conn = self.snapshot().await?;
        let Some(request) = conn.read_optional(GET.bind(id), read_request).await? else {
            return Ok(None);
        };
        let attempts = conn.read_all(ATTEMPTS.bind(id), read_attempt).await?;
        conn.commit().await?;
        Ok(Some((request, attempts)))
    }

    /// Deletes up to `limit` of the oldest requests that arrived before `before`, with their attempts; the daily sums stay.
    /// Answers with how many were deleted: call it again until that is fewer than `limit`.
    pub async fn requests_prune(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        transaction!(self, async |tx| {
            let id = |row: &Row| Ok(row.get::<RequestId>("id")?.uuid());
            let ids = tx.read_all(PRUNE.bind(before).bind(limit), id).await?;
            let pruned = ids.len() as u64;
            if pruned > 0 {
                tx.execute(PRUNE_ATTEMPTS.bind(Value::Uuids(ids))).await?;
            }
            Ok(pruned)
        })
    }
}
