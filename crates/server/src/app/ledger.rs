//! The ledger's requests.

use bailey_api::Page;
use bailey_api::requests::{self as wire, Format, RequestListQuery};
use bailey_core::ledger::{AttemptRecord, RequestRecord};
use bailey_core::{RequestId, Timestamp};
use bailey_store::{Cursor, ListPage, RequestFilter};
use uuid::Uuid;

use super::caller::sees;
use super::{App, AppError, Caller, cursor};

const CURSOR: u8 = b'r';
const DEFAULT: u32 = 50;
/// The most requests in one answer that is a file.
const MOST_CSV: u32 = 10_000;

impl App {
    /// Requests within reach, newest first. All that has ended is there.
    pub async fn requests_list(
        &self,
        caller: &Caller,
        query: RequestListQuery,
    ) -> Result<Page<wire::Request>, AppError> {
        let (default, most) = match query.format.unwrap_or_default() {
            Format::Json => (DEFAULT, ListPage::<RequestId>::MOST),
            Format::Csv => (MOST_CSV, MOST_CSV),
        };
        let mut left = cursor::limit(query.limit, default, most)?;
        let mut at = query.cursor.as_deref().map(read_cursor).transpose()?;
        let Some(filter) = self.request_filter(caller, query).await? else {
            return Ok(Page {
                items: Vec::new(),
                next_cursor: None,
            });
        };
        self.gate().flush().await?;
        let mut items = Vec::new();
        loop {
            let part = left.min(ListPage::<RequestId>::MOST);
            let (records, next) = self.store().requests_list(&filter, at, part).await?;
            left -= part;
            items.extend(records.into_iter().map(request));
            at = next;
            if next.is_none() || left == 0 {
                break;
            }
        }
        Ok(Page {
            items,
            next_cursor: at.as_ref().map(write_cursor),
        })
    }

    /// One request, with its attempts.
    pub async fn request_get(&self, caller: &Caller, id: RequestId) -> Result<wire::RequestDetail, AppError> {
        let reach = self.people_within(caller).await?;
        self.gate().flush().await?;
        let found = self.store().request_get(id).await?;
        let found = found.filter(|(record, _)| sees(&reach, record.subject.person));
        let (record, attempts) = found.ok_or(AppError::NotFound)?;
        Ok(wire::RequestDetail {
            request: request(record),
            attempts_made: attempts.into_iter().map(attempt).collect(),
        })
    }

    /// What the query asks for, or nothing if it names somebody who is not there or cannot be seen.
    async fn request_filter(
        &self,
        caller: &Caller,
        query: RequestListQuery,
    ) -> Result<Option<RequestFilter>, AppError> {
        let now = self.now();
        let reach = self.people_within(caller).await?;
        let mut filter = RequestFilter::within(reach.clone());
        let asked = (query.person.as_deref(), query.group.as_deref());
        let Some(whose) = self.find_whose(caller, &reach, asked).await? else {
            return Ok(None);
        };
        (filter.person, filter.group) = (whose.person, whose.group);
        filter.since = query.since.map(|m| m.at(now));
        filter.until = query.until.map(|m| m.at(now));
        filter.key = query.key;
        filter.workspace = query.workspace;
        filter.model = query.model;
        filter.provider = query.provider;
        filter.outcome = query.outcome;
        filter.session = query.session;
        Ok(Some(filter))
    }
}

fn write_cursor(at: &Cursor) -> String {
    let mut bytes = at.started_at.micros().to_be_bytes().to_vec();
    bytes.extend_from_slice(at.id.uuid().as_bytes());
    cursor::encode(CURSOR, &bytes)
}

fn read_cursor(text: &str) -> Result<Cursor, AppError> {
    let bytes = cursor::decode::<24>(CURSOR, text)?;
    let (mut micros, mut id) = ([0; 8], [0; 16]);
    for (to, from) in micros.iter_mut().chain(id.iter_mut()).zip(bytes) {
        *to = from;
    }
    Ok(Cursor {
        started_at: Timestamp::from_micros(i64::from_be_bytes(micros)),
        id: RequestId::from_uuid(Uuid::from_bytes(id)),
    })
}

fn request(record: RequestRecord) -> wire::Request {
    let subject = record.subject;
    wire::Request {
        id: record.id,
        started_at: record.started_at.into(),
        key: subject.key.map(|id| id.to_string()),
        token: subject.token.map(|id| id.to_string()),
        person: subject.person.map(|id| id.to_string()),
        group: subject.group.map(|id| id.to_string()),
        workspace: subject.workspace.map(|id| id.to_string()),
        protocol: subject.protocol,
        model: subject.model,
        stream: subject.stream,
        session: subject.session,
        status: record.status,
        outcome: record.outcome,
        code: record.code,
        provider: record.provider,
        provider_model: record.provider_model,
        provider_request_id: record.provider_request_id,
        attempts: record.attempts,
        tokens: record.usage.into(),
        cost: record.cost.into(),
        overrun: record.overrun.into(),
        flag: record.flag,
        price_version: record.price_version,
        latency_us: record.latency_us,
        ttft_us: record.ttft_us,
    }
}

fn attempt(record: AttemptRecord) -> wire::Attempt {
    wire::Attempt {
        number: record.number,
        provider: record.provider,
        provider_model: record.provider_model,
        started_at: record.started_at.into(),
        latency_us: record.latency_us,
        status: record.status,
        outcome: record.outcome,
        code: record.code,
        tokens: record.usage.into(),
        cost: record.cost.into(),
        overrun: record.overrun.into(),
        flag: record.flag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips() {
        let cursor = Cursor {
            started_at: Timestamp::from_micros(1_700_000_000_123_456),
            id: RequestId::from_uuid(Uuid::from_u128(0x0123_4567_89ab_cdef)),
        };
        assert_eq!(read_cursor(&write_cursor(&cursor)).unwrap(), cursor);
    }
}
