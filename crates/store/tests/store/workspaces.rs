//! Workspaces, builds and their logs.

mod keys;
mod logs;

use std::collections::BTreeMap;

use bailey_core::budget::BudgetSubject;
use bailey_core::key::{Key, KeyScope};
use bailey_core::people::{GroupLimits, Person, PersonStatus};
use bailey_core::period::Period;
use bailey_core::template::{Resolved, Resources};
use bailey_core::workspace::{Build, BuildState, Quota, Transition, Workspace, WorkspaceStatus};
use bailey_core::{BuildId, Money, PersonId, TemplateId, TemplateVersionId, Timestamp, WorkspaceId};
use bailey_store::{
    Begun, KeyFilter, KeyGiven, KeyState, LOG_BYTES, LOG_LINES, LOG_OWN, LOGS_KEPT, LedgerReach, ListPage, NewBuild,
    NewLine, NewWorkspace, Store, StoreError, WorkspaceFilter,
};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

const NO_QUOTA: Quota = Quota {
    workspaces: None,
    running: None,
    cpu_milli: None,
    memory: None,
    disk: None,
};

fn new(name: &str, owner: PersonId) -> (NewWorkspace, Build) {
    let id = WorkspaceId::from_uuid(uuid(number(name)));
    let version = TemplateVersionId::from_uuid(uuid(5));
    let resources = Resources {
        cpu_milli: Some(1_000),
        memory: Some(100),
        disk: Some(1_000),
        ..Resources::default()
    };
    let workspace = NewWorkspace {
        id,
        owner,
        name: name.into(),
        template: TemplateId::from_uuid(uuid(4)),
        version,
        parameters: BTreeMap::new(),
        resolved: Resolved {
            resources,
            ..Resolved::default()
        },
        auto_stop: Some(60),
        created_at: T0,
    };
    let build = Build {
        id: BuildId::from_uuid(uuid(number(name) * 100)),
        workspace: id,
        number: 1,
        transition: Transition::Start,
        state: BuildState::Queued,
        version,
        initiator: Some(owner),
        reason: None,
        error: None,
        created_at: T0,
        started_at: None,
        finished_at: None,
    };
    (workspace, build)
}

fn next(w: &Workspace, transition: Transition) -> NewBuild {
    NewBuild {
        id: BuildId::from_uuid(uuid(number(&w.name) * 100 + u128::from(w.build))),
        transition,
        initiator: None,
        reason: Some("because".into()),
        change: None,
        keep_home: false,
        created_at: T0,
    }
}

pub(crate) async fn create(store: &Store, name: &str, owner: PersonId) -> (Workspace, Build) {
    let (workspace, build) = new(name, owner);
    match store.workspace_create(&workspace, &build, &NO_QUOTA).await.unwrap() {
        Begun::Yes(made) => (made, build),
        Begun::Beyond(exceeded) => panic!("{exceeded:?}"),
    }
}

pub(crate) async fn begin(store: &Store, w: &Workspace, transition: Transition) -> (Workspace, Build) {
    match store.build_begin(w.id, &next(w, transition), None).await.unwrap() {
        Begun::Yes(begun) => begun,
        Begun::Beyond(exceeded) => panic!("{exceeded:?}"),
    }
}

async fn status(store: &Store, id: WorkspaceId) -> WorkspaceStatus {
    store.workspace_get(id).await.unwrap().unwrap().status()
}

pub(crate) async fn with_people(db: &TestDb) -> Store {
    let store = open(db).await;
    store.bootstrap(&person("owner"), &organization()).await.unwrap();
    for name in ["ada", "bob"] {
        store.person_insert(&person(name)).await.unwrap();
    }
    store
}

async fn a_life(db: TestDb) {
    let store = with_people(&db).await;
    let ada = person("ada").id;
    let (made, build) = create(&store, "one", ada).await;
    assert_eq!((made.host_slot, made.status()), (Some(0), WorkspaceStatus::Pending));
    assert!(store.build_run(&build, Some(("pub", &[3; 32])), T0).await.unwrap());
    let (found, hash) = store.workspace_by_agent("pub").await.unwrap().unwrap();
    assert_eq!(
        (found.id, hash, found.status()),
        (made.id, [3; 32], WorkspaceStatus::Starting)
    );
    let later = Timestamp::from_seconds(T0.micros() / 1_000_000 + 5);
    assert_eq!(store.build_end(&build, Ok(()), later).await.unwrap(), Some(Vec::new()));
    assert_eq!(
        store.build_end(&build, Err("late"), later).await.unwrap(),
        None,
        "an end is an end"
    );
    let up = store.workspaces_up().await.unwrap();
    assert_eq!(
        up.iter().map(|w| (w.id, w.started_at)).collect::<Vec<_>>(),
        [(made.id, Some(later))]
    );

    let (_, stop) = begin(&store, &up[0], Transition::Stop).await;
    assert_eq!(
        (stop.number, status(&store, made.id).await),
        (2, WorkspaceStatus::Stopping)
    );
    assert!(
        store.workspace_by_agent("pub").await.unwrap().is_some(),
        "an agent is there until it is stopped"
    );
    store.build_end(&stop, Ok(()), later).await.unwrap();
    assert_eq!(store.workspace_by_agent("pub").await.unwrap(), None);
    assert_eq!(status(&store, made.id).await, WorkspaceStatus::Stopped);

    let stopped = store.workspace_get(made.id).await.unwrap().unwrap();
    let (_, delete) = begin(&store, &stopped, Transition::Delete).await;
    store.build_end(&delete, Ok(()), later).await.unwrap();
    let gone = store.workspace_get(made.id).await.unwrap().unwrap();
    assert_eq!((gone.status(), gone.host_slot), (WorkspaceStatus::Deleted, None));
    assert_eq!(store.workspace_by_name(ada, "one").await.unwrap(), None);
    let again = store.build_begin(made.id, &next(&gone, Transition::Start), None).await;
    assert!(matches!(again, Err(StoreError::NotFound { what: "workspace" })));
    let (builds, _) = store.builds_list(made.id, ListPage::first(10)).await.unwrap();
    assert_eq!(builds.iter().map(|b| b.number).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(store.builds_unfinished().await.unwrap(), []);
}

async fn one_build_at_a_time(db: TestDb) {
    let store = with_people(&db).await;
    let (made, build) = create(&store, "one", person("ada").id).await;
    let second = store.build_begin(made.id, &next(&made, Transition::Stop), None).await;
    assert!(
        matches!(
            second,
            Err(StoreError::Conflict {
                what: "workspace",
                field: "build"
            })
        ),
        "{second:?}"
    );
    assert_eq!(
        store.workspace_get(made.id).await.unwrap().unwrap().build,
        1,
        "nothing of it stays"
    );
    store.build_end(&build, Err("no agent"), T0).await.unwrap();
    let failed = store.build_get(made.id, 1).await.unwrap().unwrap();
    assert_eq!(
        (failed.state, failed.error.as_deref()),
        (BuildState::Failed, Some("no agent"))
    );
    assert_eq!(status(&store, made.id).await, WorkspaceStatus::Failed);
    begin(&store, &made, Transition::Start).await;
    assert_eq!(store.builds_unfinished().await.unwrap().len(), 1);
}

async fn names_are_taken_once_by_each_owner(db: TestDb) {
    let store = with_people(&db).await;
    create(&store, "one", person("ada").id).await;
    let (mut twin, mut build) = new("two", person("ada").id);
    twin.name = "one".into();
    build.workspace = twin.id;
    let taken = store.workspace_create(&twin, &build, &NO_QUOTA).await;
    assert!(
        matches!(
            taken,
            Err(StoreError::Conflict {
                what: "workspace",
                field: "name"
            })
        ),
        "{taken:?}"
    );
    twin.owner = person("bob").id;
    assert!(matches!(
        store.workspace_create(&twin, &build, &NO_QUOTA).await,
        Ok(Begun::Yes(_))
    ));
}

async fn two_at_once_do_not_pass_a_quota(db: TestDb) {
    let store = with_people(&db).await;
    let ada = person("ada").id;
    let quota = Quota {
        workspaces: Some(3),
        memory: Some(250),
        ..NO_QUOTA
    };
    let creates = (0..8).map(|n| {
        let store = store.clone();
        async move {
            let (workspace, build) = new(&format!("w{n}"), ada);
            store.workspace_create(&workspace, &build, &quota).await.unwrap()
        }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for create in creates {
        tasks.spawn(create);
    }
    let outcomes = tasks.join_all().await;
    let mut slots: Vec<_> = outcomes
        .iter()
        .filter_map(|o| match o {
            Begun::Yes(w) => Some(w.host_slot),
            Begun::Beyond(_) => None,
        })
        .collect();
    slots.sort_unstable();
    assert_eq!(slots, [Some(0), Some(1)], "two have memory");
    let usage = store.workspaces_usage(ada).await.unwrap();
    assert_eq!(
        (usage.workspaces, usage.running, usage.memory, usage.disk),
        (2, 2, 200, 2_000)
    );
}

async fn a_stopped_workspace_gives_back_what_it_ran_with(db: TestDb) {
    let store = with_people(&db).await;
    let ada = person("ada").id;
    let (one, build) = create(&store, "one", ada).await;
    store.build_end(&build, Ok(()), T0).await.unwrap();
    let (_, stop) = begin(&store, &one, Transition::Stop).await;
    assert_eq!(
        store.workspaces_usage(ada).await.unwrap().running,
        1,
        "it is not down yet"
    );
    store.build_end(&stop, Ok(()), T0).await.unwrap();
    let usage = store.workspaces_usage(ada).await.unwrap();
    assert_eq!(
        (usage.workspaces, usage.running, usage.cpu_milli, usage.disk),
        (1, 0, 0, 1_000)
    );
    create(&store, "two", ada).await;
    let quota = Quota {
        running: Some(1),
        ..NO_QUOTA
    };
    let one = store.workspace_get(one.id).await.unwrap().unwrap();
    let start = store
        .build_begin(one.id, &next(&one, Transition::Start), Some(&quota))
        .await
        .unwrap();
    assert!(matches!(start, Begun::Beyond(e) if e[0].what == "running workspaces"));
}

async fn a_kept_home_keeps_its_user_and_its_place_on_the_disk(db: TestDb) {
    let store = with_people(&db).await;
    let ada = person("ada").id;
    let (one, build) = create(&store, "one", ada).await;
    store.build_end(&build, Ok(()), T0).await.unwrap();
    let delete = NewBuild {
        keep_home: true,
        ..next(&one, Transition::Delete)
    };
    let Begun::Yes((_, delete)) = store.build_begin(one.id, &delete, None).await.unwrap() else {
        panic!("no quota was given")
    };
    store.build_end(&delete, Ok(()), T0).await.unwrap();
    let usage = store.workspaces_usage(ada).await.unwrap();
    assert_eq!((usage.workspaces, usage.running, usage.disk), (0, 0, 1_000));
    let (two, _) = create(&store, "two", ada).await;
    assert_eq!(two.host_slot, Some(1));
}

async fn lists_show_what_is_within_reach(db: TestDb) {
    let store = with_people(&db).await;
    let (ada, bob) = (person("ada").id, person("bob").id);
    for (name, owner) in [("one", ada), ("two", bob), ("three", ada)] {
        create(&store, name, owner).await;
    }
    let list = async |filter: &WorkspaceFilter, page| {
        let (found, next) = store.workspaces_list(filter, page).await.unwrap();
        (found.into_iter().map(|w| w.name).collect::<Vec<_>>(), next)
    };
    let own = WorkspaceFilter::within(LedgerReach::People(vec![ada]));
    let (mut names, _) = list(&own, ListPage::first(10)).await;
    names.sort_unstable();
    assert_eq!(names, ["one", "three"]);
    let theirs = WorkspaceFilter {
        owner: Some(bob),
        ..own
    };
    assert_eq!(list(&theirs, ListPage::first(10)).await.0, Vec::<String>::new());
    let all = WorkspaceFilter::within(LedgerReach::All);
    for (text, count) in [("TW", 1), ("e", 2), ("ada", 2), ("Bob", 1), ("sh%", 0), ("", 3)] {
        let with = WorkspaceFilter {
            text: Some(text.to_owned()),
            ..all.clone()
        };
        assert_eq!(list(&with, ListPage::first(10)).await.0.len(), count, "{text}");
    }
    let (first, next) = list(&all, ListPage::first(2)).await;
    let (rest, end) = list(&all, ListPage { after: next, limit: 2 }).await;
    assert_eq!((first.len(), rest.len(), end), (2, 1, None));
}

async fn an_update_keeps_what_its_owner_asked_for_within_what_the_template_allows(db: TestDb) {
    let store = with_people(&db).await;
    let (one, build) = create(&store, "one", person("ada").id).await;
    store.build_end(&build, Ok(()), T0).await.unwrap();
    // By turns: what the owner asks for, what the template allows, and what counts.
    let cases = [
        (None, Some(600), Some(600)),
        (None, None, None),
        (Some(300), Some(600), Some(300)),
        (Some(300), Some(100), Some(100)),
        (Some(300), None, Some(300)),
        (None, Some(900), Some(900)),
    ];
    let mut last = one;
    for (asked, most, counts) in cases {
        store.workspace_set_auto_stop(last.id, asked).await.unwrap();
        let resolved = Resolved {
            auto_stop: most,
            ..last.resolved.clone()
        };
        let update = NewBuild {
            change: Some((last.version, BTreeMap::new(), resolved)),
            ..next(&last, Transition::Update)
        };
        let Begun::Yes((after, build)) = store.build_begin(last.id, &update, None).await.unwrap() else {
            panic!("no quota was given")
        };
        assert_eq!(after.auto_stop, counts, "{asked:?} within {most:?}");
        store.build_end(&build, Ok(()), T0).await.unwrap();
        last = after;
    }
    store.workspace_set_auto_stop(last.id, Some(1_000)).await.unwrap();
    let after = store.workspace_get(last.id).await.unwrap().unwrap();
    assert_eq!(after.auto_stop, Some(900));
}

async fn activity_only_goes_forward(db: TestDb) {
    let store = with_people(&db).await;
    let (one, _) = create(&store, "one", person("ada").id).await;
    let at = |seconds: i64| Timestamp::from_micros(T0.micros() + seconds * 1_000_000);
    store
        .workspaces_touch(&[(one.id, at(10)), (one.id, at(5))])
        .await
        .unwrap();
    store.workspace_set_auto_stop(one.id, None).await.unwrap();
    let after = store.workspace_get(one.id).await.unwrap().unwrap();
    assert_eq!((after.last_active_at, after.auto_stop), (at(10), None));
}

async fn suspend(store: &Store, name: &str, status: PersonStatus) {
    let person = Person { status, ..person(name) };
    store.person_update(&person).await.unwrap();
}

async fn nothing_of_a_suspended_person_goes_up(db: TestDb) {
    let store = with_people(&db).await;
    let (ada, bob) = (person("ada").id, person("bob").id);
    let (up, build) = create(&store, "up", ada).await;
    store.build_run(&build, Some(("pub", &[3; 32])), T0).await.unwrap();
    store.build_end(&build, Ok(()), T0).await.unwrap();
    let (starting, _) = create(&store, "starting", ada).await;
    let (down, build) = create(&store, "down", ada).await;
    store.build_end(&build, Err("no"), T0).await.unwrap();
    create(&store, "other", bob).await;
    assert_eq!(store.workspaces_of_suspended().await.unwrap(), []);
    suspend(&store, "ada", PersonStatus::Suspended).await;
    let found = store.workspaces_of_suspended().await.unwrap();
    let mut names: Vec<_> = found.iter().map(|w| w.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["starting", "up"]);
    let refused = |error| matches!(error, StoreError::Conflict { field: "owner", .. });
    let start = store
        .build_begin(down.id, &next(&down, Transition::Start), Some(&NO_QUOTA))
        .await;
    assert!(refused(start.unwrap_err()));
    let (workspace, build) = new("fresh", ada);
    let fresh = store.workspace_create(&workspace, &build, &NO_QUOTA).await;
    assert!(refused(fresh.unwrap_err()));
    // Down is where it may go.
    begin(&store, &up, Transition::Stop).await;
    begin(&store, &down, Transition::Delete).await;
    let left = store.workspaces_of_suspended().await.unwrap();
    assert_eq!(left.iter().map(|w| w.id).collect::<Vec<_>>(), [starting.id]);
    suspend(&store, "ada", PersonStatus::Active).await;
    assert_eq!(store.workspaces_of_suspended().await.unwrap(), []);
}

async fn a_groups_quota_holds_against_starts_at_once(db: TestDb) {
    let store = with_people(&db).await;
    let (ada, dev) = (person("ada"), group("dev"));
    store.group_insert(&dev).await.unwrap();
    store.group_member_add(dev.id, ada.id).await.unwrap();
    let limits = GroupLimits {
        quota: Quota {
            workspaces: Some(3),
            ..Quota::default()
        },
        ..GroupLimits::default()
    };
    store.group_limits_set(dev.id, &limits).await.unwrap();
    let store = std::sync::Arc::new(store);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (store, owner) = (std::sync::Arc::clone(&store), ada.id);
        tasks.spawn(async move {
            let (workspace, build) = new(&format!("w{n}"), owner);
            store.workspace_create(&workspace, &build, &NO_QUOTA).await.unwrap()
        });
    }
    let made = tasks.join_all().await;
    let (made, beyond): (Vec<_>, Vec<_>) = made.into_iter().partition(|begun| matches!(begun, Begun::Yes(_)));
    assert_eq!((made.len(), beyond.len()), (3, 5));
    // A lower one lets what is there be started again, as far as what runs goes.
    let running = GroupLimits {
        quota: Quota {
            running: Some(1),
            ..Quota::default()
        },
        ..GroupLimits::default()
    };
    store.group_limits_set(dev.id, &running).await.unwrap();
    let Some(Begun::Yes(one)) = made.into_iter().next() else {
        panic!("three were made")
    };
    let builds = store.builds_unfinished().await.unwrap();
    let build = builds.iter().find(|build| build.workspace == one.id).unwrap();
    store.build_end(build, Err("no agent"), T0).await.unwrap();
    let again = store
        .build_begin(one.id, &next(&one, Transition::Start), Some(&NO_QUOTA))
        .await
        .unwrap();
    assert!(matches!(again, Begun::Beyond(_)), "two others run: {again:?}");
}

bailey_testkit::db_tests!(
    a_groups_quota_holds_against_starts_at_once,
    a_life,
    nothing_of_a_suspended_person_goes_up,
    one_build_at_a_time,
    names_are_taken_once_by_each_owner,
    two_at_once_do_not_pass_a_quota,
    a_stopped_workspace_gives_back_what_it_ran_with,
    a_kept_home_keeps_its_user_and_its_place_on_the_disk,
    lists_show_what_is_within_reach,
    an_update_keeps_what_its_owner_asked_for_within_what_the_template_allows,
    activity_only_goes_forward,
);
