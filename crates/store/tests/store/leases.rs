//! Leases and replicas: whatever happens, `posted + overrun + leased <= limit` whenever money is leased.

use bailey_core::budget::{Budget, BudgetSubject, LeasePolicy};
use bailey_core::period::Period;
use bailey_core::{Money, ReplicaId};
use bailey_store::{BudgetFilter, BudgetState, Fault, LedgerReach, ListPage, LostReplica, Store, StoreError};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

const ALL: LeasePolicy = LeasePolicy { share: 1 };
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

/// A store whose owner has two budgets: 10 dollars a day, and 4 in all.
async fn two_budgets(db: &TestDb) -> (Store, Budget, Budget) {
    let (store, ada) = with_owner(db).await;
    let day = budget(1, BudgetSubject::Person(ada.id), Period::Day, Money::usd(10));
    let total = budget(2, BudgetSubject::Person(ada.id), Period::Total, Money::usd(4));
    store.budget_insert(&day, T0).await.unwrap();
    store.budget_insert(&total, T0).await.unwrap();
    claim(&store, 1).await;
    (store, day, total)
}

async fn a_lease_grants_what_is_needed_or_all_there_is(db: TestDb) {
    let (store, day, total) = two_budgets(&db).await;
    let wants = [(account(&total), Money::usd(3)), (account(&day), Money::usd(3))];
    let granted = store.leases_take(replica(1), T0, &wants, NEED).await.unwrap();
    let want = vec![
        (account(&day), Money::usd(3), Money::usd(7)),
        (account(&total), Money::usd(3), Money::usd(1)),
    ];
    assert_eq!(granted, want);
    let granted = store.leases_take(replica(1), T0, &wants, NEED).await.unwrap();
    let want = vec![
        (account(&day), Money::usd(3), Money::usd(4)),
        (account(&total), Money::usd(1), Money::ZERO),
    ];
    assert_eq!(granted, want);
    assert_eq!(state(&store, &total).await.leased, Money::usd(4));
}

async fn a_deleted_budget_leases_nothing_and_undoes_the_rest(db: TestDb) {
    let (store, day, total) = two_budgets(&db).await;
    store.budget_delete(total.id).await.unwrap();
    let wants = [(account(&day), Money::usd(3)), (account(&total), Money::usd(3))];
    let gone = store.leases_take(replica(1), T0, &wants, NEED).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { what: "budget" }), "{gone:?}");
    assert_eq!(state(&store, &day).await.leased, Money::ZERO);
    // Giving back what was held on a deleted budget is no error.
    store
        .leases_release(replica(1), &[(account(&total), Money::usd(3))])
        .await
        .unwrap();
}

async fn what_is_released_can_be_leased_again(db: TestDb) {
    let (store, day, _) = two_budgets(&db).await;
    store
        .leases_take(replica(1), T0, &[(account(&day), Money::usd(10))], NEED)
        .await
        .unwrap();
    store
        .leases_release(replica(1), &[(account(&day), Money::usd(4))])
        .await
        .unwrap();
    assert_eq!(state(&store, &day).await.available(), Money::usd(4));
    let too_much = store
        .leases_release(replica(1), &[(account(&day), Money::usd(7))])
        .await
        .unwrap_err();
    assert_eq!(too_much.fault(), Fault::Ours, "{too_much:?}");
    assert_eq!(
        state(&store, &day).await.leased,
        Money::usd(6),
        "nothing was given back"
    );
    store.leases_release_all(replica(1)).await.unwrap();
    assert_eq!(state(&store, &day).await.leased, Money::ZERO);
    store.leases_release_all(replica(1)).await.unwrap();
}

async fn a_lowered_limit_leases_no_more(db: TestDb) {
    let (store, day, _) = two_budgets(&db).await;
    let wants = [(account(&day), Money::usd(6))];
    store.leases_take(replica(1), T0, &wants, NEED).await.unwrap();
    store.budget_update_limit(day.id, Money::usd(5)).await.unwrap();
    let granted = store.leases_take(replica(1), T0, &wants, ALL).await.unwrap();
    assert_eq!(granted, [(account(&day), Money::ZERO, Money::ZERO)]);
    assert_eq!(state(&store, &day).await.leased, Money::usd(6));
}

/// Many tasks take and give back at once, in every order of accounts: no deadlock, and never more than the limit.
async fn leases_taken_at_once_never_exceed_the_limit(db: TestDb) {
    let (store, day, total) = two_budgets(&db).await;
    let accounts = [account(&day), account(&total)];
    let worker = |worker: u32| {
        let store = store.clone();
        async move {
            let mut mine = [Money::ZERO; 2];
            for round in 0..8 {
                let cents = 1 + (worker * 7 + round * 13) % 90;
                let mut wants = accounts.map(|key| (key, Money::cents(cents)));
                if (worker + round).is_multiple_of(2) {
                    wants.reverse();
                }
                for (key, granted, _) in store.leases_take(replica(1), T0, &wants, NEED).await.unwrap() {
                    let ix = usize::from(key == accounts[1]);
                    mine[ix] = mine[ix].checked_add(granted).unwrap();
                }
                if round % 3 == 2 {
                    store
                        .leases_release(replica(1), &[(accounts[0], mine[0])])
                        .await
                        .unwrap();
                    mine[0] = Money::ZERO;
                }
            }
            mine
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..12 {
        tasks.spawn(worker(n));
    }
    let mut sums = [Money::ZERO; 2];
    for mine in tasks.join_all().await {
        sums = [
            sums[0].checked_add(mine[0]).unwrap(),
            sums[1].checked_add(mine[1]).unwrap(),
        ];
    }
    let (day, total) = (state(&store, &day).await, state(&store, &total).await);
    assert_eq!([day.leased, total.leased], sums);
    assert!(
        day.leased <= day.budget.limit && total.leased <= total.budget.limit,
        "{sums:?}"
    );
    assert_eq!(
        total.leased,
        Money::usd(4),
        "all of it was asked for and nothing given back"
    );
}

async fn a_replica_that_was_never_claimed_leases_nothing(db: TestDb) {
    let (store, day, _) = two_budgets(&db).await;
    let stranger = store
        .leases_take(replica(9), T0, &[(account(&day), Money::usd(1))], ALL)
        .await
        .unwrap_err();
    assert!(matches!(stranger, StoreError::LockLost), "{stranger:?}");
    assert_eq!(state(&store, &day).await.leased, Money::ZERO);
    let beat = store.replica_heartbeat(replica(9), T0, T0).await.unwrap_err();
    assert!(matches!(beat, StoreError::LockLost), "{beat:?}");
}

async fn a_replica_finds_its_own_leases_and_position_again(db: TestDb) {
    let (store, day, _) = two_budgets(&db).await;
    store
        .leases_take(replica(1), T0, &[(account(&day), Money::usd(2))], NEED)
        .await
        .unwrap();
    let opened = intent(
        1,
        bailey_core::ledger::Subject::default(),
        Money::usd(1),
        &[account(&day)],
    );
    store
        .ledger_apply(replica(1), at(3, 70), std::slice::from_ref(&opened), &[], T0)
        .await
        .unwrap();
    store.close().await;
    let store = open(&db).await;
    let claim = store.replica_claim(replica(1), T0, T0.plus_seconds(30)).await.unwrap();
    assert_eq!(claim.journal, Some(at(3, 70)));
    assert_eq!(claim.open, [opened]);
    assert_eq!(claim.lost, []);
    assert_eq!(
        state(&store, &day).await.leased,
        Money::usd(2),
        "kept until the journal is taken over"
    );
    store
        .replica_heartbeat(replica(1), T0, T0.plus_seconds(60))
        .await
        .unwrap();
}

/// The data directory of a server is gone, another one takes the database over: what was in hand counts as spent.
async fn what_a_lost_replica_had_in_hand_counts_as_spent(db: TestDb) {
    let (store, day, _) = two_budgets(&db).await;
    store
        .leases_take(replica(1), T0, &[(account(&day), Money::usd(6))], NEED)
        .await
        .unwrap();
    store.close().await;
    let store = open(&db).await;
    let claim = store.replica_claim(replica(2), T0, T0.plus_seconds(30)).await.unwrap();
    let lost = LostReplica {
        id: replica(1),
        forfeited: vec![(account(&day), Money::usd(6))],
    };
    assert_eq!((claim.journal, claim.lost), (None, vec![lost]));
    let after = state(&store, &day).await;
    assert_eq!((after.posted, after.leased), (Money::usd(6), Money::ZERO));
    // The lost one is fenced: it may not go on as if nothing had happened.
    let fenced = store
        .leases_take(replica(1), T0, &[(account(&day), Money::usd(1))], NEED)
        .await
        .unwrap_err();
    assert!(matches!(fenced, StoreError::LockLost), "{fenced:?}");
    let fenced = store.replica_heartbeat(replica(1), T0, T0).await.unwrap_err();
    assert!(matches!(fenced, StoreError::LockLost), "{fenced:?}");
    // Claimed once more, nothing is lost twice.
    let again = store.replica_claim(replica(2), T0, T0.plus_seconds(30)).await.unwrap();
    assert_eq!(again.lost, []);
}

/// The journal of a lost server is found after all: what it did not spend comes back, what it spent is charged once.
async fn a_journal_that_is_found_refunds_what_was_not_spent(db: TestDb) {
    let (store, day, _) = two_budgets(&db).await;
    store
        .leases_take(replica(1), T0, &[(account(&day), Money::usd(6))], NEED)
        .await
        .unwrap();
    claim(&store, 2).await;
    claim(&store, 1).await;
    let settled = [settlement(
        1,
        bailey_core::ledger::Subject::default(),
        Money::usd(2),
        &[account(&day)],
    )];
    store
        .ledger_apply(replica(1), at(1, 10), &[], &settled, T0)
        .await
        .unwrap();
    let before = state(&store, &day).await;
    assert_eq!(
        (before.posted, before.leased),
        (Money::usd(6), Money::ZERO),
        "charged already"
    );
    store.leases_release_all(replica(1)).await.unwrap();
    let after = state(&store, &day).await;
    assert_eq!((after.posted, after.leased), (Money::usd(2), Money::ZERO));
}

async fn a_second_server_is_refused_and_told_why(db: TestDb) {
    let store = open(&db).await;
    claim(&store, 1).await;
    let second = open(&db).await;
    let refused = second
        .replica_claim(replica(2), T0, T0.plus_seconds(30))
        .await
        .unwrap_err();
    let StoreError::AnotherServer { message } = &refused else {
        panic!("{refused:?}")
    };
    assert!(
        message.contains(&replica(1).to_string()) && message.contains("stop that one first"),
        "{message}"
    );
    assert!(
        message.contains("2026-11-20T12:00:00Z") && message.contains("connected from"),
        "{message}"
    );
    // Commands that make no claim work beside a server.
    second.person_insert(&person("ada")).await.unwrap();
    store.close().await;
    claim(&second, 2).await;
}

#[test]
fn a_second_server_on_postgres_is_refused_and_told_why() {
    bailey_testkit::db::on_postgres(a_second_server_is_refused_and_told_why);
}

/// The database restarts: the lock is gone with its connection, and is taken again.
async fn the_lock_is_taken_again_when_its_connection_broke(db: TestDb) {
    let store = open(&db).await;
    claim(&store, 1).await;
    let bailey_testkit::db::TestTarget::Postgres(url) = db.target() else {
        panic!("PostgreSQL only")
    };
    let mut conn = <sqlx::PgConnection as sqlx::Connection>::connect(url).await.unwrap();
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'bailey'";
    sqlx::query(kill).execute(&mut conn).await.unwrap();
    store
        .replica_heartbeat(replica(1), T0, T0.plus_seconds(30))
        .await
        .unwrap();
    let second = open(&db).await;
    assert!(
        second.replica_claim(replica(2), T0, T0).await.is_err(),
        "the lock is held again"
    );
    // Now the other one is quicker: the first learns it at its next sign of life.
    sqlx::query(kill).execute(&mut conn).await.unwrap();
    claim(&second, 2).await;
    let late: ReplicaId = replica(1);
    let lost = store
        .replica_heartbeat(late, T0, T0.plus_seconds(30))
        .await
        .unwrap_err();
    assert!(matches!(lost, StoreError::AnotherServer { .. }), "{lost:?}");
}

#[test]
fn a_broken_lock_on_postgres_is_taken_again() {
    bailey_testkit::db::on_postgres(the_lock_is_taken_again_when_its_connection_broke);
}

bailey_testkit::db_tests!(
    a_lease_grants_what_is_needed_or_all_there_is,
    a_deleted_budget_leases_nothing_and_undoes_the_rest,
    what_is_released_can_be_leased_again,
    a_lowered_limit_leases_no_more,
    leases_taken_at_once_never_exceed_the_limit,
    a_replica_that_was_never_claimed_leases_nothing,
    a_replica_finds_its_own_leases_and_position_again,
    what_a_lost_replica_had_in_hand_counts_as_spent,
    a_journal_that_is_found_refunds_what_was_not_spent,
);
