//! Sessions, passwords, second factors and one-time links.

use std::sync::Arc;

use bailey_core::authz::Role;
use bailey_core::identity::{Invitation, Session, SignInMethod};
use bailey_core::{InvitationId, PersonId, SessionId};
use bailey_store::{LedgerReach, ListPage, SessionFilter, Store, StoreError};
use bailey_testkit::db::TestDb;
use tokio::task::JoinSet;

use crate::fixtures::*;

fn session(n: u128, person: PersonId) -> Session {
    Session {
        id: SessionId::from_uuid(uuid(n)),
        public_id: format!("session{n}"),
        hash: [u8::try_from(n).unwrap(); 32],
        person,
        method: SignInMethod::Provider("acme".into()),
        address: "192.0.2.7".into(),
        agent: "Mozilla/5.0 ä".into(),
        created_at: T0,
        last_used_at: T0,
        expires_at: T0.plus_seconds(28_800),
        ended_at: None,
    }
}

async fn people(store: &Store) -> (PersonId, PersonId) {
    let (ada, bob) = (person("ada"), person("bob"));
    store.person_insert(&ada).await.unwrap();
    store.person_insert(&bob).await.unwrap();
    (ada.id, bob.id)
}

fn within(reach: LedgerReach) -> SessionFilter {
    SessionFilter {
        person: None,
        reach,
        now: T0.plus_seconds(10),
        idle_seconds: 1_800,
    }
}

async fn listed(store: &Store, filter: &SessionFilter) -> Vec<Session> {
    store.sessions_list(filter, ListPage::first(10)).await.unwrap().0
}

async fn a_session_is_found_used_rotated_and_ended(db: TestDb) {
    let store = open(&db).await;
    let (ada, _) = people(&store).await;
    let mut first = session(1, ada);
    store.session_insert(&first).await.unwrap();
    assert_eq!(
        store.session_by_public_id("session1").await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(store.session_by_public_id("session").await.unwrap(), None);

    first.last_used_at = T0.plus_seconds(60);
    store.session_touch(first.id, first.last_used_at).await.unwrap();
    store.session_touch(first.id, T0.plus_seconds(30)).await.unwrap();
    assert_eq!(
        store.session_get(first.id).await.unwrap(),
        Some(first.clone()),
        "it never goes back"
    );

    assert!(store.session_rotate(first.id, "other", &[9; 32]).await.unwrap());
    assert_eq!(store.session_by_public_id("session1").await.unwrap(), None);
    let rotated = store.session_by_public_id("other").await.unwrap().unwrap();
    assert_eq!((rotated.id, rotated.hash), (first.id, [9; 32]));

    assert!(store.session_end(first.id, T0).await.unwrap());
    assert!(!store.session_end(first.id, T0.plus_seconds(1)).await.unwrap());
    assert_eq!(store.session_get(first.id).await.unwrap().unwrap().ended_at, Some(T0));
    assert!(
        !store.session_rotate(first.id, "again", &[9; 32]).await.unwrap(),
        "what is over stays over"
    );
    assert!(!store.session_end(SessionId::from_uuid(uuid(9)), T0).await.unwrap());
}

async fn good_sessions_are_listed_within_reach(db: TestDb) {
    let store = open(&db).await;
    let (ada, bob) = people(&store).await;
    for (n, person) in [(1, ada), (2, bob), (3, ada)] {
        store.session_insert(&session(n, person)).await.unwrap();
    }
    let all = within(LedgerReach::All);
    let ids = |list: Vec<Session>| list.into_iter().map(|s| s.public_id).collect::<Vec<_>>();
    assert_eq!(ids(listed(&store, &all).await), ["session3", "session2", "session1"]);
    let own = within(LedgerReach::People(vec![bob]));
    assert_eq!(ids(listed(&store, &own).await), ["session2"]);
    let mut of_ada = all.clone();
    of_ada.person = Some(ada);
    assert_eq!(ids(listed(&store, &of_ada).await), ["session3", "session1"]);
    let (page, next) = store.sessions_list(&all, ListPage::first(2)).await.unwrap();
    let rest = ListPage { after: next, limit: 2 };
    assert_eq!(
        (page.len(), ids(store.sessions_list(&all, rest).await.unwrap().0)),
        (2, vec!["session1".to_owned()])
    );

    // Only one that is used lives past the time of rest, and none lives past its end.
    store
        .session_touch(SessionId::from_uuid(uuid(3)), T0.plus_seconds(1_000))
        .await
        .unwrap();
    let mut later = all.clone();
    later.now = T0.plus_seconds(1_800);
    assert_eq!(ids(listed(&store, &later).await), ["session3"]);
    later.now = T0.plus_seconds(28_800);
    later.idle_seconds = 1_000_000;
    assert!(listed(&store, &later).await.is_empty());
}

async fn all_sessions_of_a_person_end_but_for_one(db: TestDb) {
    let store = open(&db).await;
    let (ada, bob) = people(&store).await;
    for (n, person) in [(1, ada), (2, bob), (3, ada), (4, ada)] {
        store.session_insert(&session(n, person)).await.unwrap();
    }
    let kept = SessionId::from_uuid(uuid(3));
    assert_eq!(store.sessions_end_of(ada, Some(kept), T0).await.unwrap(), 2);
    let filter = within(LedgerReach::All);
    assert_eq!(listed(&store, &filter).await.len(), 2);
    assert_eq!(store.sessions_end_of(ada, None, T0).await.unwrap(), 1);
    assert_eq!(listed(&store, &filter).await[0].person, bob);
}

async fn sessions_that_ended_long_ago_are_forgotten(db: TestDb) {
    let store = open(&db).await;
    let (ada, bob) = people(&store).await;
    store.session_insert(&session(1, ada)).await.unwrap();
    store.session_insert(&session(2, bob)).await.unwrap();
    let mut later = session(3, ada);
    later.created_at = T0.plus_seconds(40 * 86_400);
    store.session_insert(&later).await.unwrap();
    assert_eq!(store.session_get(SessionId::from_uuid(uuid(1))).await.unwrap(), None);
    assert!(
        store
            .session_get(SessionId::from_uuid(uuid(2)))
            .await
            .unwrap()
            .is_some()
    );
}

async fn a_password_replaces_the_one_before(db: TestDb) {
    let store = open(&db).await;
    let (ada, bob) = people(&store).await;
    assert!(!store.any_password().await.unwrap());
    store.password_set(ada, "$one", T0).await.unwrap();
    store.password_set(ada, "$two", T0).await.unwrap();
    assert!(store.any_password().await.unwrap());
    assert_eq!(store.password_hash(ada).await.unwrap().as_deref(), Some("$two"));
    assert_eq!(store.password_hash(bob).await.unwrap(), None);
}

async fn a_second_factor_is_confirmed_and_each_code_is_good_once(db: TestDb) {
    let store = open(&db).await;
    let (ada, bob) = people(&store).await;
    assert!(store.second_factor_begin(ada, b"first", T0).await.unwrap());
    assert!(
        store.second_factor_begin(ada, b"second", T0).await.unwrap(),
        "an unconfirmed one is replaced"
    );
    let factor = store.second_factor(ada).await.unwrap().unwrap();
    assert_eq!((factor.sealed.as_slice(), factor.confirmed_at), (&b"second"[..], None));
    assert!(
        !store.second_factor_use(ada, 5).await.unwrap(),
        "it is not asked for yet"
    );

    let codes = [[1; 32], [2; 32]];
    assert!(store.second_factor_confirm(ada, 7, &codes, T0).await.unwrap());
    assert!(!store.second_factor_confirm(ada, 8, &[], T0).await.unwrap());
    assert!(!store.second_factor_confirm(bob, 8, &[], T0).await.unwrap());
    assert!(!store.second_factor_begin(ada, b"third", T0).await.unwrap());
    assert!(
        !store.second_factor_use(ada, 7).await.unwrap(),
        "the code that confirmed it is used up"
    );
    assert!(store.second_factor_use(ada, 9).await.unwrap());
    assert!(
        !store.second_factor_use(ada, 8).await.unwrap(),
        "nor is an older one good"
    );

    assert_eq!(store.recovery_codes_left(ada).await.unwrap(), 2);
    assert!(store.recovery_code_use(ada, &[1; 32], T0).await.unwrap());
    assert!(!store.recovery_code_use(ada, &[1; 32], T0).await.unwrap());
    assert!(
        !store.recovery_code_use(bob, &[2; 32], T0).await.unwrap(),
        "another person's"
    );
    assert_eq!(store.recovery_codes_left(ada).await.unwrap(), 1);

    assert!(store.second_factor_remove(ada).await.unwrap());
    assert!(!store.second_factor_remove(ada).await.unwrap());
    assert_eq!(store.second_factor(ada).await.unwrap(), None);
    assert!(!store.recovery_code_use(ada, &[2; 32], T0).await.unwrap());
}

async fn a_code_works_once_among_many_tries_at_once(db: TestDb) {
    let store = Arc::new(open(&db).await);
    let (ada, _) = people(&store).await;
    store.second_factor_begin(ada, b"secret", T0).await.unwrap();
    store.second_factor_confirm(ada, 1, &[[1; 32]], T0).await.unwrap();
    let mut tries = JoinSet::new();
    for _ in 0..32 {
        let store = Arc::clone(&store);
        tries.spawn(async move {
            let recovery = store.recovery_code_use(ada, &[1; 32], T0).await.unwrap();
            let step = store.second_factor_use(ada, 2).await.unwrap();
            (u32::from(recovery), u32::from(step))
        });
    }
    let mut sums = (0, 0);
    while let Some(one) = tries.join_next().await {
        let (recovery, step) = one.unwrap();
        sums = (sums.0 + recovery, sums.1 + step);
    }
    assert_eq!(sums, (1, 1));
}

fn invitation(n: u128, claims: Option<PersonId>) -> Invitation {
    Invitation {
        id: InvitationId::from_uuid(uuid(n)),
        public_id: format!("invitation{n}"),
        hash: [3; 32],
        claims,
        name: "eve".into(),
        display_name: "Eve".into(),
        role: Role::TemplateAdmin,
        groups: vec![group("dev").id, group("gone").id],
        created_by: None,
        created_at: T0,
        expires_at: T0.plus_seconds(60),
        accepted_at: None,
        revoked_at: None,
    }
}

fn used(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Conflict {
            what: "invitation",
            field: "token"
        }
    )
}

async fn an_invitation_makes_one_person_once(db: TestDb) {
    let store = open(&db).await;
    store.group_insert(&group("dev")).await.unwrap();
    let first = invitation(1, None);
    store.invitation_insert(&first).await.unwrap();
    assert_eq!(
        store.invitation_by_public_id("invitation1").await.unwrap(),
        Some(first.clone())
    );
    let eve = person("eve");
    store.invitation_accept(&first, &eve, "$hash", T0).await.unwrap();
    assert_eq!(store.person_by_name("eve").await.unwrap(), Some(eve.clone()));
    assert_eq!(
        store.groups_of(eve.id).await.unwrap(),
        [group("dev")],
        "a group that is gone is left out"
    );
    assert_eq!(store.password_hash(eve.id).await.unwrap().as_deref(), Some("$hash"));
    let again = store
        .invitation_accept(&first, &person("eve2"), "$hash", T0)
        .await
        .unwrap_err();
    assert!(used(&again), "{again:?}");

    // A name that is taken leaves the invitation as it was.
    let second = invitation(2, None);
    store.invitation_insert(&second).await.unwrap();
    let mut twin = person("twin");
    twin.name = "eve".into();
    let taken = store.invitation_accept(&second, &twin, "$hash", T0).await.unwrap_err();
    assert!(
        matches!(
            taken,
            StoreError::Conflict {
                what: "person",
                field: "name"
            }
        ),
        "{taken:?}"
    );
    let late = store
        .invitation_accept(&second, &person("late"), "$hash", T0.plus_seconds(60))
        .await;
    assert!(used(&late.unwrap_err()));
    store
        .invitation_accept(&second, &person("mallory"), "$hash", T0)
        .await
        .unwrap();
}

async fn open_invitations_are_listed_and_withdrawn(db: TestDb) {
    let store = open(&db).await;
    let (ada, _) = people(&store).await;
    for (n, claims) in [(1, None), (2, None), (3, Some(ada))] {
        store.invitation_insert(&invitation(n, claims)).await.unwrap();
    }
    let list = async |now| store.invitations_list(now, ListPage::first(10)).await.unwrap().0;
    assert_eq!(list(T0).await, [invitation(2, None), invitation(1, None)]);
    assert!(list(T0.plus_seconds(60)).await.is_empty());
    assert!(store.invitation_revoke(invitation(2, None).id, T0).await.unwrap());
    assert!(!store.invitation_revoke(invitation(2, None).id, T0).await.unwrap());
    assert_eq!(list(T0).await, [invitation(1, None)]);
    let refused = store
        .invitation_accept(&invitation(2, None), &person("eve"), "$hash", T0)
        .await;
    assert!(used(&refused.unwrap_err()));
    let unknown = store.invitation_revoke(InvitationId::from_uuid(uuid(9)), T0).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { what: "invitation" })));
}

async fn a_claim_begins_a_person_anew(db: TestDb) {
    let store = open(&db).await;
    let (ada, _) = people(&store).await;
    store.password_set(ada, "$old", T0).await.unwrap();
    store.second_factor_begin(ada, b"secret", T0).await.unwrap();
    store.second_factor_confirm(ada, 1, &[[1; 32]], T0).await.unwrap();
    store.session_insert(&session(1, ada)).await.unwrap();
    let (first, second) = (invitation(1, Some(ada)), invitation(2, Some(ada)));
    store.invitation_insert(&first).await.unwrap();
    store.invitation_insert(&second).await.unwrap();
    let claim = async |id, name| store.invitation_claim(id, ada, (name, "Ada L."), "$new", T0).await;
    assert!(
        used(&claim(first.id, "ada").await.unwrap_err()),
        "a newer link withdraws an older one"
    );
    let taken = claim(second.id, "bob").await.unwrap_err();
    assert!(
        matches!(
            taken,
            StoreError::Conflict {
                what: "person",
                field: "name"
            }
        ),
        "{taken:?}"
    );
    assert_eq!(
        store.password_hash(ada).await.unwrap().as_deref(),
        Some("$old"),
        "all or nothing"
    );
    claim(second.id, "ada.l").await.unwrap();
    assert_eq!(
        store.person_by_name("ada.l").await.unwrap().unwrap().display_name,
        "Ada L."
    );
    assert_eq!(store.password_hash(ada).await.unwrap().as_deref(), Some("$new"));
    assert_eq!(store.second_factor(ada).await.unwrap(), None);
    assert!(
        store
            .session_get(SessionId::from_uuid(uuid(1)))
            .await
            .unwrap()
            .unwrap()
            .ended_at
            .is_some()
    );
    assert!(used(&claim(second.id, "ada.l").await.unwrap_err()));
}

bailey_testkit::db_tests!(
    a_session_is_found_used_rotated_and_ended,
    good_sessions_are_listed_within_reach,
    all_sessions_of_a_person_end_but_for_one,
    sessions_that_ended_long_ago_are_forgotten,
    a_password_replaces_the_one_before,
    a_second_factor_is_confirmed_and_each_code_is_good_once,
    a_code_works_once_among_many_tries_at_once,
    an_invitation_makes_one_person_once,
    open_invitations_are_listed_and_withdrawn,
    a_claim_begins_a_person_anew,
);
