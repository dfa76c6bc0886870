//! Roles, grants, and what groups and templates say of people.

use std::sync::Arc;

use bailey_core::authz::{Action, AnyRole, CustomRole, Grant, Held, Permissions, Reach, Role, Subject};
use bailey_core::people::GroupLimits;
use bailey_core::workspace::Quota;
use bailey_core::{GrantId, GroupId, PersonId, RoleId, TemplateId, TemplateVersionId};
use bailey_store::{
    GrantFilter, LedgerReach, ListPage, Opened, Store, StoreError, Suspended, TemplateAccess, TemplateFilter,
    TemplateSource, VersionPush,
};
use bailey_testkit::db::TestDb;
use tokio::task::JoinSet;

use crate::fixtures::*;

fn role(name: &str) -> CustomRole {
    let mut permissions = Permissions::default();
    permissions.add(Action::KeyRead, Reach::Group).unwrap();
    permissions.add(Action::HealthRead, Reach::All).unwrap();
    CustomRole {
        id: RoleId::from_uuid(uuid(number(name))),
        name: name.into(),
        description: "ä \"quoted\"".into(),
        permissions,
        created_at: T0,
        created_by: None,
    }
}

fn grant(n: u128, role: &str, subject: Subject) -> Grant {
    Grant {
        id: GrantId::from_uuid(uuid(n)),
        role: role.into(),
        subject,
        provider: None,
        created_at: T0,
        created_by: None,
    }
}

async fn with_people(db: &TestDb) -> (Store, PersonId, PersonId, GroupId) {
    let store = open(db).await;
    let mut owner = person("owner");
    owner.role = Role::Owner;
    store.bootstrap(&owner, &organization()).await.unwrap();
    let (ada, bob, dev) = (person("ada"), person("bob"), group("dev"));
    store.person_insert(&ada).await.unwrap();
    store.person_insert(&bob).await.unwrap();
    store.group_insert(&dev).await.unwrap();
    store.group_member_add(dev.id, ada.id).await.unwrap();
    (store, ada.id, bob.id, dev.id)
}

fn conflict(error: &StoreError, what: &str, field: &str) -> bool {
    matches!(error, StoreError::Conflict { what: w, field: f } if *w == what && *f == field)
}

async fn a_role_is_read_as_written_and_changed(db: TestDb) {
    let (store, ..) = with_people(&db).await;
    let mut lead = role("lead");
    store.role_insert(&lead).await.unwrap();
    assert_eq!(store.role_custom("lead").await.unwrap(), Some(lead.clone()));
    assert_eq!(
        store.role_by_name("auditor").await.unwrap(),
        Some(AnyRole::BuiltIn(Role::Auditor))
    );
    assert_eq!(store.role_by_name("nothing").await.unwrap(), None);
    for taken in ["lead", "owner"] {
        let mut twin = role("twin");
        twin.name = taken.into();
        assert!(
            conflict(&store.role_insert(&twin).await.unwrap_err(), "role", "name"),
            "{taken}"
        );
    }
    lead.permissions = Permissions::default();
    lead.description = String::new();
    store.role_update(&lead).await.unwrap();
    assert_eq!(store.role_custom("lead").await.unwrap(), Some(lead));
    let gone = store.role_update(&role("gone")).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { what: "role" }));
    store.role_delete("lead").await.unwrap();
    assert_eq!(store.role_custom("lead").await.unwrap(), None);
    assert!(store.role_delete("lead").await.is_err());
}

async fn roles_are_listed_in_pages_and_by_holder(db: TestDb) {
    let (store, ada, bob, dev) = with_people(&db).await;
    for name in ["a", "b", "c"] {
        store.role_insert(&role(name)).await.unwrap();
    }
    let (first, next) = store.roles_list(None, ListPage::first(2)).await.unwrap();
    let names = |roles: &[CustomRole]| roles.iter().map(|r| r.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&first), ["c", "b"]);
    let page = ListPage { after: next, limit: 2 };
    let (second, next) = store.roles_list(None, page).await.unwrap();
    assert_eq!((names(&second), next), (vec!["a".to_owned()], None));
    store.grant_insert(&grant(1, "a", Subject::Person(ada))).await.unwrap();
    store.grant_insert(&grant(2, "b", Subject::Group(dev))).await.unwrap();
    let (held, _) = store.roles_list(Some(ada), ListPage::first(9)).await.unwrap();
    assert_eq!(names(&held), ["b", "a"]);
    assert!(
        store
            .roles_list(Some(bob), ListPage::first(9))
            .await
            .unwrap()
            .0
            .is_empty()
    );
}

async fn what_somebody_holds_is_theirs_and_their_groups(db: TestDb) {
    let (store, ada, bob, dev) = with_people(&db).await;
    store.role_insert(&role("lead")).await.unwrap();
    let (own, by_group) = (
        grant(1, "auditor", Subject::Person(ada)),
        grant(2, "lead", Subject::Group(dev)),
    );
    store.grant_insert(&own).await.unwrap();
    store.grant_insert(&by_group).await.unwrap();
    let holder = store.holder(ada).await.unwrap().unwrap();
    let lead = AnyRole::Custom {
        name: "lead".into(),
        permissions: role("lead").permissions,
    };
    let held = Held {
        grant: by_group.id,
        role: lead,
        group: Some((dev, "dev".into())),
    };
    assert_eq!(holder.person, person("ada"));
    assert_eq!(holder.groups, [dev]);
    assert_eq!(
        holder.grants,
        [
            Held {
                grant: own.id,
                role: AnyRole::BuiltIn(Role::Auditor),
                group: None,
            },
            held.clone(),
        ]
    );
    assert_eq!(store.grants_of_group(dev).await.unwrap(), [held]);
    assert_eq!(store.holder(bob).await.unwrap().unwrap().grants, []);
    assert_eq!(store.holder(PersonId::from_uuid(uuid(99))).await.unwrap(), None);
    // It ends with the membership, and with the group.
    store.group_member_remove(dev, ada).await.unwrap();
    assert_eq!(store.holder(ada).await.unwrap().unwrap().grants.len(), 1);
    store.group_delete(dev).await.unwrap();
    assert_eq!(store.grant_get(by_group.id).await.unwrap(), None);
    store.role_delete("lead").await.unwrap();
}

async fn a_grant_is_made_once_and_a_granted_role_stays(db: TestDb) {
    let (store, ada, _, dev) = with_people(&db).await;
    store.role_insert(&role("lead")).await.unwrap();
    let made = grant(1, "lead", Subject::Person(ada));
    store.grant_insert(&made).await.unwrap();
    assert_eq!(store.grant_get(made.id).await.unwrap(), Some(made.clone()));
    let again = store.grant_insert(&grant(2, "lead", Subject::Person(ada))).await;
    assert!(conflict(&again.unwrap_err(), "grant", "role"));
    store
        .grant_insert(&grant(3, "lead", Subject::Group(dev)))
        .await
        .unwrap();
    let again = store.grant_insert(&grant(4, "lead", Subject::Group(dev))).await;
    assert!(conflict(&again.unwrap_err(), "grant", "role"));
    for wrong in [
        grant(5, "nothing", Subject::Person(ada)),
        grant(6, "lead", Subject::Person(PersonId::from_uuid(uuid(99)))),
        grant(7, "lead", Subject::Group(GroupId::from_uuid(uuid(99)))),
    ] {
        let refused = store.grant_insert(&wrong).await;
        assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
    }
    assert!(conflict(
        &store.role_delete("lead").await.unwrap_err(),
        "role",
        "grants"
    ));
    assert!(store.grant_delete(made.id).await.unwrap());
    assert!(!store.grant_delete(made.id).await.unwrap());
}

async fn grants_are_listed_within_reach(db: TestDb) {
    let (store, ada, bob, dev) = with_people(&db).await;
    for (n, role, subject) in [
        (1, "auditor", Subject::Person(ada)),
        (2, "auditor", Subject::Person(bob)),
        (3, "member", Subject::Group(dev)),
    ] {
        store.grant_insert(&grant(n, role, subject)).await.unwrap();
    }
    let listed = async |filter: &GrantFilter| {
        let (grants, _) = store.grants_list(filter, ListPage::first(10)).await.unwrap();
        grants.iter().map(|g| g.id.uuid().as_u128() & 0xf).collect::<Vec<_>>()
    };
    let all = GrantFilter::within(LedgerReach::All);
    assert_eq!(listed(&all).await, [3, 2, 1]);
    let own = |person| GrantFilter::within(LedgerReach::People(vec![person]));
    assert_eq!(listed(&own(ada)).await, [3, 1], "and those of their groups");
    assert_eq!(listed(&own(bob)).await, [2]);
    let of = |person, group, role: Option<&str>| GrantFilter {
        person,
        group,
        role: role.map(ToOwned::to_owned),
        ..all.clone()
    };
    assert_eq!(listed(&of(Some(ada), None, None)).await, [1]);
    assert_eq!(listed(&of(None, Some(dev), None)).await, [3]);
    assert_eq!(listed(&of(None, None, Some("auditor"))).await, [2, 1]);
    let (first, next) = store.grants_list(&all, ListPage::first(2)).await.unwrap();
    assert_eq!((first.len(), next), (2, first.last().map(|g| g.id)));
}

async fn a_provider_sets_its_own_grants_alone(db: TestDb) {
    let (store, ada, ..) = with_people(&db).await;
    store.role_insert(&role("lead")).await.unwrap();
    store
        .grant_insert(&grant(1, "auditor", Subject::Person(ada)))
        .await
        .unwrap();
    let ids = std::sync::atomic::AtomicU64::new(100);
    let id = || {
        let n = ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        GrantId::from_uuid(uuid(u128::from(n)))
    };
    let set = async |provider: &str, roles: &[&str]| {
        let roles: Vec<String> = roles.iter().map(|r| (*r).to_owned()).collect();
        store
            .grants_set_of_provider(ada, provider, &roles, id, T0)
            .await
            .unwrap()
    };
    let held = async || {
        let filter = GrantFilter {
            person: Some(ada),
            ..GrantFilter::within(LedgerReach::All)
        };
        let (grants, _) = store.grants_list(&filter, ListPage::first(10)).await.unwrap();
        let mut held: Vec<_> = grants
            .into_iter()
            .map(|g| (g.role, g.provider.unwrap_or_default()))
            .collect();
        held.sort();
        held
    };
    let pair = |role: &str, provider: &str| (role.to_owned(), provider.to_owned());
    assert!(set("acme", &["lead", "auditor", "lead", "nothing"]).await);
    assert!(!set("acme", &["auditor", "lead"]).await, "nothing is left to do");
    assert!(set("other", &["lead"]).await);
    assert_eq!(
        held().await,
        [
            pair("auditor", ""),
            pair("auditor", "acme"),
            pair("lead", "acme"),
            pair("lead", "other")
        ]
    );
    assert!(set("acme", &[]).await);
    assert_eq!(held().await, [pair("auditor", ""), pair("lead", "other")]);
}

async fn of_two_last_owners_who_are_demoted_at_once_one_stays(db: TestDb) {
    let (store, ..) = with_people(&db).await;
    let mut second = person("second");
    second.role = Role::Owner;
    store.person_insert(&second).await.unwrap();
    let store = Arc::new(store);
    for round in 0..5 {
        let mut tasks = JoinSet::new();
        for name in ["owner", "second"] {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                if round % 2 == 0 {
                    store.person_update(&person(name)).await
                } else {
                    let ask = Suspended {
                        person: person(name).id,
                        at: T0.plus_seconds(round),
                        by: None,
                        reason: None,
                        idle_seconds: 1_800,
                        opened: Opened::default(),
                    };
                    store.person_suspend(&ask).await.map(drop)
                }
            });
        }
        let outcomes = tasks.join_all().await;
        let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(conflict(&refused[0], "person", "last_owner"), "{refused:?}");
        for name in ["owner", "second"] {
            let mut back = person(name);
            back.role = Role::Owner;
            store.person_reactivate(back.id, T0).await.unwrap();
            store.person_update(&back).await.unwrap();
        }
    }
}

async fn a_granted_owner_is_no_last_owner(db: TestDb) {
    let (store, ada, ..) = with_people(&db).await;
    store
        .grant_insert(&grant(1, "owner", Subject::Person(ada)))
        .await
        .unwrap();
    let demoted = store.person_update(&person("owner")).await;
    assert!(conflict(&demoted.unwrap_err(), "person", "last_owner"));
}

async fn groups_say_what_members_may_have(db: TestDb) {
    let (store, ada, bob, dev) = with_people(&db).await;
    let ops = group("ops");
    store.group_insert(&ops).await.unwrap();
    let limits = |models: Option<&[&str]>, workspaces| GroupLimits {
        models: models.map(|names| names.iter().map(|n| (*n).to_owned()).collect()),
        quota: Quota {
            workspaces,
            ..Quota::default()
        },
    };
    assert_eq!(store.group_limits(dev).await.unwrap(), GroupLimits::default());
    let said = limits(Some(&["small"]), Some(2));
    store.group_limits_set(dev, &said).await.unwrap();
    assert_eq!(store.group_limits(dev).await.unwrap(), said);
    let both = store.groups_limits(&[dev, ops.id]).await.unwrap();
    assert_eq!((&both[&dev], &both[&ops.id]), (&said, &GroupLimits::default()));
    let default = Quota {
        workspaces: Some(20),
        running: Some(10),
        ..Quota::default()
    };
    let bounds = store.person_bounds(ada, &default).await.unwrap();
    assert_eq!(
        (bounds.workspaces.limit, bounds.workspaces.group.as_deref()),
        (Some(2), Some("dev"))
    );
    assert_eq!(bounds.running.limit, Some(10));
    assert_eq!(store.person_bounds(bob, &default).await.unwrap().quota(), default);
    // The models of a key's person.
    store.key_insert(&key("k", ada), &[]).await.unwrap();
    let models = async || store.key_chain("pub-k").await.unwrap().unwrap().models;
    assert_eq!(models().await, Some(vec!["small".to_owned()]));
    store
        .group_limits_set(ops.id, &limits(Some(&["large", "small"]), Some(5)))
        .await
        .unwrap();
    store.group_member_add(ops.id, ada).await.unwrap();
    assert_eq!(models().await, Some(vec!["large".to_owned(), "small".to_owned()]));
    assert_eq!(
        store.person_bounds(ada, &default).await.unwrap().workspaces.limit,
        Some(5)
    );
    for id in [dev, ops.id] {
        store.group_limits_set(id, &GroupLimits::default()).await.unwrap();
    }
    assert_eq!(models().await, None);
    assert!(
        store
            .group_limits_set(GroupId::from_uuid(uuid(99)), &said)
            .await
            .is_err()
    );
    let mut people = store.people_in(&[dev, ops.id]).await.unwrap();
    people.sort_unstable();
    assert_eq!(people, [ada]);
}

async fn a_restricted_template_is_there_for_those_who_are_named(db: TestDb) {
    let (store, ada, bob, dev) = with_people(&db).await;
    let id = TemplateId::from_uuid(uuid(50));
    let push = VersionPush {
        id: TemplateVersionId::from_uuid(uuid(51)),
        digest: "aa",
        manifest: "",
        archive: &[1],
        message: "",
        at: T0,
        by: None,
        activate: true,
    };
    store
        .template_insert(id, "shell", TemplateSource::Api, &push)
        .await
        .unwrap();
    let sees = async |person| {
        let filter = TemplateFilter {
            usable_by: Some(person),
            ..TemplateFilter::default()
        };
        let (list, _) = store.templates_list(&filter, ListPage::first(10)).await.unwrap();
        let usable = store.template_usable(id, person).await.unwrap();
        assert_eq!(list.len(), usize::from(usable), "the list and the one agree");
        usable
    };
    let everyone = TemplateAccess {
        everyone: true,
        ..TemplateAccess::default()
    };
    assert_eq!(store.template_access(id).await.unwrap(), everyone);
    assert!(sees(ada).await && sees(bob).await);
    let mut access = TemplateAccess {
        everyone: false,
        groups: vec![dev],
        people: Vec::new(),
    };
    store.template_access_set(id, &access).await.unwrap();
    assert_eq!(store.template_access(id).await.unwrap(), access);
    assert!(sees(ada).await && !sees(bob).await);
    access.people = vec![bob];
    access.groups = Vec::new();
    store.template_access_set(id, &access).await.unwrap();
    assert!(!sees(ada).await && sees(bob).await);
    access.groups = vec![GroupId::from_uuid(uuid(99))];
    assert!(matches!(
        store.template_access_set(id, &access).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(sees(bob).await, "nothing of it stays");
    let nothing = TemplateId::from_uuid(uuid(98));
    assert!(store.template_access_set(nothing, &everyone).await.is_err());
    assert!(store.template_access(nothing).await.is_err());
    assert!(!store.template_usable(nothing, ada).await.unwrap());
}

bailey_testkit::db_tests!(
    a_role_is_read_as_written_and_changed,
    roles_are_listed_in_pages_and_by_holder,
    what_somebody_holds_is_theirs_and_their_groups,
    a_grant_is_made_once_and_a_granted_role_stays,
    grants_are_listed_within_reach,
    a_provider_sets_its_own_grants_alone,
    of_two_last_owners_who_are_demoted_at_once_one_stays,
    a_granted_owner_is_no_last_owner,
    groups_say_what_members_may_have,
    a_restricted_template_is_there_for_those_who_are_named,
);
