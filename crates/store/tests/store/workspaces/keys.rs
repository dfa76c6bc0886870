//! The keys of workspaces.

use super::*;

/// A key of a workspace, as its agent is given one.
fn workspace_key(name: &str, workspace: &Workspace) -> Key {
    Key {
        workspace: Some(workspace.id),
        scope: KeyScope::Workspace,
        ..key(name, workspace.owner)
    }
}

async fn a_workspace_has_one_key_while_it_is_up_and_none_when_it_is_down(db: TestDb) {
    let store = with_people(&db).await;
    let (made, build) = create(&store, "one", person("ada").id).await;
    let (first, second, third) = (
        workspace_key("k1", &made),
        workspace_key("k2", &made),
        workspace_key("k3", &made),
    );
    let give = async |agent, key: &Key| {
        let budget = budget(60, BudgetSubject::Key(key.id), Period::Run, Money::usd(5));
        store.workspace_key_give(agent, key, &[budget]).await.unwrap()
    };
    let given = |ended: &[&Key]| {
        Some(KeyGiven {
            key: first.id,
            ended: ended.iter().map(|key| key.id).collect(),
        })
    };
    assert_eq!(give("pub", &first).await, None, "no agent has been started");
    store.build_run(&build, Some(("pub", &[3; 32])), T0).await.unwrap();
    assert_eq!(give("other", &first).await, None, "that is not its agent");
    assert_eq!(give("pub", &first).await, given(&[]));
    assert_eq!(give("pub", &second).await, given(&[&first]));
    // The key is the one that it was, with its budget, and good with the new secret alone.
    assert_eq!(store.key_chain(&first.public_id).await.unwrap(), None);
    let chain = store.key_chain(&second.public_id).await.unwrap().unwrap();
    assert_eq!((chain.key.id, &chain.key.hash), (first.id, &second.hash));
    assert_eq!(chain.budgets.len(), 1);
    assert_eq!(chain.budgets[0].subject, BudgetSubject::Key(first.id));
    let live = async || {
        let mut filter = KeyFilter::within(LedgerReach::All);
        filter.workspace = Some(made.id);
        filter.state = Some((KeyState::Active, T0));
        let (keys, _) = store.keys_list(&filter, ListPage::first(10)).await.unwrap();
        keys.into_iter().map(|key| key.id).collect::<Vec<_>>()
    };
    assert_eq!(live().await, [first.id]);
    store.build_end(&build, Ok(()), T0).await.unwrap();
    assert_eq!(live().await, [first.id], "it is up");
    // A key that somebody made and put down to the workspace is theirs to revoke.
    let own = Key {
        workspace: Some(made.id),
        scope: KeyScope::User,
        ..key("own", made.owner)
    };
    store.key_insert(&own, &[]).await.unwrap();
    let (_, stop) = begin(&store, &made, Transition::Stop).await;
    assert_eq!(give("pub", &third).await, None, "it is on its way down");
    assert_eq!(store.build_end(&stop, Ok(()), T0).await.unwrap(), Some(vec![first.id]));
    assert_eq!(live().await, [own.id]);
    assert_eq!(give("pub", &third).await, None, "it is down");
    // So it is with a start that fails.
    let (_, start) = begin(
        &store,
        &store.workspace_get(made.id).await.unwrap().unwrap(),
        Transition::Start,
    )
    .await;
    store.build_run(&start, Some(("pub2", &[4; 32])), T0).await.unwrap();
    assert_eq!(give("pub2", &third).await, given(&[]));
    assert_eq!(
        store.build_end(&start, Err("no"), T0).await.unwrap(),
        Some(vec![first.id])
    );
    assert_eq!(live().await, [own.id]);
}

async fn two_that_ask_for_the_key_at_once_leave_one(db: TestDb) {
    let store = with_people(&db).await;
    let (made, build) = create(&store, "one", person("ada").id).await;
    store.build_run(&build, Some(("pub", &[3; 32])), T0).await.unwrap();
    let keys = (0..8).map(|n| workspace_key(&format!("k{n}"), &made));
    let mut tasks = tokio::task::JoinSet::new();
    for key in keys {
        let store = store.clone();
        tasks.spawn(async move { store.workspace_key_give("pub", &key, &[]).await.unwrap() });
    }
    assert!(tasks.join_all().await.iter().all(Option::is_some));
    let revoked = store.build_end(&build, Err("no"), T0).await.unwrap().unwrap();
    assert_eq!(revoked.len(), 1, "{revoked:?}");
}

bailey_testkit::db_tests!(
    a_workspace_has_one_key_while_it_is_up_and_none_when_it_is_down,
    two_that_ask_for_the_key_at_once_leave_one,
);
