//! Identities at providers, what they give, and sessions that began with them.

use bailey_core::authz::Role;
use bailey_core::identity::{Identity, ProviderSession, Session, SignInMethod};
use bailey_core::people::{Group, Person};
use bailey_core::{GroupId, IdentityId, PersonId, SessionId};
use bailey_store::{Given, Store, StoreError, WaysIn};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

const ISSUER: &str = "https://id.example.com";

fn identity(n: u128, person: PersonId) -> Identity {
    Identity {
        id: IdentityId::from_uuid(uuid(n)),
        person,
        provider: "acme".into(),
        issuer: ISSUER.into(),
        subject: format!("subject-{n}"),
        login: "ada".into(),
        email: Some("ada@example.com".into()),
        given_role: None,
        own_role: None,
        linked_at: T0,
        last_used_at: T0,
    }
}

fn named(n: u128, name: &str) -> Group {
    Group {
        id: GroupId::from_uuid(uuid(n)),
        name: name.into(),
        display_name: name.into(),
        created_at: T0,
    }
}

async fn names(store: &Store, person: PersonId) -> Vec<String> {
    let groups = store.groups_of(person).await.unwrap();
    groups.into_iter().map(|group| group.name).collect()
}

fn session(n: u128, person: PersonId) -> Session {
    Session {
        id: SessionId::from_uuid(uuid(n)),
        public_id: format!("session{n}"),
        hash: [7; 32],
        person,
        method: SignInMethod::Provider("acme".into()),
        address: "192.0.2.7".into(),
        agent: String::new(),
        created_at: T0,
        last_used_at: T0,
        expires_at: T0.plus_seconds(28_800),
        ended_at: None,
    }
}

async fn an_identity_is_one_persons(db: TestDb) {
    let store = open(&db).await;
    assert!(!store.any_identity().await.unwrap());
    let (ada, bob) = (person("ada"), person("bob"));
    let first = identity(1, ada.id);
    store.identity_sign_up(&ada, &first, &Given::default()).await.unwrap();
    assert!(store.any_identity().await.unwrap());
    assert_eq!(
        store.identity_by_subject(ISSUER, "subject-1").await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(
        store
            .identity_by_subject("https://other.example", "subject-1")
            .await
            .unwrap(),
        None
    );
    store.person_insert(&bob).await.unwrap();
    let taken = Identity {
        id: IdentityId::from_uuid(uuid(2)),
        person: bob.id,
        ..first.clone()
    };
    let error = store.identity_insert(&taken, &Given::default()).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                what: "identity",
                field: "subject"
            }
        ),
        "{error}"
    );
    // The same name for somebody else, and nothing is left of the try.
    let again = Person {
        id: PersonId::from_uuid(uuid(4)),
        ..person("ada")
    };
    let error = store
        .identity_sign_up(&again, &identity(3, again.id), &Given::default())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Conflict { field: "name", .. }), "{error}");
    assert_eq!(store.identity_by_subject(ISSUER, "subject-3").await.unwrap(), None);
    assert_eq!(store.identities_of(ada.id).await.unwrap(), [first]);
}

async fn what_a_provider_gives_it_takes_and_the_rest_stays(db: TestDb) {
    let store = open(&db).await;
    let ada = person("ada");
    let mut known = identity(1, ada.id);
    let dev = [named(10, "dev"), named(11, "ops")];
    let given = Given {
        role: Some(Role::TemplateAdmin),
        groups: Some(&dev),
    };
    store.identity_sign_up(&ada, &known, &given).await.unwrap();
    assert_eq!(names(&store, ada.id).await, ["dev", "ops"]);
    assert_eq!(
        store.person_get(ada.id).await.unwrap().unwrap().role,
        Role::TemplateAdmin
    );
    // The same again, under other ids: nothing changes.
    let same = [named(20, "dev"), named(21, "ops")];
    known.login = "countess".into();
    let given = Given {
        role: None,
        groups: Some(&same),
    };
    assert!(!store.identity_renew(&known, &given).await.unwrap());
    assert_eq!(store.identities_of(ada.id).await.unwrap()[0].login, "countess");
    // Somebody decides that she stays in one of them.
    let dev = store.group_by_name("dev").await.unwrap().unwrap();
    assert!(!store.group_member_add(dev.id, ada.id).await.unwrap());
    let none = Given {
        role: Some(Role::Member),
        groups: Some(&[]),
    };
    assert!(store.identity_renew(&known, &none).await.unwrap());
    assert_eq!(names(&store, ada.id).await, ["dev"]);
    let gone = identity(9, ada.id);
    assert!(matches!(
        store.identity_renew(&gone, &none).await,
        Err(StoreError::NotFound { .. })
    ));
}

async fn the_last_owner_and_the_last_way_in_stay(db: TestDb) {
    let store = open(&db).await;
    let mut ada = person("ada");
    ada.role = Role::Owner;
    let (first, second) = (identity(1, ada.id), identity(2, ada.id));
    store.identity_sign_up(&ada, &first, &Given::default()).await.unwrap();
    let demoted = Given {
        role: Some(Role::Member),
        groups: None,
    };
    let error = store.identity_renew(&first, &demoted).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                field: "last_owner",
                ..
            }
        ),
        "{error}"
    );
    let asks = SessionId::from_uuid(uuid(90));
    let remove = async |which: &Identity, passwords: bool, issuers: &[&str]| {
        let ways = WaysIn { passwords, issuers };
        store.identity_remove(which, None, ways, asks, T0).await
    };
    assert!(matches!(
        remove(&first, true, &[ISSUER]).await,
        Err(StoreError::Conflict { field: "last", .. })
    ));
    store.identity_insert(&second, &Given::default()).await.unwrap();
    assert!(
        remove(&first, true, &[]).await.is_err(),
        "the other's issuer is not configured"
    );
    remove(&first, true, &[ISSUER]).await.unwrap();
    store.password_set(ada.id, "hash", T0).await.unwrap();
    assert!(remove(&second, false, &[ISSUER]).await.is_err(), "passwords are off");
    remove(&second, true, &[]).await.unwrap();
    assert!(matches!(
        remove(&second, true, &[]).await,
        Err(StoreError::NotFound { .. })
    ));
}

async fn sessions_follow_their_provider(db: TestDb) {
    let store = open(&db).await;
    let ada = person("ada");
    let known = identity(1, ada.id);
    store.identity_sign_up(&ada, &known, &Given::default()).await.unwrap();
    for n in [1, 2, 3] {
        store.session_insert(&session(n, ada.id)).await.unwrap();
        let kept = ProviderSession {
            session: SessionId::from_uuid(uuid(n)),
            identity: known.id,
            sid: Some(format!("sid-{n}")),
            sealed: vec![1, 2, 3],
            renew_at: (n < 3).then(|| T0.plus_seconds(60)),
        };
        store.provider_session_insert(&kept).await.unwrap();
        assert_eq!(store.provider_session_get(kept.session).await.unwrap(), Some(kept));
    }
    let first = SessionId::from_uuid(uuid(1));
    assert!(
        store
            .provider_sessions_due(T0.plus_seconds(59), 10)
            .await
            .unwrap()
            .is_empty()
    );
    let due = store.provider_sessions_due(T0.plus_seconds(60), 10).await.unwrap();
    assert_eq!(due.len(), 2);
    assert_eq!((due[0].1.as_str(), due[0].2.as_str()), ("acme", "subject-1"));
    store.provider_session_renew(first, &[4], None).await.unwrap();
    assert_eq!(store.provider_session_get(first).await.unwrap().unwrap().sealed, [4]);
    assert_eq!(store.provider_sessions_end_sid(ISSUER, "sid-2", T0).await.unwrap(), 1);
    assert_eq!(
        store
            .provider_sessions_end_sid("https://other.example", "sid-1", T0)
            .await
            .unwrap(),
        0
    );
    assert!(
        store
            .provider_sessions_due(T0.plus_seconds(60), 10)
            .await
            .unwrap()
            .is_empty()
    );
    store.provider_sessions_prune(T0).await.unwrap();
    assert!(
        store
            .provider_session_get(SessionId::from_uuid(uuid(2)))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        store
            .provider_sessions_end_subject(ISSUER, "subject-1", T0)
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        store
            .provider_sessions_end_subject(ISSUER, "subject-1", T0)
            .await
            .unwrap(),
        0
    );
    assert_eq!(store.session_confirmed_at(first).await.unwrap(), None);
    store.session_insert(&session(4, ada.id)).await.unwrap();
    let fourth = SessionId::from_uuid(uuid(4));
    store.session_confirm(fourth, T0.plus_seconds(5)).await.unwrap();
    assert_eq!(
        store.session_confirmed_at(fourth).await.unwrap(),
        Some(T0.plus_seconds(5))
    );
}

async fn what_is_good_once_is_used_once(db: TestDb) {
    let store = open(&db).await;
    let (one, other) = ([1; 32], [2; 32]);
    assert!(store.spend_once(&one, T0.plus_seconds(10)).await.unwrap());
    assert!(!store.spend_once(&one, T0.plus_seconds(10)).await.unwrap());
    assert!(store.spend_once(&other, T0.plus_seconds(99)).await.unwrap());
    store.provider_sessions_prune(T0.plus_seconds(10)).await.unwrap();
    assert!(
        store.spend_once(&one, T0.plus_seconds(10)).await.unwrap(),
        "it could not be tried any more"
    );
    assert!(!store.spend_once(&other, T0.plus_seconds(99)).await.unwrap());
}

bailey_testkit::db_tests!(
    an_identity_is_one_persons,
    what_a_provider_gives_it_takes_and_the_rest_stays,
    the_last_owner_and_the_last_way_in_stay,
    sessions_follow_their_provider,
    what_is_good_once_is_used_once,
);
