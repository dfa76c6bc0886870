//! Futures of the store are used in request handlers, which move between threads.

use bailey_core::budget::LeasePolicy;
use bailey_store::{LedgerReach, ListPage, Store};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

fn assert_send<T: Send>(value: T) -> T {
    value
}

/// As a handler would: references to locals, several calls, all in one future.
async fn handler(store: &Store) {
    let (person, org) = (person("owner"), organization());
    let keys = assert_send(store.bootstrap(&person, &org));
    assert!(keys.await.unwrap());
    let wants = vec![];
    assert_send(store.leases_take(replica(1), T0, &wants, LeasePolicy::default()))
        .await
        .unwrap();
    let groups = store.groups_list(ListPage::first(10), &LedgerReach::All);
    assert_send(groups).await.unwrap();
}

async fn futures_of_the_store_are_send(db: TestDb) {
    let store = open(&db).await;
    assert_send(handler(&store)).await;
}

bailey_testkit::db_tests!(futures_of_the_store_are_send);
