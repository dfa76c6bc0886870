//! Reading the ledger's rows, and pruning them.

use bailey_core::Money;
use bailey_core::ledger::{Outcome, RequestRecord, Settlement};
use bailey_store::{Cursor, LedgerReach, RequestFilter, SpendFilter, Store};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;
use crate::world::{DAY, World, world};

/// A request's number, as [`request`] made it.
fn number_of(record: &RequestRecord) -> u128 {
    record.id.uuid().as_u128() - uuid(2_000_000).as_u128()
}

async fn list(store: &Store, filter: RequestFilter) -> Vec<u128> {
    let (records, next) = store.requests_list(&filter, None, 100).await.unwrap();
    assert_eq!(next, None);
    records.iter().map(number_of).collect()
}

/// All requests, but for what `change` says.
fn only(change: impl FnOnce(&mut RequestFilter)) -> RequestFilter {
    let mut filter = RequestFilter::within(LedgerReach::All);
    change(&mut filter);
    filter
}

async fn requests_are_listed_by_what_is_asked_for(db: TestDb) {
    let World {
        store,
        ada,
        of_ada,
        of_bob,
        ..
    } = world(&db).await;
    assert_eq!(
        list(&store, RequestFilter::within(LedgerReach::All)).await,
        [6, 5, 4, 3, 2, 1]
    );
    assert_eq!(list(&store, only(|f| f.key = Some(of_ada.id))).await, [6, 2, 1]);
    assert_eq!(list(&store, only(|f| f.person = Some(ada.id))).await, [6, 2, 1]);
    assert_eq!(list(&store, only(|f| f.group = of_bob.group)).await, [5, 4, 3]);
    assert_eq!(list(&store, only(|f| f.workspace = of_bob.workspace)).await, [5, 4, 3]);
    assert_eq!(list(&store, only(|f| f.model = Some("large".into()))).await, [2]);
    // Text is compared exactly: no wildcards, no letter case.
    assert!(list(&store, only(|f| f.model = Some("LARGE".into()))).await.is_empty());
    assert!(list(&store, only(|f| f.model = Some("%".into()))).await.is_empty());
    assert_eq!(list(&store, only(|f| f.provider = Some("two".into()))).await, [3]);
    assert_eq!(list(&store, only(|f| f.outcome = Some(Outcome::Denied))).await, [4]);
    assert_eq!(
        list(&store, only(|f| f.session = Some("session".into()))).await,
        [6, 4, 2]
    );
    let tomorrow = Some(T0.plus_seconds(DAY));
    assert_eq!(list(&store, only(|f| f.since = tomorrow)).await, [6, 5, 4]);
    assert_eq!(
        list(
            &store,
            only(|f| {
                f.until = tomorrow;
                f.key = Some(of_ada.id);
            })
        )
        .await,
        [2, 1]
    );
    let second = Some(T0.plus_seconds(2));
    assert_eq!(
        list(
            &store,
            only(|f| {
                f.since = second;
                f.until = second;
            })
        )
        .await,
        [] as [u128; 0]
    );
}

async fn a_reader_sees_only_their_own_requests(db: TestDb) {
    let World {
        store,
        ada,
        bob,
        of_ada,
        ..
    } = world(&db).await;
    let own = RequestFilter::within(LedgerReach::People(vec![bob.id]));
    assert_eq!(list(&store, own.clone()).await, [5, 4, 3]);
    assert!(
        list(
            &store,
            RequestFilter {
                key: Some(of_ada.id),
                ..own
            }
        )
        .await
        .is_empty()
    );
    let both = RequestFilter::within(LedgerReach::People(vec![bob.id, ada.id]));
    assert_eq!(list(&store, both).await.len(), 6);
    assert!(
        list(&store, RequestFilter::within(LedgerReach::People(vec![])))
            .await
            .is_empty()
    );
}

async fn pages_of_requests_miss_none_and_repeat_none(db: TestDb) {
    let World { store, of_ada, .. } = world(&db).await;
    // Five more at one and the same instant: the id decides.
    let settled: Vec<_> = (10..15)
        .map(|n| {
            let mut record = request(n, subject(&of_ada), Money::ZERO);
            record.started_at = T0;
            Settlement {
                request: Some(record),
                ..Settlement::default()
            }
        })
        .collect();
    store
        .ledger_apply(replica(1), at(1, 2), &[], &settled, T0)
        .await
        .unwrap();
    let filter = RequestFilter::within(LedgerReach::All);
    for limit in [1, 2, 3, 10, 11] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (page, next) = store.requests_list(&filter, cursor, limit).await.unwrap();
            assert!(page.len() <= limit as usize);
            seen.extend(page.iter().map(number_of));
            let Some(next) = next else { break };
            cursor = Some(next.to_string().parse::<Cursor>().unwrap());
        }
        assert_eq!(seen, [6, 5, 4, 3, 2, 1, 14, 13, 12, 11, 10], "limit {limit}");
    }
    for text in ["", "1", "1.", "x.req_0", "1.key_00000000000000000000000000000000"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}

async fn old_requests_are_pruned_in_slices_and_sums_stay(db: TestDb) {
    let World { store, .. } = world(&db).await;
    let tomorrow = T0.plus_seconds(DAY);
    assert_eq!(store.requests_prune(tomorrow, 2).await.unwrap(), 2);
    assert_eq!(
        list(&store, RequestFilter::within(LedgerReach::All)).await,
        [6, 5, 4, 3],
        "the oldest first"
    );
    assert_eq!(store.requests_prune(tomorrow, 2).await.unwrap(), 1);
    assert_eq!(store.requests_prune(tomorrow, 2).await.unwrap(), 0);
    assert_eq!(list(&store, RequestFilter::within(LedgerReach::All)).await, [6, 5, 4]);
    let rows = store.spend(&SpendFilter::within(LedgerReach::All), &[]).await.unwrap();
    assert_eq!((rows[0].requests, rows[0].cost), (6, Money::cents(31)));
}

bailey_testkit::db_tests!(
    requests_are_listed_by_what_is_asked_for,
    a_reader_sees_only_their_own_requests,
    pages_of_requests_miss_none_and_repeat_none,
    old_requests_are_pruned_in_slices_and_sums_stay,
);
