//! Ledger rows to values and back.

use bailey_core::ledger::{AttemptRecord, ChargeFlag, Outcome, RequestRecord, Subject, Usage};

use crate::StoreError;
use crate::value::{Row, Texts, Value};

/// The columns of `requests`, in the order of [`push_request`].
pub(super) const REQUEST_COLUMNS: &[&str] = &[
    "id",
    "started_at",
    "key_id",
    "token",
    "person",
    "group_id",
    "workspace",
    "protocol",
    "model",
    "stream",
    "session",
    "latency_us",
    "ttft_us",
    "status",
    "outcome",
    "code",
    "provider",
    "provider_model",
    "attempts",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "cost",
    "overrun",
    "flag",
    "price_version",
    "provider_request_id",
];

/// The columns of `attempts`, in the order of [`push_attempt`].
pub(super) const ATTEMPT_COLUMNS: &[&str] = &[
    "id",
    "request",
    "number",
    "provider",
    "provider_model",
    "started_at",
    "latency_us",
    "status",
    "outcome",
    "code",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "cost",
    "overrun",
    "flag",
];

fn usage_values(usage: &Usage) -> [Value; 6] {
    let Usage {
        input,
        cache_read,
        cache_write_5m,
        cache_write_1h,
        output,
        reasoning,
    } = *usage;
    [input, cache_read, cache_write_5m, cache_write_1h, output, reasoning].map(Value::from)
}

/// Adds one request's values.
pub(super) fn push_request(values: &mut Vec<Value>, texts: &mut Texts, record: &RequestRecord) {
    let subject = &record.subject;
    values.extend([
        record.id.into(),
        record.started_at.into(),
        subject.key.into(),
        subject.token.into(),
        subject.person.into(),
        subject.group.into(),
        subject.workspace.into(),
        texts.value(&subject.protocol),
        texts.value(&subject.model),
        subject.stream.into(),
        subject.session.as_deref().into(),
        record.latency_us.into(),
        record.ttft_us.into(),
        record.status.into(),
        texts.value(record.outcome.as_str()),
        texts.optional(record.code.as_deref()),
        texts.optional(record.provider.as_deref()),
        texts.optional(record.provider_model.as_deref()),
        record.attempts.into(),
    ]);
    values.extend(usage_values(&record.usage));
    values.extend([
        record.cost.into(),
        record.overrun.into(),
        texts.optional(record.flag.map(ChargeFlag::as_str)),
        texts.optional(record.price_version.as_deref()),
        record.provider_request_id.as_deref().into(),
    ]);
}

/// Adds one attempt's values.
pub(super) fn push_attempt(values: &mut Vec<Value>, texts: &mut Texts, record: &AttemptRecord) {
    values.extend([
        record.id.into(),
        record.request.into(),
        record.number.into(),
        texts.value(&record.provider),
        texts.value(&record.provider_model),
        record.started_at.into(),
        record.latency_us.into(),
        record.status.into(),
        texts.value(record.outcome.as_str()),
        texts.optional(record.code.as_deref()),
    ]);
    values.extend(usage_values(&record.usage));
    values.extend([
        record.cost.into(),
        record.overrun.into(),
        texts.optional(record.flag.map(ChargeFlag::as_str)),
    ]);
}

/// The token columns of a row.
pub(crate) fn read_usage(row: &Row) -> Result<Usage, StoreError> {
    Ok(Usage {
        input: row.get("input")?,
        cache_read: row.get("cache_read")?,
        cache_write_5m: row.get("cache_write_5m")?,
        cache_write_1h: row.get("cache_write_1h")?,
        output: row.get("output")?,
        reasoning: row.get("reasoning")?,
    })
}

fn read_flag(row: &Row) -> Result<Option<ChargeFlag>, StoreError> {
    match row.get::<Option<String>>("flag")? {
        Some(text) => ChargeFlag::from_name(&text)
            .map(Some)
            .ok_or(StoreError::Corrupt { what: "flag" }),
        None => Ok(None),
    }
}

pub(super) fn read_request(row: &Row) -> Result<RequestRecord, StoreError> {
    Ok(RequestRecord {
        id: row.get("id")?,
        subject: Subject {
            key: row.get("key_id")?,
            token: row.get("token")?,
            person: row.get("person")?,
            group: row.get("group_id")?,
            workspace: row.get("workspace")?,
            protocol: row.get("protocol")?,
            model: row.get("model")?,
            stream: row.get("stream")?,
            session: row.get("session")?,
        },
        started_at: row.get("started_at")?,
        latency_us: row.get("latency_us")?,
        ttft_us: row.get("ttft_us")?,
        status: row.get("status")?,
        outcome: row.parse("outcome", Outcome::from_name)?,
        code: row.get("code")?,
        provider: row.get("provider")?,
        provider_model: row.get("provider_model")?,
        attempts: row.get("attempts")?,
        usage: read_usage(row)?,
        cost: row.get("cost")?,
        overrun: row.get("overrun")?,
        flag: read_flag(row)?,
        price_version: row.get("price_version")?,
        provider_request_id: row.get("provider_request_id")?,
    })
}

pub(super) fn read_attempt(row: &Row) -> Result<AttemptRecord, StoreError> {
    Ok(AttemptRecord {
        id: row.get("id")?,
        request: row.get("request")?,
        number: row.get("number")?,
        provider: row.get("provider")?,
        provider_model: row.get("provider_model")?,
        started_at: row.get("started_at")?,
        latency_us: row.get("latency_us")?,
        status: row.get("status")?,
        outcome: row.parse("outcome", Outcome::from_name)?,
        code: row.get("code")?,
        usage: read_usage(row)?,
        cost: row.get("cost")?,
        overrun: row.get("overrun")?,
        flag: read_flag(row)?,
    })
}
