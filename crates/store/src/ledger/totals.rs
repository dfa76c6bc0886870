//! What a batch of settlements comes to: per account, and per row of the daily sums. Added up in memory first, so that a
//! batch of thousands touches few rows.

use std::collections::{BTreeMap, HashMap};

use bailey_core::ledger::{AccountKey, Outcome, RequestRecord, Settlement, Usage};
use bailey_core::period::Period;
use bailey_core::{Money, MoneyError, Timestamp};
use uuid::Uuid;

use crate::value::{Texts, Value};

/// The columns of `spend_daily`, in the order of [`push_spend`].
pub(super) const SPEND_COLUMNS: &[&str] = &[
    "day",
    "key_id",
    "person",
    "group_id",
    "workspace",
    "model",
    "provider",
    "outcome",
    "requests",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "cost",
    "overrun",
];

/// What one account is charged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) charge: Money,
    pub(super) overrun: Money,
}

/// One row of the daily sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SpendKey<'a> {
    day: Timestamp,
    key: Uuid,
    person: Uuid,
    group: Uuid,
    workspace: Uuid,
    model: &'a str,
    provider: &'a str,
    outcome: Outcome,
}

/// What is added to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spend {
    requests: u64,
    usage: Usage,
    cost: Money,
    overrun: Money,
}

/// The sum per account, in the order in which every transaction locks them.
pub(super) fn posts(settled: &[Settlement]) -> Result<BTreeMap<AccountKey, Post>, MoneyError> {
    let mut posts = HashMap::<AccountKey, Post>::new();
    for settlement in settled {
        for account in &settlement.accounts {
            let post = posts.entry(*account).or_default();
            post.charge = post.charge.checked_add(settlement.charge)?;
            post.overrun = post.overrun.checked_add(settlement.overrun)?;
        }
    }
    Ok(posts.into_iter().collect())
}

/// The sums per row of `spend_daily`, in the order of its key, so that two servers never wait for each other in a circle.
pub(super) fn spends<'a>(
    records: impl Iterator<Item = &'a RequestRecord>,
) -> Result<BTreeMap<SpendKey<'a>, Spend>, MoneyError> {
    let mut spends = HashMap::<SpendKey<'a>, Spend>::new();
    // Requests come in order of time, so nearly all share their day with the one before.
    let mut day = Period::Day.window(Timestamp::default());
    for record in records {
        if !day.contains(record.started_at) {
            day = Period::Day.window(record.started_at);
        }
        let spend = spends.entry(spend_key(record, day.start)).or_default();
        spend.requests += 1;
        spend.usage = spend.usage.plus(&record.usage);
        spend.cost = spend.cost.checked_add(record.cost)?;
        spend.overrun = spend.overrun.checked_add(record.overrun)?;
    }
    Ok(spends.into_iter().collect())
}

fn spend_key(record: &RequestRecord, day: Timestamp) -> SpendKey<'_> {
    let subject = &record.subject;
    SpendKey {
        day,
        key: subject.key.map_or(Uuid::nil(), bailey_core::KeyId::uuid),
        person: subject.person.map_or(Uuid::nil(), bailey_core::PersonId::uuid),
        group: subject.group.map_or(Uuid::nil(), bailey_core::GroupId::uuid),
        workspace: subject.workspace.map_or(Uuid::nil(), bailey_core::WorkspaceId::uuid),
        // The model of a refused request is whatever its client wrote: it must not make rows without end.
        model: if record.outcome == Outcome::Denied {
            ""
        } else {
            &subject.model
        },
        provider: record.provider.as_deref().unwrap_or_default(),
        outcome: record.outcome,
    }
}

/// Adds one row's values.
pub(super) fn push_spend(values: &mut Vec<Value>, texts: &mut Texts, key: &SpendKey<'_>, spend: &Spend) {
    let Usage {
        input,
        cache_read,
        cache_write_5m,
        cache_write_1h,
        output,
        reasoning,
    } = spend.usage;
    values.extend([
        key.day.into(),
        key.key.into(),
        key.person.into(),
        key.group.into(),
        key.workspace.into(),
        texts.value(key.model),
        texts.value(key.provider),
        texts.value(key.outcome.as_str()),
    ]);
    values.extend(
        [
            spend.requests,
            input,
            cache_read,
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning,
        ]
        .map(Value::from),
    );
    values.extend([spend.cost.into(), spend.overrun.into()]);
}
