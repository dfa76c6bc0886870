use std::sync::Arc;

use bailey_core::ledger::{Intent, JournalRecord, Settlement, Subject};
use bailey_core::{AttemptId, Money, RequestId, Timestamp};
use bailey_store::JournalPosition;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn options(dir: &Path, segment_bytes: u64) -> JournalOptions {
    JournalOptions {
        dir: dir.to_owned(),
        segment_bytes,
        cap_bytes: u64::MAX,
    }
}

fn intent(number: u128) -> JournalRecord {
    JournalRecord::Intent(Box::new(Intent {
        attempt: AttemptId::from_uuid(Uuid::from_u128(number)),
        request: RequestId::from_uuid(Uuid::from_u128(number)),
        number: 1,
        started_at: Timestamp::from_seconds(1),
        subject: Subject {
            model: format!("model-{number}"),
            ..Subject::default()
        },
        provider: "mock".into(),
        provider_model: "mock".into(),
        hold: Money::from_nanos(7),
        accounts: Vec::new(),
        price_version: "v".into(),
    }))
}

fn all(dir: &Path) -> Vec<JournalRecord> {
    let mut position = JournalPosition { segment: 1, offset: 0 };
    let mut records = Vec::new();
    loop {
        let batch = read_from(dir, position, None).unwrap();
        if batch.records.is_empty() {
            return records;
        }
        records.extend(batch.records);
        position = batch.next;
    }
}

#[test]
fn what_was_appended_is_read_back_over_many_segments() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(options(dir.path(), 4_096), 1).unwrap();
    let written: Vec<_> = (0..200).map(intent).collect();
    for record in &written {
        journal.append(record).unwrap();
    }
    assert!(segments(dir.path()).unwrap().len() > 3);
    assert_eq!(all(dir.path()), written);
}

#[test]
fn a_settlement_has_its_room_when_a_segment_is_nearly_full() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::create(options(dir.path(), 64 * 1024), 1).unwrap());
    let reservations: Vec<_> = (0..8).map(|_| journal.reserve().unwrap()).collect();
    while journal.end().segment == 1 {
        journal.append(&intent(1)).unwrap();
    }
    let before = journal.end();
    for reservation in reservations {
        journal.append_settlement(JournalRecord::Settlement(Box::default()), reservation);
    }
    assert_eq!(journal.end().segment, before.segment, "no new segment was needed");
    assert_eq!(journal.behind(), 0);
}

#[test]
fn a_full_journal_refuses_instead_of_dropping() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(
        Journal::create(
            JournalOptions {
                cap_bytes: 1_000,
                ..options(dir.path(), 64 * 1024)
            },
            1,
        )
        .unwrap(),
    );
    while journal.unflushed() < 1_000 {
        journal.append(&intent(1)).unwrap();
    }
    assert!(matches!(journal.reserve(), Err(JournalError::Full { .. })));
    journal.taken_over(journal.unflushed(), journal.end());
    assert!(journal.reserve().is_ok());
}

#[test]
fn segments_that_the_store_has_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(options(dir.path(), 4_096), 1).unwrap();
    for number in 0..100 {
        journal.append(&intent(number)).unwrap();
    }
    let end = journal.end();
    journal.taken_over(journal.unflushed(), end);
    assert_eq!(segments(dir.path()).unwrap(), [end.segment]);
}

proptest! {
    #[test]
    fn a_torn_or_damaged_tail_loses_nothing_before_it(count in 1_u128..40, cut in 0_usize..64, flip in any::<u8>()) {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(options(dir.path(), 256 * 1024), 1).unwrap();
        let mut ends = Vec::new();
        for number in 0..count {
            ends.push(journal.append(&intent(number)).unwrap().offset);
        }
        let path = segment_path(dir.path(), 1);
        let mut bytes = std::fs::read(&path).unwrap();
        let last = usize::try_from(*ends.last().unwrap()).unwrap();
        let at = last.saturating_sub(1 + cut);
        bytes[at] ^= flip | 1;
        std::fs::write(&path, bytes).unwrap();
        let whole = ends.iter().filter(|end| usize::try_from(**end).unwrap() <= at).count();
        let expected: Vec<_> = (0..whole as u128).map(intent).collect();
        prop_assert_eq!(all(dir.path()), expected);
    }

    #[test]
    fn garbage_never_panics(garbage in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(segment_path(dir.path(), 1), garbage).unwrap();
        let _ = all(dir.path());
    }
}

#[test]
fn an_empty_settlement_round_trips() {
    let record = JournalRecord::Settlement(Box::<Settlement>::default());
    let bytes = encode(&record, Vec::new()).unwrap();
    assert_eq!(postcard::from_bytes::<JournalRecord>(&bytes[HEADER..]).unwrap(), record);
}
