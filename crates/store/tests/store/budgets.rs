//! Budgets and their running windows.

use bailey_core::budget::{BudgetSubject, LeasePolicy};
use bailey_core::ledger::Outcome;
use bailey_core::period::Period;
use bailey_core::{GroupId, KeyId, Money};
use bailey_store::{BudgetFilter, BudgetState, LedgerReach, ListPage, Store, StoreError};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

async fn states(store: &Store, filter: &BudgetFilter) -> Vec<BudgetState> {
    store.budgets_list(filter, ListPage::first(100), T0).await.unwrap().0
}

async fn a_budget_is_made_changed_and_deleted(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let mut day = budget(1, BudgetSubject::Person(ada.id), Period::Day, Money::usd(5));
    store.budget_insert(&day, T0).await.unwrap();
    assert_eq!(store.budget_get(day.id).await.unwrap(), Some(day.clone()));
    store.budget_update_limit(day.id, Money::cents(7)).await.unwrap();
    day.limit = Money::cents(7);
    assert_eq!(store.budget_get(day.id).await.unwrap(), Some(day.clone()));
    store.budget_delete(day.id).await.unwrap();
    assert_eq!(store.budget_get(day.id).await.unwrap(), None);
    assert!(matches!(
        store.budget_delete(day.id).await,
        Err(StoreError::NotFound { what: "budget" })
    ));
    let gone = store.budget_update_limit(day.id, Money::ZERO).await;
    assert!(matches!(gone, Err(StoreError::NotFound { what: "budget" })));
}

async fn a_subject_has_one_budget_per_period_and_exists(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let subject = BudgetSubject::Person(ada.id);
    store
        .budget_insert(&budget(1, subject, Period::Day, Money::usd(5)), T0)
        .await
        .unwrap();
    store
        .budget_insert(&budget(2, subject, Period::Week, Money::usd(5)), T0)
        .await
        .unwrap();
    let twin = store
        .budget_insert(&budget(3, subject, Period::Day, Money::usd(9)), T0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            twin,
            StoreError::Conflict {
                what: "budget",
                field: "period"
            }
        ),
        "{twin:?}"
    );
    let run = store
        .budget_insert(&budget(4, subject, Period::Run, Money::usd(9)), T0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            run,
            StoreError::Conflict {
                what: "budget",
                field: "period"
            }
        ),
        "only keys have runs"
    );
    let nobody = [
        (BudgetSubject::Key(KeyId::from_uuid(uuid(50))), "key"),
        (BudgetSubject::Group(GroupId::from_uuid(uuid(51))), "group"),
    ];
    for (subject, kind) in nobody {
        let gone = store
            .budget_insert(&budget(5, subject, Period::Day, Money::usd(9)), T0)
            .await
            .unwrap_err();
        assert!(
            matches!(gone, StoreError::NotFound { what } if what == kind),
            "{gone:?}"
        );
    }
}

/// What was spent before a budget was set counts against it: a limit that is set at noon limits the day.
async fn a_new_budget_counts_what_was_spent_in_its_window(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let key = key("k", ada.id);
    store.key_insert(&key, &[]).await.unwrap();
    claim(&store, 1).await;
    let mut yesterday = settlement(1, subject(&key), Money::usd(100), &[]);
    yesterday.request.as_mut().unwrap().started_at = T0.plus_seconds(-24 * 3_600);
    let mut today = settlement(2, subject(&key), Money::usd(3), &[]);
    today.request.as_mut().unwrap().overrun = Money::cents(1);
    store
        .ledger_apply(replica(1), at(1, 1), &[], &[yesterday, today], T0)
        .await
        .unwrap();
    let cases = [
        (BudgetSubject::Key(key.id), Period::Day, Money::usd(3)),
        (BudgetSubject::Person(ada.id), Period::Day, Money::usd(3)),
        (BudgetSubject::Person(ada.id), Period::Week, Money::usd(103)),
        (
            BudgetSubject::Organization(organization().id),
            Period::Total,
            Money::usd(103),
        ),
        (BudgetSubject::Key(key.id), Period::Run, Money::usd(103)),
    ];
    for (n, (subject, period, spent)) in (1..).zip(cases) {
        let budget = budget(n, subject, period, Money::usd(200));
        store.budget_insert(&budget, T0).await.unwrap();
        let mut filter = BudgetFilter::within(LedgerReach::All);
        filter.id = Some(budget.id);
        let state = states(&store, &filter).await.remove(0);
        assert_eq!(
            (state.posted, state.overrun, state.leased),
            (spent, Money::cents(1), Money::ZERO),
            "{period}"
        );
        assert_eq!(state.window, period.window(T0));
    }
}

async fn a_window_shows_its_own_money_only(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    claim(&store, 1).await;
    let day = budget(1, BudgetSubject::Person(ada.id), Period::Day, Money::usd(8));
    store.budget_insert(&day, T0).await.unwrap();
    let wants = [(account(&day), Money::usd(1))];
    store
        .leases_take(replica(1), T0, &wants, LeasePolicy { share: 4 })
        .await
        .unwrap();
    let filter = BudgetFilter::within(LedgerReach::All);
    let state = states(&store, &filter).await.remove(0);
    assert_eq!((state.leased, state.available()), (Money::usd(2), Money::usd(6)));
    let tomorrow = T0.plus_seconds(24 * 3_600);
    let (next, _) = store
        .budgets_list(&filter, ListPage::first(10), tomorrow)
        .await
        .unwrap();
    assert_eq!(
        (next[0].leased, next[0].window),
        (Money::ZERO, Period::Day.window(tomorrow))
    );
}

async fn budgets_are_listed_by_subject_and_reach(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let bob = person("bob");
    store.person_insert(&bob).await.unwrap();
    let key = key("k", bob.id);
    let of_key = budget(1, BudgetSubject::Key(key.id), Period::Day, Money::usd(5));
    store.key_insert(&key, std::slice::from_ref(&of_key)).await.unwrap();
    let of_bob = budget(2, BudgetSubject::Person(bob.id), Period::Day, Money::usd(5));
    let of_ada = budget(3, BudgetSubject::Person(ada.id), Period::Month, Money::usd(5));
    let of_all = budget(
        4,
        BudgetSubject::Organization(organization().id),
        Period::Month,
        Money::usd(5),
    );
    for b in [&of_bob, &of_ada, &of_all] {
        store.budget_insert(b, T0).await.unwrap();
    }
    let list = async |filter: BudgetFilter| -> Vec<_> {
        states(&store, &filter).await.into_iter().map(|s| s.budget).collect()
    };
    let all = list(BudgetFilter::within(LedgerReach::All)).await;
    assert_eq!(all, [of_all, of_ada, of_bob.clone(), of_key.clone()]);
    let own = BudgetFilter::within(LedgerReach::People(vec![bob.id]));
    assert_eq!(list(own.clone()).await, [of_bob.clone(), of_key]);
    assert_eq!(
        list(BudgetFilter {
            subject: Some(of_bob.subject),
            ..own.clone()
        })
        .await,
        [of_bob]
    );
    assert!(
        list(BudgetFilter {
            subject: Some(BudgetSubject::Person(ada.id)),
            ..own
        })
        .await
        .is_empty()
    );
    assert!(list(BudgetFilter::within(LedgerReach::People(vec![]))).await.is_empty());
}

/// Refused requests cost nothing and are in the sums all the same.
async fn refusals_count_and_cost_nothing(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let key = key("k", ada.id);
    store.key_insert(&key, &[]).await.unwrap();
    claim(&store, 1).await;
    let mut refusal = settlement(1, subject(&key), Money::ZERO, &[]);
    refusal.attempt = None;
    refusal.request.as_mut().unwrap().outcome = Outcome::Denied;
    store
        .ledger_apply(replica(1), at(1, 1), &[], &[refusal], T0)
        .await
        .unwrap();
    let day = budget(1, BudgetSubject::Key(key.id), Period::Day, Money::usd(1));
    store.budget_insert(&day, T0).await.unwrap();
    assert_eq!(
        states(&store, &BudgetFilter::within(LedgerReach::All)).await[0].available(),
        Money::usd(1)
    );
}

bailey_testkit::db_tests!(
    a_budget_is_made_changed_and_deleted,
    a_subject_has_one_budget_per_period_and_exists,
    a_new_budget_counts_what_was_spent_in_its_window,
    a_window_shows_its_own_money_only,
    budgets_are_listed_by_subject_and_reach,
    refusals_count_and_cost_nothing,
);
