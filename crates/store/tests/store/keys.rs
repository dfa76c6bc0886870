//! Virtual keys.

use bailey_core::budget::BudgetSubject;
use bailey_core::key::{Key, KeyScope, ModelAccess};
use bailey_core::period::Period;
use bailey_core::{KeyId, Money, WorkspaceId};
use bailey_store::{KeyFilter, KeyState, LedgerReach, ListPage, Store, StoreError};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

async fn names(store: &Store, filter: &KeyFilter) -> Vec<String> {
    let (keys, _) = store.keys_list(filter, ListPage::first(100)).await.unwrap();
    keys.into_iter().map(|k| k.name).collect()
}

async fn a_key_is_read_as_written(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let mut full = key("full", ada.id);
    full.workspace = Some(WorkspaceId::from_uuid(uuid(5)));
    full.tpm = Some(u64::MAX / 2);
    full.expires_at = Some(T0.plus_seconds(60));
    full.scope = KeyScope::AgentWrite;
    store.key_insert(&full, &[]).await.unwrap();
    let mut bare = key("bare", ada.id);
    (bare.rpm, bare.concurrent, bare.models) = (None, None, ModelAccess::default());
    bare.metadata.clear();
    store.key_insert(&bare, &[]).await.unwrap();
    assert_eq!(store.key_get(full.id).await.unwrap(), Some(full.clone()));
    assert_eq!(store.key_by_public_id("pub-full").await.unwrap(), Some(full));
    assert_eq!(store.key_by_public_id("pub-bare").await.unwrap(), Some(bare));
    assert_eq!(store.key_by_public_id("pub").await.unwrap(), None);
}

async fn a_key_and_its_budgets_are_made_together_or_not_at_all(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let key = key("k", ada.id);
    let day = budget(1, BudgetSubject::Key(key.id), Period::Day, Money::usd(5));
    let twin = budget(2, BudgetSubject::Key(key.id), Period::Day, Money::usd(6));
    let refused = store.key_insert(&key, &[day.clone(), twin]).await.unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Conflict {
                what: "budget",
                field: "period"
            }
        ),
        "{refused:?}"
    );
    assert_eq!(store.key_get(key.id).await.unwrap(), None);
    store.key_insert(&key, std::slice::from_ref(&day)).await.unwrap();
    assert_eq!(store.budget_get(day.id).await.unwrap(), Some(day));
}

async fn what_may_change_changes_and_the_rest_stays(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let before = key("k", ada.id);
    store.key_insert(&before, &[]).await.unwrap();
    let changed = Key {
        public_id: "other".into(),
        hash: [9; 32],
        name: "renamed".into(),
        scope: KeyScope::Ci,
        rpm: None,
        tpm: Some(100),
        concurrent: None,
        expires_at: Some(T0),
        revoked_at: Some(T0),
        ..before.clone()
    };
    store.key_update(&changed).await.unwrap();
    let want = Key {
        public_id: before.public_id.clone(),
        hash: before.hash,
        scope: before.scope,
        revoked_at: None,
        ..changed
    };
    assert_eq!(store.key_get(before.id).await.unwrap(), Some(want));
    let gone = store.key_update(&key("gone", ada.id)).await;
    assert!(matches!(gone, Err(StoreError::NotFound { what: "key" })));
}

async fn a_key_is_revoked_once_and_not_rotated_after(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let key = key("k", ada.id);
    store.key_insert(&key, &[]).await.unwrap();
    store.key_rotate(key.id, "pub-new", &[8; 32], T0).await.unwrap();
    assert_eq!(
        store.key_by_public_id("pub-k").await.unwrap(),
        None,
        "the old secret finds nothing"
    );
    let rotated = store.key_by_public_id("pub-new").await.unwrap().unwrap();
    assert_eq!((rotated.hash, rotated.rotated_at), ([8; 32], Some(T0)));
    assert!(store.key_revoke(key.id, T0).await.unwrap());
    assert!(!store.key_revoke(key.id, T0.plus_seconds(1)).await.unwrap());
    assert_eq!(store.key_get(key.id).await.unwrap().unwrap().revoked_at, Some(T0));
    assert!(store.key_rotate(key.id, "pub-newer", &[9; 32], T0).await.is_err());
    let unknown = store.key_revoke(KeyId::from_uuid(uuid(77)), T0).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { what: "key" })));
}

async fn keys_are_listed_by_what_is_asked_for(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let bob = person("bob");
    store.person_insert(&bob).await.unwrap();
    store.group_insert(&group("dev")).await.unwrap();
    let workspace = WorkspaceId::from_uuid(uuid(5));
    let mut expired = key("b", ada.id);
    expired.expires_at = Some(T0);
    expired.workspace = Some(workspace);
    let mut of_bob = key("c", bob.id);
    of_bob.group = Some(group("dev").id);
    of_bob.expires_at = Some(T0.plus_seconds(1));
    for k in [key("a", ada.id), expired, of_bob, key("d", bob.id)] {
        store.key_insert(&k, &[]).await.unwrap();
    }
    store.key_revoke(key("d", bob.id).id, T0).await.unwrap();
    let all = KeyFilter::within(LedgerReach::All);
    assert_eq!(names(&store, &all).await, ["d", "c", "b", "a"]);
    let state = |state| KeyFilter {
        state: Some((state, T0)),
        ..all.clone()
    };
    assert_eq!(names(&store, &state(KeyState::Active)).await, ["c", "a"]);
    assert_eq!(names(&store, &state(KeyState::Expired)).await, ["b"]);
    assert_eq!(names(&store, &state(KeyState::Revoked)).await, ["d"]);
    assert_eq!(
        names(
            &store,
            &KeyFilter {
                person: Some(ada.id),
                ..all.clone()
            }
        )
        .await,
        ["b", "a"]
    );
    assert_eq!(
        names(
            &store,
            &KeyFilter {
                group: Some(group("dev").id),
                ..all.clone()
            }
        )
        .await,
        ["c"]
    );
    assert_eq!(
        names(
            &store,
            &KeyFilter {
                workspace: Some(workspace),
                ..all.clone()
            }
        )
        .await,
        ["b"]
    );
    let own = KeyFilter::within(LedgerReach::People(vec![bob.id]));
    assert_eq!(names(&store, &own).await, ["d", "c"]);
    // A reader who asks for someone else's keys gets nothing, not everything.
    assert!(
        names(
            &store,
            &KeyFilter {
                person: Some(ada.id),
                ..own
            }
        )
        .await
        .is_empty()
    );
    assert!(
        names(&store, &KeyFilter::within(LedgerReach::People(vec![])))
            .await
            .is_empty()
    );
    let (page, next) = store.keys_list(&all, ListPage::first(3)).await.unwrap();
    assert_eq!((page.len(), next), (3, Some(key("b", ada.id).id)));
}

async fn a_chain_has_all_that_a_request_is_judged_by(db: TestDb) {
    let (store, mut ada) = with_owner(&db).await;
    let (dev, ops) = (group("dev"), group("ops"));
    store.group_insert(&dev).await.unwrap();
    store.group_insert(&ops).await.unwrap();
    store.group_member_add(dev.id, ada.id).await.unwrap();
    ada.charged_group = Some(dev.id);
    store.person_update(&ada).await.unwrap();
    let mut key = key("k", ada.id);
    let subjects = [
        BudgetSubject::Key(key.id),
        BudgetSubject::Person(ada.id),
        BudgetSubject::Group(dev.id),
        BudgetSubject::Organization(organization().id),
        BudgetSubject::Group(ops.id),
    ];
    let budgets: Vec<_> = (1..)
        .zip(subjects)
        .map(|(n, subject)| budget(n, subject, Period::Day, Money::usd(1)))
        .collect();
    store.key_insert(&key, &budgets[..1]).await.unwrap();
    for budget in &budgets[1..] {
        store.budget_insert(budget, T0).await.unwrap();
    }
    let chain = store.key_chain("pub-k").await.unwrap().unwrap();
    assert_eq!((&chain.key, &chain.person, &chain.group), (&key, &ada, &Some(dev)));
    assert_eq!(chain.org, organization());
    assert_eq!(chain.budgets, budgets[..4]);
    // A key's own group is charged in place of the person's.
    key.group = Some(ops.id);
    store.key_update(&key).await.unwrap();
    let chain = store.key_chain("pub-k").await.unwrap().unwrap();
    assert_eq!(chain.group, Some(ops));
    assert_eq!(chain.budgets.last(), budgets.last());
    assert_eq!(chain.budgets.len(), 4);
    assert_eq!(store.key_chain("pub-none").await.unwrap(), None);
}

bailey_testkit::db_tests!(
    a_key_is_read_as_written,
    a_key_and_its_budgets_are_made_together_or_not_at_all,
    what_may_change_changes_and_the_rest_stays,
    a_key_is_revoked_once_and_not_rotated_after,
    keys_are_listed_by_what_is_asked_for,
    a_chain_has_all_that_a_request_is_judged_by,
);
