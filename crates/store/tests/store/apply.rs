//! Taking a journal over: exactly once, and to the nano-dollar.

use bailey_core::budget::{Budget, BudgetSubject, LeasePolicy};
use bailey_core::key::Key;
use bailey_core::ledger::{AttemptRecord, ChargeFlag, Outcome, Settlement, Usage};
use bailey_core::period::Period;
use bailey_core::{GroupId, Money, RequestId};
use bailey_store::{BudgetFilter, BudgetState, LedgerReach, ListPage, RequestFilter, SpendFilter, Store, StoreError};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

const NEED: LeasePolicy = LeasePolicy { share: u32::MAX };

async fn state(store: &Store, budget: &Budget) -> BudgetState {
    let mut filter = BudgetFilter::within(LedgerReach::All);
    filter.id = Some(budget.id);
    store
        .budgets_list(&filter, ListPage::first(1), T0)
        .await
        .unwrap()
        .0
        .remove(0)
}

/// A claimed store with a key on a budget of 100 dollars a day, all of it leased.
async fn leased(db: &TestDb) -> (Store, Key, Budget) {
    let (store, ada) = with_owner(db).await;
    let key = key("k", ada.id);
    let day = budget(1, BudgetSubject::Key(key.id), Period::Day, Money::usd(100));
    store.key_insert(&key, std::slice::from_ref(&day)).await.unwrap();
    claim(&store, 1).await;
    store
        .leases_take(replica(1), T0, &[(account(&day), Money::usd(100))], NEED)
        .await
        .unwrap();
    (store, key, day)
}

async fn total(store: &Store) -> (u64, Money, Money) {
    let row = store
        .spend(&SpendFilter::within(LedgerReach::All), &[])
        .await
        .unwrap()
        .remove(0);
    (row.requests, row.cost, row.overrun)
}

async fn charges_move_from_leased_to_posted(db: TestDb) {
    let (store, key, day) = leased(&db).await;
    let mut over = settlement(2, subject(&key), Money::usd(3), &[account(&day)]);
    over.overrun = Money::cents(5);
    let settled = [settlement(1, subject(&key), Money::usd(2), &[account(&day)]), over];
    let applied = store
        .ledger_apply(replica(1), at(1, 10), &[], &settled, T0)
        .await
        .unwrap();
    assert_eq!(applied.posted, [(account(&day), Money::usd(5))]);
    let after = state(&store, &day).await;
    assert_eq!(
        (after.posted, after.overrun, after.leased),
        (Money::usd(5), Money::cents(5), Money::usd(95))
    );
    store.leases_release_all(replica(1)).await.unwrap();
    let after = state(&store, &day).await;
    assert_eq!((after.posted, after.leased), (Money::usd(5), Money::ZERO));
}

async fn the_same_part_is_taken_over_once(db: TestDb) {
    let (store, key, day) = leased(&db).await;
    let settled = [settlement(1, subject(&key), Money::usd(2), &[account(&day)])];
    let first = store
        .ledger_apply(replica(1), at(1, 10), &[], &settled, T0)
        .await
        .unwrap();
    let again = store
        .ledger_apply(replica(1), at(1, 10), &[], &settled, T0)
        .await
        .unwrap();
    assert_eq!(first, again, "the replica is told what is posted either way");
    let behind = [settlement(2, subject(&key), Money::usd(9), &[account(&day)])];
    store
        .ledger_apply(replica(1), at(1, 9), &[], &behind, T0)
        .await
        .unwrap();
    store
        .ledger_apply(replica(1), at(0, 99), &[], &behind, T0)
        .await
        .unwrap();
    assert_eq!(state(&store, &day).await.posted, Money::usd(2));
    assert_eq!(total(&store).await, (1, Money::usd(2), Money::ZERO));
    // The next segment begins at a smaller offset and is further all the same.
    store
        .ledger_apply(replica(1), at(2, 0), &[], &behind, T0)
        .await
        .unwrap();
    assert_eq!(total(&store).await, (2, Money::usd(11), Money::ZERO));
}

async fn a_replica_that_was_never_claimed_has_no_journal(db: TestDb) {
    let (store, ..) = leased(&db).await;
    let stranger = store
        .ledger_apply(replica(9), at(1, 1), &[], &[], T0)
        .await
        .unwrap_err();
    assert!(
        matches!(stranger, StoreError::NotFound { what: "replica" }),
        "{stranger:?}"
    );
}

async fn attempts_are_open_from_intent_to_settlement(db: TestDb) {
    let (store, key, day) = leased(&db).await;
    let opened: Vec<_> = (1..=3)
        .map(|n| intent(n, subject(&key), Money::usd(1), &[account(&day)]))
        .collect();
    let settled = [settlement(3, subject(&key), Money::usd(1), &[account(&day)])];
    store
        .ledger_apply(replica(1), at(1, 10), &opened, &settled, T0)
        .await
        .unwrap();
    assert_eq!(
        store.open_attempts(replica(1)).await.unwrap(),
        opened[..2],
        "the third began and ended"
    );
    // Recovery hands the open ones in again with the rest of the journal.
    store
        .ledger_apply(replica(1), at(1, 11), &opened[..2], &[], T0)
        .await
        .unwrap();
    let settled = [settlement(1, subject(&key), Money::usd(1), &[account(&day)])];
    store
        .ledger_apply(replica(1), at(1, 20), &[], &settled, T0)
        .await
        .unwrap();
    assert_eq!(store.open_attempts(replica(1)).await.unwrap(), opened[1..2]);
    assert_eq!(store.open_attempts(replica(2)).await.unwrap(), []);
}

async fn every_column_is_read_as_written(db: TestDb) {
    let (store, mut key, _) = leased(&db).await;
    key.group = Some(GroupId::from_uuid(uuid(8)));
    let mut full = request(1, subject(&key), Money::usd(1));
    full.subject.session = Some("s\u{1f980}'\"".into());
    full.overrun = Money::from_nanos(1);
    full.flag = Some(ChargeFlag::DrainBound);
    full.code = Some("overloaded".into());
    full.attempts = 2;
    full.status = 529;
    full.outcome = Outcome::ClientGone;
    let mut bare = request(2, bailey_core::ledger::Subject::default(), Money::ZERO);
    (bare.ttft_us, bare.provider, bare.provider_model) = (None, None, None);
    (bare.price_version, bare.provider_request_id, bare.usage) = (None, None, Usage::default());
    let detail = AttemptRecord {
        id: attempt(1),
        request: full.id,
        number: 1,
        provider: "mock".into(),
        provider_model: "m".into(),
        started_at: T0,
        latency_us: 5,
        status: Some(429),
        outcome: Outcome::Error,
        code: Some("rate_limited".into()),
        usage: Usage {
            output: 7,
            ..Usage::default()
        },
        cost: Money::from_nanos(3),
        overrun: Money::ZERO,
        flag: Some(ChargeFlag::HoldCharged),
    };
    let second = AttemptRecord {
        id: attempt(2),
        number: 2,
        status: None,
        code: None,
        flag: None,
        ..detail.clone()
    };
    let of = |request: Option<_>, detail: Option<_>| Settlement {
        request,
        detail,
        ..Settlement::default()
    };
    let settled = [
        of(None, Some(detail.clone())),
        of(Some(full.clone()), Some(second.clone())),
        of(Some(bare.clone()), None),
    ];
    store
        .ledger_apply(replica(1), at(1, 10), &[], &settled, T0)
        .await
        .unwrap();
    assert_eq!(
        store.request_get(full.id).await.unwrap(),
        Some((full, vec![detail, second]))
    );
    assert_eq!(store.request_get(bare.id).await.unwrap(), Some((bare, vec![])));
    assert_eq!(store.request_get(RequestId::from_uuid(uuid(404))).await.unwrap(), None);
}

/// A count that no column can hold must not stop the journal.
async fn counts_beyond_the_column_are_held_at_its_end(db: TestDb) {
    let (store, key, _) = leased(&db).await;
    let mut record = request(1, subject(&key), Money::ZERO);
    record.usage.output = u64::MAX;
    record.latency_us = u64::MAX;
    let settled = [Settlement {
        request: Some(record.clone()),
        ..Settlement::default()
    }];
    store
        .ledger_apply(replica(1), at(1, 10), &[], &settled, T0)
        .await
        .unwrap();
    let (read, _) = store.request_get(record.id).await.unwrap().unwrap();
    assert_eq!(read.usage.output, i64::MAX.unsigned_abs());
    assert_eq!(read.latency_us, i64::MAX.unsigned_abs());
}

async fn a_deleted_budget_does_not_stop_the_journal(db: TestDb) {
    let (store, key, day) = leased(&db).await;
    store.budget_delete(day.id).await.unwrap();
    let settled = [settlement(1, subject(&key), Money::usd(2), &[account(&day)])];
    let applied = store
        .ledger_apply(replica(1), at(1, 10), &[], &settled, T0)
        .await
        .unwrap();
    assert_eq!(applied.posted, [(account(&day), Money::usd(2))]);
    assert_eq!(total(&store).await.1, Money::usd(2));
}

/// A settlement that is larger than the lease is charged all the same: never less than what was spent.
async fn a_charge_beyond_the_lease_is_charged(db: TestDb) {
    let (store, key, day) = leased(&db).await;
    store
        .leases_release(replica(1), &[(account(&day), Money::usd(99))])
        .await
        .unwrap();
    let settled = [settlement(1, subject(&key), Money::usd(2), &[account(&day)])];
    store
        .ledger_apply(replica(1), at(1, 10), &[], &settled, T0)
        .await
        .unwrap();
    let after = state(&store, &day).await;
    assert_eq!((after.posted, after.leased), (Money::usd(2), Money::ZERO));
}

/// Thousands of rows at once: chunks of every size, sums that agree with the rows.
async fn large_parts_are_taken_over_whole(db: TestDb) {
    let (store, key, day) = leased(&db).await;
    let (mut position, mut next) = (0, 0_u128);
    for size in [1_u128, 63, 64, 65, 1_000, 4_200] {
        let settled: Vec<_> = (next..next + size)
            .map(|n| settlement(n, subject(&key), Money::from_nanos(10), &[account(&day)]))
            .collect();
        next += size;
        position += 1;
        store
            .ledger_apply(replica(1), at(position, 0), &[], &settled, T0)
            .await
            .unwrap();
    }
    let cost = Money::from_nanos(i64::try_from(next).unwrap() * 10);
    assert_eq!(total(&store).await, (u64::try_from(next).unwrap(), cost, Money::ZERO));
    let after = state(&store, &day).await;
    assert_eq!(
        (after.posted, after.posted.checked_add(after.leased).unwrap()),
        (cost, Money::usd(100))
    );
    let filter = RequestFilter::within(LedgerReach::All);
    let (mut seen, mut cursor) = (0, None);
    loop {
        let (page, more) = store.requests_list(&filter, cursor, 1_000).await.unwrap();
        seen += page.len() as u128;
        cursor = more;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, next);
}

bailey_testkit::db_tests!(
    charges_move_from_leased_to_posted,
    the_same_part_is_taken_over_once,
    a_replica_that_was_never_claimed_has_no_journal,
    attempts_are_open_from_intent_to_settlement,
    every_column_is_read_as_written,
    counts_beyond_the_column_are_held_at_its_end,
    a_deleted_budget_does_not_stop_the_journal,
    a_charge_beyond_the_lease_is_charged,
    large_parts_are_taken_over_whole,
);
