//! People, groups, the organization, tokens and price tables.

use std::collections::BTreeSet;

use bailey_core::authz::{Action, Role, TokenScopes};
use bailey_core::budget::BudgetSubject;
use bailey_core::people::{ApiToken, PersonStatus};
use bailey_core::period::Period;
use bailey_core::{Money, OrgId, TokenId};
use bailey_store::{Fault, LedgerReach, ListPage, PersonFilter, StoreError};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

fn conflict(error: &StoreError, what: &str, field: &str) -> bool {
    assert_eq!(error.fault(), Fault::Caller);
    matches!(error, StoreError::Conflict { what: w, field: f } if *w == what && *f == field)
}

async fn a_fresh_database_gets_its_owner_once(db: TestDb) {
    let store = open(&db).await;
    assert!(matches!(store.organization().await, Err(StoreError::NotFound { .. })));
    let owner = person("owner");
    assert!(store.bootstrap(&owner, &organization()).await.unwrap());
    let mut second = organization();
    second.id = OrgId::from_uuid(uuid(99));
    assert!(!store.bootstrap(&person("intruder"), &second).await.unwrap());
    assert_eq!(store.organization().await.unwrap(), organization());
    assert_eq!(store.person_by_name("intruder").await.unwrap(), None);
    store.organization_update("Acme & Söhne").await.unwrap();
    assert_eq!(store.organization().await.unwrap().display_name, "Acme & Söhne");
}

async fn a_person_is_read_as_written(db: TestDb) {
    let store = open(&db).await;
    let mut ada = person("ada");
    ada.email = Some("ada@example.org".into());
    ada.role = Role::Auditor;
    store.person_insert(&ada).await.unwrap();
    assert_eq!(store.person_get(ada.id).await.unwrap(), Some(ada.clone()));
    ada.name = "ada.l".into();
    ada.email = None;
    // A status that was read earlier is not written back.
    let stale = bailey_core::people::Person {
        status: PersonStatus::Suspended,
        ..ada.clone()
    };
    store.person_update(&stale).await.unwrap();
    assert_eq!(store.person_by_name("ada.l").await.unwrap(), Some(ada));
    assert_eq!(store.person_by_name("ada").await.unwrap(), None);
    let nobody = store.person_update(&person("nobody")).await.unwrap_err();
    assert!(matches!(nobody, StoreError::NotFound { what: "person" }));
}

async fn a_name_is_taken_once(db: TestDb) {
    let store = open(&db).await;
    store.person_insert(&person("ada")).await.unwrap();
    store.person_insert(&person("bob")).await.unwrap();
    let mut twin = person("twin");
    twin.name = "ada".into();
    assert!(conflict(
        &store.person_insert(&twin).await.unwrap_err(),
        "person",
        "name"
    ));
    let mut bob = person("bob");
    bob.name = "ada".into();
    assert!(conflict(
        &store.person_update(&bob).await.unwrap_err(),
        "person",
        "name"
    ));
    store.group_insert(&group("dev")).await.unwrap();
    let mut other = group("ops");
    other.name = "dev".into();
    assert!(conflict(
        &store.group_insert(&other).await.unwrap_err(),
        "group",
        "name"
    ));
    // Names differ by case on both databases.
    assert_eq!(store.person_by_name("ADA").await.unwrap(), None);
}

async fn people_come_in_pages_newest_first(db: TestDb) {
    let store = open(&db).await;
    for name in ["a", "b", "c", "d", "e"] {
        store.person_insert(&person(name)).await.unwrap();
    }
    let filter = PersonFilter::within(LedgerReach::All);
    let mut page = ListPage::first(2);
    let mut seen = Vec::new();
    loop {
        let (people, next) = store.people_list(page, &filter).await.unwrap();
        seen.extend(people.into_iter().map(|p| p.name));
        match next {
            Some(last) => page.after = Some(last),
            None => break,
        }
    }
    assert_eq!(seen, ["e", "d", "c", "b", "a"]);
}

async fn lists_show_only_whom_the_reader_may_see(db: TestDb) {
    let store = open(&db).await;
    let (ada, bob) = (person("ada"), person("bob"));
    for p in [&ada, &bob] {
        store.person_insert(p).await.unwrap();
    }
    for g in ["dev", "ops"] {
        store.group_insert(&group(g)).await.unwrap();
    }
    store.group_member_add(group("dev").id, ada.id).await.unwrap();
    let own = LedgerReach::People(vec![ada.id]);
    let (people, _) = store
        .people_list(ListPage::first(10), &PersonFilter::within(own.clone()))
        .await
        .unwrap();
    assert_eq!(people, std::slice::from_ref(&ada));
    let (groups, _) = store.groups_list(ListPage::first(10), &own).await.unwrap();
    assert_eq!(groups, [group("dev")]);
    let (groups, _) = store.groups_list(ListPage::first(10), &LedgerReach::All).await.unwrap();
    assert_eq!(groups.len(), 2);
    let nobody = LedgerReach::People(Vec::new());
    assert!(
        store
            .people_list(ListPage::first(10), &PersonFilter::within(nobody.clone()))
            .await
            .unwrap()
            .0
            .is_empty()
    );
    assert!(
        store
            .groups_list(ListPage::first(10), &nobody)
            .await
            .unwrap()
            .0
            .is_empty()
    );
    let mut filter = PersonFilter::within(LedgerReach::All);
    filter.group = Some(group("dev").id);
    filter.status = Some(PersonStatus::Active);
    assert_eq!(store.people_list(ListPage::first(10), &filter).await.unwrap().0, [ada]);
}

async fn people_are_found_by_a_part_of_what_they_are_called(db: TestDb) {
    let store = open(&db).await;
    let mut ada = person("ada");
    ada.display_name = "Ada Lovelace".to_owned();
    ada.email = Some("countess@example.com".to_owned());
    let mut bob = person("bob");
    bob.display_name = "100% Bob_".to_owned();
    bob.email = None;
    for p in [&ada, &bob] {
        store.person_insert(p).await.unwrap();
    }
    for (text, found) in [
        ("ADA", vec!["ada"]),
        ("lovel", vec!["ada"]),
        ("Countess@", vec!["ada"]),
        ("b", vec!["bob"]),
        // Nothing stands for anything else.
        ("%", vec!["bob"]),
        ("b_", vec!["bob"]),
        ("a_a", vec![]),
        ("'; --", vec![]),
        ("", vec!["bob", "ada"]),
    ] {
        let mut filter = PersonFilter::within(LedgerReach::All);
        filter.text = Some(text.to_owned());
        let (people, _) = store.people_list(ListPage::first(10), &filter).await.unwrap();
        let names: Vec<_> = people.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, found, "{text}");
    }
}

async fn the_charged_group_is_one_of_the_persons(db: TestDb) {
    let store = open(&db).await;
    let (dev, ops) = (group("dev"), group("ops"));
    store.group_insert(&dev).await.unwrap();
    store.group_insert(&ops).await.unwrap();
    let mut ada = person("ada");
    ada.charged_group = Some(dev.id);
    store.person_insert(&ada).await.unwrap();
    assert_eq!(store.groups_of(ada.id).await.unwrap(), std::slice::from_ref(&dev));
    ada.charged_group = Some(ops.id);
    assert!(conflict(
        &store.person_update(&ada).await.unwrap_err(),
        "person",
        "charged_group"
    ));
    assert!(store.group_member_add(ops.id, ada.id).await.unwrap());
    assert!(!store.group_member_add(ops.id, ada.id).await.unwrap());
    store.person_update(&ada).await.unwrap();
    assert!(store.group_member_remove(ops.id, ada.id).await.unwrap());
    assert!(!store.group_member_remove(ops.id, ada.id).await.unwrap());
    assert_eq!(store.person_get(ada.id).await.unwrap().unwrap().charged_group, None);
}

async fn a_deleted_group_takes_its_budgets_and_members_along(db: TestDb) {
    let store = open(&db).await;
    let mut dev = group("dev");
    store.group_insert(&dev).await.unwrap();
    dev.display_name = "Development".into();
    store.group_update(&dev).await.unwrap();
    assert_eq!(store.group_get(dev.id).await.unwrap(), Some(dev.clone()));
    assert_eq!(store.group_by_name("dev").await.unwrap(), Some(dev.clone()));
    let mut ada = person("ada");
    ada.charged_group = Some(dev.id);
    store.person_insert(&ada).await.unwrap();
    assert_eq!(store.group_members(dev.id).await.unwrap(), [ada.clone()]);
    let limit = budget(1, BudgetSubject::Group(dev.id), Period::Month, Money::usd(5));
    store.budget_insert(&limit, T0).await.unwrap();
    store.group_delete(dev.id).await.unwrap();
    assert_eq!(store.group_get(dev.id).await.unwrap(), None);
    assert_eq!(store.budget_get(limit.id).await.unwrap(), None);
    assert!(store.groups_of(ada.id).await.unwrap().is_empty());
    assert_eq!(store.person_get(ada.id).await.unwrap().unwrap().charged_group, None);
    assert!(matches!(
        store.group_delete(dev.id).await,
        Err(StoreError::NotFound { what: "group" })
    ));
}

async fn what_a_record_refers_to_must_exist(db: TestDb) {
    let store = open(&db).await;
    let gone = store
        .group_member_add(group("dev").id, person("ada").id)
        .await
        .unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { .. }), "{gone:?}");
    let mut ada = person("ada");
    ada.charged_group = Some(group("dev").id);
    let gone = store.person_insert(&ada).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { .. }), "{gone:?}");
    assert_eq!(store.person_get(ada.id).await.unwrap(), None, "the insert was undone");
}

fn token(n: u128, person: bailey_core::PersonId, scopes: TokenScopes) -> ApiToken {
    ApiToken {
        id: TokenId::from_uuid(uuid(n)),
        public_id: format!("token{n}"),
        hash: [u8::try_from(n).unwrap(); 32],
        name: "laptop".into(),
        person,
        scopes,
        created_at: T0,
        expires_at: Some(T0.plus_seconds(60)),
        revoked_at: None,
    }
}

async fn tokens_are_found_by_public_id_and_revoked_once(db: TestDb) {
    let store = open(&db).await;
    let (ada, bob) = (person("ada"), person("bob"));
    store.person_insert(&ada).await.unwrap();
    store.person_insert(&bob).await.unwrap();
    let narrow = TokenScopes::Only(BTreeSet::from([Action::KeyRead, Action::LedgerRead]));
    let mut first = token(1, ada.id, narrow);
    let second = token(2, bob.id, TokenScopes::All);
    store.token_insert(&first).await.unwrap();
    store.token_insert(&second).await.unwrap();
    assert_eq!(store.token_by_public_id("token1").await.unwrap(), Some(first.clone()));
    assert_eq!(store.token_by_public_id("token").await.unwrap(), None);
    assert!(store.token_revoke(first.id, T0).await.unwrap());
    assert!(!store.token_revoke(first.id, T0.plus_seconds(1)).await.unwrap());
    first.revoked_at = Some(T0);
    assert_eq!(store.token_get(first.id).await.unwrap(), Some(first.clone()));
    let all = store
        .tokens_list(None, &LedgerReach::All, ListPage::first(10))
        .await
        .unwrap();
    assert_eq!(all, (vec![second.clone(), first.clone()], None));
    let of_bob = store
        .tokens_list(Some(bob.id), &LedgerReach::All, ListPage::first(10))
        .await
        .unwrap();
    assert_eq!(of_bob.0, [second]);
    let own = store
        .tokens_list(None, &LedgerReach::People(vec![ada.id]), ListPage::first(10))
        .await
        .unwrap();
    assert_eq!(own.0, [first.clone()]);
    let mut twin = token(3, ada.id, TokenScopes::All);
    twin.public_id = "token1".into();
    let refused = store.token_insert(&twin).await.unwrap_err();
    assert!(conflict(&refused, "token", "public_id"));
    let unknown = store.token_revoke(TokenId::from_uuid(uuid(9)), T0).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { what: "token" })));
}

async fn a_rotated_token_works_on_for_a_while(db: TestDb) {
    let store = open(&db).await;
    let ada = person("ada");
    store.person_insert(&ada).await.unwrap();
    let mut old = token(1, ada.id, TokenScopes::All);
    old.expires_at = None;
    store.token_insert(&old).await.unwrap();
    let until = T0.plus_seconds(100);
    let new = token(2, ada.id, TokenScopes::All);
    store.token_rotate(old.id, until, &new, T0).await.unwrap();
    let ends = async |id| store.token_get(id).await.unwrap().unwrap().expires_at;
    assert_eq!((ends(old.id).await, ends(new.id).await), (Some(until), new.expires_at));
    // It never lives longer than it would have.
    let third = token(3, ada.id, TokenScopes::All);
    store
        .token_rotate(old.id, T0.plus_seconds(200), &third, T0)
        .await
        .unwrap();
    assert_eq!(ends(old.id).await, Some(until));
    let over = |error: StoreError| conflict(&error, "token", "state");
    let fourth = token(4, ada.id, TokenScopes::All);
    assert!(over(
        store.token_rotate(old.id, until, &fourth, until).await.unwrap_err()
    ));
    store.token_revoke(new.id, T0).await.unwrap();
    assert!(over(store.token_rotate(new.id, until, &fourth, T0).await.unwrap_err()));
    assert_eq!(store.token_get(fourth.id).await.unwrap(), None);
    let unknown = store
        .token_rotate(TokenId::from_uuid(uuid(9)), until, &fourth, T0)
        .await;
    assert!(matches!(unknown, Err(StoreError::NotFound { what: "token" })));
}

async fn a_price_version_never_changes(db: TestDb) {
    let store = open(&db).await;
    store.price_version_put("2026-11", T0, "first").await.unwrap();
    store
        .price_version_put("2026-11", T0.plus_seconds(1), "second")
        .await
        .unwrap();
    let kept = store.price_version_get("2026-11").await.unwrap().unwrap();
    assert_eq!((kept.document.as_str(), kept.loaded_at), ("first", T0));
    assert_eq!(store.price_version_get("2026-12").await.unwrap(), None);
}

bailey_testkit::db_tests!(
    a_fresh_database_gets_its_owner_once,
    a_person_is_read_as_written,
    a_name_is_taken_once,
    people_come_in_pages_newest_first,
    lists_show_only_whom_the_reader_may_see,
    people_are_found_by_a_part_of_what_they_are_called,
    the_charged_group_is_one_of_the_persons,
    a_deleted_group_takes_its_budgets_and_members_along,
    what_a_record_refers_to_must_exist,
    tokens_are_found_by_public_id_and_revoked_once,
    a_rotated_token_works_on_for_a_while,
    a_price_version_never_changes,
);
