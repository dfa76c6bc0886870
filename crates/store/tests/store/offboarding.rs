//! Suspending, reactivating and deleting people.

use std::sync::Arc;

use bailey_core::PersonId;
use bailey_core::people::PersonStatus;
use bailey_core::workspace::Quota;
use bailey_store::{
    Begun, LedgerReach, ListPage, Opened, PersonDelete, PersonFilter, Store, StoreError, Suspended, Suspension,
};
use bailey_testkit::db::TestDb;
use tokio::task::JoinSet;

use crate::fixtures::*;

const OPENED: Opened = Opened {
    streams: 1,
    terminals: 2,
    commands: 3,
    files: 4,
    apps: 5,
    logs: 6,
};

fn ask(person: PersonId, seconds: i64) -> Suspended {
    Suspended {
        person,
        at: T0.plus_seconds(seconds),
        by: None,
        reason: Some("left".to_owned()),
        idle_seconds: 1_800,
        opened: OPENED,
    }
}

async fn two(store: &Store) -> (PersonId, PersonId) {
    let (ada, bob) = (person("ada"), person("bob"));
    store.bootstrap(&person("root"), &organization()).await.unwrap();
    store.person_insert(&ada).await.unwrap();
    store.person_insert(&bob).await.unwrap();
    (ada.id, bob.id)
}

async fn status(store: &Store, person: PersonId) -> PersonStatus {
    store.person_get(person).await.unwrap().unwrap().status
}

async fn a_suspension_is_begun_once_and_finished_once(db: TestDb) {
    let store = Arc::new(open(&db).await);
    let (ada, bob) = two(&store).await;
    store.key_insert(&key("k", ada), &[]).await.unwrap();
    store.key_insert(&key("other", bob), &[]).await.unwrap();
    let before = store.access_changes().await.unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..32 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.person_suspend(&ask(ada, n)).await.unwrap() });
    }
    let begun: Vec<Suspension> = tasks.join_all().await.into_iter().flatten().collect();
    let [suspension] = &begun[..] else {
        panic!("{} suspensions", begun.len())
    };
    assert_eq!(
        (suspension.keys, suspension.opened, suspension.finished_at),
        (1, OPENED, None)
    );
    assert_eq!(status(&store, ada).await, PersonStatus::Suspended);
    assert!(store.access_changes().await.unwrap() > before);
    assert!(
        store
            .key_get(key("k", ada).id)
            .await
            .unwrap()
            .unwrap()
            .revoked_at
            .is_some()
    );
    assert!(
        store
            .key_get(key("other", bob).id)
            .await
            .unwrap()
            .unwrap()
            .revoked_at
            .is_none()
    );

    assert_eq!(store.suspensions_unfinished().await.unwrap(), begun);
    let which = (ada, suspension.at);
    let less = Opened { apps: 1, ..OPENED };
    store.suspension_ended(which, less, None).await.unwrap();
    let now = T0.plus_seconds(60);
    store.suspension_ended(which, OPENED, Some(now)).await.unwrap();
    store.suspension_ended(which, less, None).await.unwrap();
    let last = store.suspension_last(ada).await.unwrap().unwrap();
    assert_eq!(
        (last.opened, last.finished_at),
        (OPENED, Some(now)),
        "a finished one stays"
    );
    assert_eq!(store.suspensions_unfinished().await.unwrap(), []);
    assert_eq!(store.suspension_last(bob).await.unwrap(), None);
}

async fn who_is_back_has_nothing_of_before(db: TestDb) {
    let store = open(&db).await;
    let (ada, _) = two(&store).await;
    assert!(!store.person_reactivate(ada, T0).await.unwrap(), "they are active");
    store.person_suspend(&ask(ada, 0)).await.unwrap().unwrap();
    // Made at the moment of the suspension.
    store.key_insert(&key("late", ada), &[]).await.unwrap();
    assert!(store.person_reactivate(ada, T0.plus_seconds(9)).await.unwrap());
    assert_eq!(status(&store, ada).await, PersonStatus::Active);
    assert!(
        store
            .key_get(key("late", ada).id)
            .await
            .unwrap()
            .unwrap()
            .revoked_at
            .is_some()
    );
    let last = store.suspension_last(ada).await.unwrap().unwrap();
    assert_eq!(last.lifted_at, Some(T0.plus_seconds(9)));
    let again = store.person_suspend(&ask(ada, 20)).await.unwrap().unwrap();
    assert_eq!((again.keys, again.lifted_at), (0, None));
}

async fn a_deleted_person_is_a_name(db: TestDb) {
    let store = open(&db).await;
    let (ada, bob) = two(&store).await;
    store.group_insert(&group("team")).await.unwrap();
    store.group_member_add(group("team").id, ada).await.unwrap();
    let delete = PersonDelete {
        person: ada,
        at: T0.plus_seconds(5),
        by: Some(bob),
        hand_over: None,
    };
    let quota = Quota::default();
    let active = store.person_delete(&delete, &quota).await;
    assert!(
        matches!(active, Err(StoreError::Conflict { field: "status", .. })),
        "{active:?}"
    );
    store.person_suspend(&ask(ada, 0)).await.unwrap().unwrap();
    let Begun::Yes(done) = store.person_delete(&delete, &quota).await.unwrap() else {
        panic!("a quota of nobody")
    };
    assert_eq!(
        (done.person, done.by, done.handed_to, done.homes),
        (ada, Some(bob), None, 0)
    );
    assert_eq!(store.deletion(ada).await.unwrap(), Some(done));
    assert_eq!(status(&store, ada).await, PersonStatus::Deleted);
    assert!(store.group_members(group("team").id).await.unwrap().is_empty());
    assert!(
        store.person_insert(&person("ada")).await.is_err(),
        "the name is nobody else's"
    );
    assert!(!store.person_reactivate(ada, T0).await.unwrap());
    assert_eq!(store.person_suspend(&ask(ada, 7)).await.unwrap(), None);
    let listed = async |status| {
        let filter = PersonFilter {
            status,
            ..PersonFilter::within(LedgerReach::All)
        };
        let page = store.people_list(ListPage::first(10), &filter).await.unwrap().0;
        page.into_iter().map(|p| p.name).collect::<Vec<_>>()
    };
    assert!(!listed(None).await.contains(&"ada".to_owned()));
    assert_eq!(listed(Some(PersonStatus::Deleted)).await, ["ada"]);
    let again = store.person_delete(&delete, &quota).await;
    assert!(
        matches!(again, Err(StoreError::Conflict { field: "status", .. })),
        "{again:?}"
    );
    // A new owner who is not active gets nothing.
    store.person_suspend(&ask(bob, 0)).await.unwrap().unwrap();
    let to_ada = PersonDelete {
        person: bob,
        hand_over: Some((ada, Vec::new())),
        ..delete
    };
    let refused = store.person_delete(&to_ada, &quota).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { field: "owner", .. })),
        "{refused:?}"
    );
    assert_eq!(status(&store, bob).await, PersonStatus::Suspended);
}

bailey_testkit::db_tests!(
    a_suspension_is_begun_once_and_finished_once,
    who_is_back_has_nothing_of_before,
    a_deleted_person_is_a_name,
);
