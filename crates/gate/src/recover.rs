//! After a crash: what the journal has and the store has not, and attempts whose outcome nobody knows.
//!
//! An attempt that was journalled and never settled may have cost anything up to its hold, so the hold is charged in full
//! and flagged. What was only held in memory is gone with the memory, and nothing of it was sent.

use bailey_core::ledger::{AttemptRecord, ChargeFlag, Intent, Outcome, RequestRecord, Settlement, Usage};
use bailey_core::{Money, Timestamp};
use bailey_store::{JournalPosition, ReplicaClaim};

use crate::flush::{FlushError, Sorted};
use crate::gate::GateOptions;
use crate::journal::{read_from, segments};

/// Brings the store up to the end of the old journal and settles what is open. Answers with the number of the segment to
/// begin with.
pub(crate) async fn recover(options: &GateOptions, claim: ReplicaClaim, now: Timestamp) -> Result<u64, FlushError> {
    let dir = &options.journal.dir;
    std::fs::create_dir_all(dir)?;
    let mut position = claim.journal.unwrap_or(JournalPosition { segment: 0, offset: 0 });
    let next_segment = segments(dir)?.last().copied().unwrap_or(0).max(position.segment) + 1;
    let mut damaged = Vec::new();
    let mut sorted = Sorted::default();
    for intent in claim.open {
        sorted.open.insert(intent.attempt, intent);
    }
    loop {
        let batch = read_from(dir, position, None)?;
        if let Some(damage) = &batch.damage {
            tracing::error!(
                segment = batch.next.segment,
                damage,
                "the journal is damaged; the segment is kept as .damaged"
            );
            damaged.push(batch.next.segment);
        }
        if batch.records.is_empty() {
            break;
        }
        position = batch.next;
        sorted.extend(batch.records);
        // Open intents stay in hand until the end of the journal is seen; settlements can go now.
        if sorted.settled.len() >= 10_000 {
            let opened: Vec<Intent> = sorted.open.values().cloned().collect();
            let settled = std::mem::take(&mut sorted.settled);
            options
                .store
                .ledger_apply(options.replica, position, &opened, &settled, now)
                .await?;
        }
    }
    let unknown = sorted.open.len();
    sorted
        .settled
        .extend(sorted.open.into_values().map(|intent| charge_in_full(intent, now)));
    let begin = JournalPosition {
        segment: next_segment,
        offset: 0,
    };
    options
        .store
        .ledger_apply(options.replica, begin, &[], &sorted.settled, now)
        .await?;
    options.store.leases_release_all(options.replica).await?;
    if unknown > 0 {
        tracing::warn!(
            attempts = unknown,
            "requests were under way when the server ended; their holds are charged in full and flagged"
        );
    }
    for segment in segments(dir)? {
        let path = dir.join(format!("{segment:012}.journal"));
        if damaged.contains(&segment) {
            std::fs::rename(&path, path.with_extension("damaged"))?;
        } else {
            std::fs::remove_file(path)?;
        }
    }
    Ok(next_segment)
}

/// The settlement of an attempt that nobody saw the end of.
fn charge_in_full(intent: Intent, now: Timestamp) -> Settlement {
    let latency = |since: Timestamp| u64::try_from(now.micros().saturating_sub(since.micros())).unwrap_or(0);
    let latency_us = latency(intent.started_at);
    let detail = (intent.number > 1).then(|| AttemptRecord {
        id: intent.attempt,
        request: intent.request,
        number: intent.number,
        provider: intent.provider.clone(),
        provider_model: intent.provider_model.clone(),
        started_at: intent.started_at,
        latency_us,
        status: None,
        outcome: Outcome::Unknown,
        code: Some("recovered".to_owned()),
        usage: Usage::default(),
        cost: intent.hold,
        overrun: Money::ZERO,
        flag: Some(ChargeFlag::Recovered),
    });
    Settlement {
        attempt: Some(intent.attempt),
        accounts: intent.accounts,
        charge: intent.hold,
        overrun: Money::ZERO,
        detail,
        request: Some(RequestRecord {
            id: intent.request,
            subject: intent.subject,
            started_at: intent.started_at,
            latency_us,
            ttft_us: None,
            status: 0,
            outcome: Outcome::Unknown,
            code: Some("recovered".to_owned()),
            provider: Some(intent.provider),
            provider_model: Some(intent.provider_model),
            attempts: intent.number,
            usage: Usage::default(),
            cost: intent.hold,
            overrun: Money::ZERO,
            flag: Some(ChargeFlag::Recovered),
            price_version: Some(intent.price_version),
            provider_request_id: None,
        }),
    }
}
