//! Sums of the ledger.

use bailey_core::Timestamp;
use bailey_store::{LedgerReach, Named, SpendDimension, SpendFilter, SpendRow, SpendValue};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;
use crate::world::{DAY, World, world};

fn cents(rows: &[SpendRow]) -> Vec<(u64, i64)> {
    rows.iter().map(|r| (r.requests, r.cost.nanos() / 10_000_000)).collect()
}

async fn spend_is_grouped_by_each_dimension(db: TestDb) {
    let World {
        store,
        ada,
        bob,
        of_ada,
        of_bob,
    } = world(&db).await;
    let all = SpendFilter::within(LedgerReach::All);
    let spend = async |dims: &[SpendDimension]| store.spend(&all, dims).await.unwrap();
    let rows = spend(&[]).await;
    assert_eq!(cents(&rows), [(6, 31)]);
    assert_eq!(
        (rows[0].usage.input, rows[0].usage.output, rows[0].usage.reasoning),
        (60, 120, 30)
    );
    let named = |id, name: &str| {
        Some(Named {
            id,
            name: Some(name.to_owned()),
        })
    };
    let rows = spend(&[SpendDimension::Key]).await;
    assert_eq!(cents(&rows), [(3, 19), (3, 12)]);
    assert_eq!(rows[0].dims, [SpendValue::Key(named(of_ada.id, "of-ada"))]);
    let rows = spend(&[SpendDimension::Person]).await;
    assert_eq!(
        rows[1].dims,
        [SpendValue::Person(Some(Named {
            id: bob.id,
            name: Some("bob".into())
        }))]
    );
    assert_eq!(
        rows[0].dims,
        [SpendValue::Person(Some(Named {
            id: ada.id,
            name: Some("ada".into())
        }))]
    );
    let rows = spend(&[SpendDimension::Group]).await;
    assert_eq!(rows[0].dims, [SpendValue::Group(None)]);
    let dev = Named {
        id: group("dev").id,
        name: Some("dev".into()),
    };
    assert_eq!(rows[1].dims, [SpendValue::Group(Some(dev))]);
    let rows = spend(&[SpendDimension::Workspace]).await;
    assert_eq!(rows[1].dims, [SpendValue::Workspace(of_bob.workspace)]);
    // The model of a refused request is whatever its client wrote, so it is not counted under it.
    let rows = spend(&[SpendDimension::Model]).await;
    let model = |m: Option<&str>| vec![SpendValue::Model(m.map(str::to_owned))];
    let got: Vec<_> = rows.iter().map(|r| r.dims.clone()).collect();
    assert_eq!(got, [model(Some("small")), model(Some("large")), model(None)]);
    assert_eq!(cents(&rows), [(4, 29), (1, 2), (1, 0)]);
    let rows = spend(&[SpendDimension::Provider]).await;
    assert_eq!(cents(&rows), [(4, 27), (1, 4), (1, 0)]);
    assert_eq!(rows[2].dims, [SpendValue::Provider(None)]);
    let today = Timestamp::parse("2026-11-20T00:00:00Z").unwrap();
    let rows = spend(&[SpendDimension::Day, SpendDimension::Person]).await;
    assert_eq!(cents(&rows), [(1, 4), (2, 3), (1, 16), (2, 8)]);
    assert_eq!(rows[0].dims[0], SpendValue::Day(today));
    assert_eq!(rows[3].dims[0], SpendValue::Day(today.plus_seconds(DAY)));
    // A dimension that is asked for twice is there once.
    assert_eq!(
        spend(&[SpendDimension::Day, SpendDimension::Day]).await[0].dims.len(),
        1
    );
    assert_eq!(spend(&SpendDimension::ALL).await.len(), 6);
}

/// All spend, but for what `change` says.
fn only(change: impl FnOnce(&mut SpendFilter)) -> SpendFilter {
    let mut filter = SpendFilter::within(LedgerReach::All);
    change(&mut filter);
    filter
}

async fn spend_is_limited_by_what_is_asked_for(db: TestDb) {
    let World {
        store,
        ada,
        bob,
        of_ada,
        of_bob,
    } = world(&db).await;
    let sum = async |filter: SpendFilter| cents(&store.spend(&filter, &[]).await.unwrap())[0];
    assert_eq!(sum(only(|f| f.key = Some(of_ada.id))).await, (3, 19));
    assert_eq!(sum(only(|f| f.person = Some(ada.id))).await, (3, 19));
    assert_eq!(sum(only(|f| f.group = of_bob.group)).await, (3, 12));
    assert_eq!(sum(only(|f| f.workspace = of_bob.workspace)).await, (3, 12));
    assert_eq!(sum(only(|f| f.model = Some("large".into()))).await, (1, 2));
    assert_eq!(sum(only(|f| f.provider = Some("two".into()))).await, (1, 4));
    // Days count whole.
    assert_eq!(sum(only(|f| f.since = Some(T0.plus_seconds(DAY)))).await, (3, 24));
    assert_eq!(sum(only(|f| f.until = Some(T0))).await, (3, 7));
    assert_eq!(
        sum(SpendFilter::within(LedgerReach::People(vec![bob.id]))).await,
        (3, 12)
    );
    assert_eq!(sum(SpendFilter::within(LedgerReach::People(vec![]))).await, (0, 0));
    let few = only(|f| f.limit = 1);
    assert_eq!(store.spend(&few, &[SpendDimension::Person]).await.unwrap().len(), 1);
}

async fn spend_of_a_deleted_group_keeps_its_id(db: TestDb) {
    let World { store, .. } = world(&db).await;
    store.group_delete(group("dev").id).await.unwrap();
    let rows = store
        .spend(&SpendFilter::within(LedgerReach::All), &[SpendDimension::Group])
        .await
        .unwrap();
    let gone = Named {
        id: group("dev").id,
        name: None,
    };
    assert_eq!(rows[1].dims, [SpendValue::Group(Some(gone))]);
}

bailey_testkit::db_tests!(
    spend_is_grouped_by_each_dimension,
    spend_is_limited_by_what_is_asked_for,
    spend_of_a_deleted_group_keeps_its_id,
);
