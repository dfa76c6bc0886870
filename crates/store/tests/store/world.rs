//! A ledger with a few requests in it.

use bailey_core::key::Key;
use bailey_core::ledger::{Outcome, Settlement};
use bailey_core::people::Person;
use bailey_core::{Money, WorkspaceId};
use bailey_store::Store;
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

pub(crate) const DAY: i64 = 24 * 3_600;

/// Two people with a key each, and six requests.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) ada: Person,
    pub(crate) bob: Person,
    pub(crate) of_ada: Key,
    pub(crate) of_bob: Key,
}

/// Six requests over two days: `number, key, model, provider, outcome, days later, cents`.
pub(crate) async fn world(db: &TestDb) -> World {
    let (store, ada) = with_owner(db).await;
    let bob = person("bob");
    store.person_insert(&bob).await.unwrap();
    store.group_insert(&group("dev")).await.unwrap();
    let of_ada = key("of-ada", ada.id);
    let mut of_bob = key("of-bob", bob.id);
    of_bob.group = Some(group("dev").id);
    of_bob.workspace = Some(WorkspaceId::from_uuid(uuid(5)));
    store.key_insert(&of_ada, &[]).await.unwrap();
    store.key_insert(&of_bob, &[]).await.unwrap();
    claim(&store, 1).await;
    let rows = [
        (1, &of_ada, "small", Some("one"), Outcome::Ok, 0, 1),
        (2, &of_ada, "large", Some("one"), Outcome::Error, 0, 2),
        (3, &of_bob, "small", Some("two"), Outcome::Ok, 0, 4),
        (4, &of_bob, "nonsense", None, Outcome::Denied, 1, 0),
        (5, &of_bob, "small", Some("one"), Outcome::Ok, 1, 8),
        (6, &of_ada, "small", Some("one"), Outcome::Ok, 1, 16),
    ];
    let settled: Vec<_> = rows
        .into_iter()
        .map(|(n, key, model, provider, outcome, days, cents)| {
            let mut record = request(n, subject(key), Money::cents(cents));
            record.subject.model = model.to_owned();
            record.subject.session = (n % 2 == 0).then(|| "session".to_owned());
            record.provider = provider.map(str::to_owned);
            record.outcome = outcome;
            record.started_at = record.started_at.plus_seconds(days * DAY);
            Settlement {
                request: Some(record),
                ..Settlement::default()
            }
        })
        .collect();
    store
        .ledger_apply(replica(1), at(1, 1), &[], &settled, T0)
        .await
        .unwrap();
    World {
        store,
        ada,
        bob,
        of_ada,
        of_bob,
    }
}
