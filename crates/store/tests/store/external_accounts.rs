//! Accounts of people at forges.

use bailey_core::PersonId;
use bailey_core::identity::ExternalAccount;
use bailey_store::{Opened, Store, StoreError, Suspended};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

const FORGE: &str = "https://gitlab.example.com";

fn account(person: PersonId, provider: &str, id: &str) -> ExternalAccount {
    ExternalAccount {
        person,
        provider: provider.into(),
        base_url: FORGE.into(),
        account_id: id.into(),
        login: "ada-l".into(),
        display_name: "Ada L.".into(),
        email: Some("ada@example.com".into()),
        scopes: vec!["api".into(), "write_repository".into()],
        sealed: vec![1, 2, 3],
        expires_at: Some(T0.plus_seconds(7_200)),
        linked_at: T0,
        last_used_at: None,
        refused_at: None,
    }
}

async fn two(store: &Store) -> (PersonId, PersonId) {
    let (ada, bob) = (person("ada"), person("bob"));
    store.bootstrap(&person("root"), &organization()).await.unwrap();
    store.person_insert(&ada).await.unwrap();
    store.person_insert(&bob).await.unwrap();
    (ada.id, bob.id)
}

async fn an_account_is_one_persons(db: TestDb) {
    let store = open(&db).await;
    let (ada, bob) = two(&store).await;
    let first = account(ada, "gitlab", "7");
    store.external_account_put(&first).await.unwrap();
    assert_eq!(
        store.external_account(ada, "gitlab").await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(store.external_account(bob, "gitlab").await.unwrap(), None);
    assert_eq!(store.external_account(ada, "github").await.unwrap(), None);
    assert_eq!(store.external_account_owner(FORGE, "7").await.unwrap(), Some(ada));
    for (url, id) in [
        (FORGE, "70"),
        ("http://gitlab.example.com", "7"),
        ("https://gitlab.example.com/", "7"),
        ("https://gitlab.example.com:444", "7"),
    ] {
        assert_eq!(store.external_account_owner(url, id).await.unwrap(), None, "{url} {id}");
    }
    // Neither somebody else nor another provider at the same address gets it.
    for taken in [account(bob, "gitlab", "7"), account(ada, "second", "7")] {
        let error = store.external_account_put(&taken).await.unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Conflict {
                    what: "external account",
                    field: "account_id"
                }
            ),
            "{error}"
        );
    }
    // The same id elsewhere is another account.
    let elsewhere = ExternalAccount {
        base_url: "https://github.com".into(),
        email: None,
        expires_at: None,
        scopes: Vec::new(),
        ..account(bob, "github", "7")
    };
    store.external_account_put(&elsewhere).await.unwrap();
    assert_eq!(store.external_accounts_of(bob).await.unwrap(), [elsewhere]);
    // Linking again takes the place of what was there.
    let again = account(ada, "gitlab", "8");
    store.external_account_put(&again).await.unwrap();
    assert_eq!(store.external_accounts_of(ada).await.unwrap(), [again]);
    assert_eq!(store.external_account_owner(FORGE, "7").await.unwrap(), None);
    assert!(store.external_account_remove(ada, "gitlab").await.unwrap());
    assert!(!store.external_account_remove(ada, "gitlab").await.unwrap());
    assert_eq!(store.external_account_owner(FORGE, "8").await.unwrap(), None);
    let nobody = account(PersonId::from_uuid(uuid(99)), "gitlab", "9");
    assert!(store.external_account_put(&nobody).await.is_err());
}

async fn tokens_change_only_from_those_that_were_read(db: TestDb) {
    let store = open(&db).await;
    let (ada, _) = two(&store).await;
    store.external_account_put(&account(ada, "gitlab", "7")).await.unwrap();
    let at = (ada, "gitlab");
    let later = T0.plus_seconds(9_000);
    assert!(
        store
            .external_account_renew(at, &[1, 2, 3], &[4], Some(later))
            .await
            .unwrap()
    );
    assert!(!store.external_account_renew(at, &[1, 2, 3], &[5], None).await.unwrap());
    assert!(!store.external_account_refused(at, &[1, 2, 3], later).await.unwrap());
    let there = store.external_account(ada, "gitlab").await.unwrap().unwrap();
    assert_eq!(
        (there.sealed.as_slice(), there.expires_at, there.refused_at),
        (&[4][..], Some(later), None)
    );
    store.external_account_used(ada, "gitlab", later).await.unwrap();
    store.external_account_used(ada, "gitlab", T0).await.unwrap();
    assert!(store.external_account_refused(at, &[4], later).await.unwrap());
    let there = store.external_account(ada, "gitlab").await.unwrap().unwrap();
    assert_eq!((there.last_used_at, there.refused_at), (Some(later), Some(later)));
    // Linked again, it is as new.
    let again = account(ada, "gitlab", "7");
    store.external_account_put(&again).await.unwrap();
    assert_eq!(store.external_account(ada, "gitlab").await.unwrap(), Some(again));
    store.external_account_remove(ada, "gitlab").await.unwrap();
    assert!(!store.external_account_renew(at, &[1, 2, 3], &[9], None).await.unwrap());
}

async fn who_is_suspended_has_none(db: TestDb) {
    let store = open(&db).await;
    let (ada, bob) = two(&store).await;
    store.external_account_put(&account(ada, "gitlab", "7")).await.unwrap();
    store.external_account_put(&account(bob, "gitlab", "8")).await.unwrap();
    let ask = Suspended {
        person: ada,
        at: T0,
        by: None,
        reason: None,
        idle_seconds: 1_800,
        opened: Opened::default(),
    };
    store.person_suspend(&ask).await.unwrap().unwrap();
    assert_eq!(store.external_account_owner(FORGE, "7").await.unwrap(), None);
    assert_eq!(store.external_account_owner(FORGE, "8").await.unwrap(), Some(bob));
    // A link that was under way at that moment comes too late.
    let late = store.external_account_put(&account(ada, "gitlab", "7")).await;
    assert!(
        matches!(late, Err(StoreError::Conflict { field: "owner", .. })),
        "{late:?}"
    );
    store.person_reactivate(ada, T0.plus_seconds(1)).await.unwrap();
    assert!(store.external_accounts_of(ada).await.unwrap().is_empty());
    store.external_account_put(&account(ada, "gitlab", "7")).await.unwrap();
}

bailey_testkit::db_tests!(
    an_account_is_one_persons,
    tokens_change_only_from_those_that_were_read,
    who_is_suspended_has_none,
);
