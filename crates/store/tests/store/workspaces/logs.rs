//! The logs of builds.

use super::*;

async fn logs_are_numbered_and_an_agents_lines_come_once(db: TestDb) {
    let store = with_people(&db).await;
    let (_, build) = create(&store, "one", person("ada").id).await;
    let line = |agent_number, text: &str| NewLine {
        agent_number,
        at: T0,
        source: "script:x".into(),
        text: text.into(),
    };
    let first = [line(None, "server"), line(Some(1), "a"), line(Some(2), "b")];
    assert_eq!(store.build_log_append(build.id, &first).await.unwrap(), 3);
    // After a cut the agent sends again what was not acknowledged.
    let again = [line(Some(2), "b"), line(Some(3), "c"), line(None, "server again")];
    assert_eq!(store.build_log_append(build.id, &again).await.unwrap(), 5);
    let read = store.build_log(build.id, 1, 3).await.unwrap();
    let texts: Vec<_> = read.iter().map(|l| (l.number, l.text.as_str())).collect();
    assert_eq!(texts, [(2, "a"), (3, "b"), (4, "c")]);
    let many: Vec<_> = (0..700).map(|n| line(None, &n.to_string())).collect();
    assert_eq!(store.build_log_append(build.id, &many).await.unwrap(), 705);
}

async fn a_full_log_takes_nothing_but_a_few_lines_of_the_server(db: TestDb) {
    let store = with_people(&db).await;
    let (_, build) = create(&store, "one", person("ada").id).await;
    let line = |agent_number, source: &str, text: &str| NewLine {
        agent_number,
        at: T0,
        source: source.into(),
        text: text.into(),
    };
    // The bytes count, not the characters.
    let long = "ä".repeat(usize::try_from(LOG_BYTES / 8).unwrap());
    let layers = vec![line(None, "layer", &long); 5];
    assert_eq!(
        store.build_log_append(build.id, &layers).await.unwrap(),
        5,
        "four, and that it is full"
    );
    let more = [
        line(Some(1), LOG_OWN, "an agent may call itself anything"),
        line(None, "layer", "more"),
        line(None, LOG_OWN, "done"),
    ];
    assert_eq!(store.build_log_append(build.id, &more).await.unwrap(), 6);
    let read = store.build_log(build.id, 4, 10).await.unwrap();
    assert!(
        read[0].text.starts_with("the log is full, at 10000 lines or 4 MiB"),
        "{read:?}"
    );
    assert_eq!((read[1].text.as_str(), read.len()), ("done", 2));
    let own = vec![line(None, LOG_OWN, "again"); 20_000];
    let last = store.build_log_append(build.id, &own).await.unwrap();
    assert!(last < 20_000, "{last}");
    let (_, two) = create(&store, "two", person("ada").id).await;
    let short = vec![line(None, "layer", "x"); 20_000];
    assert_eq!(store.build_log_append(two.id, &short).await.unwrap(), LOG_LINES + 1);
}

async fn logs_of_old_builds_and_of_deleted_workspaces_go(db: TestDb) {
    let store = with_people(&db).await;
    let (made, mut build) = create(&store, "one", person("ada").id).await;
    let said = [NewLine {
        agent_number: None,
        at: T0,
        source: LOG_OWN.into(),
        text: "said".into(),
    }];
    let (kept, _) = create(&store, "two", person("ada").id).await;
    let mut workspace = made.clone();
    let mut builds = Vec::new();
    for number in 1..=LOGS_KEPT + 3 {
        store.build_log_append(build.id, &said).await.unwrap();
        store.build_end(&build, Ok(()), T0).await.unwrap();
        builds.push(build.id);
        let transition = if number % 2 == 0 {
            Transition::Start
        } else {
            Transition::Stop
        };
        (workspace, build) = begin(&store, &workspace, transition).await;
    }
    let lines = async || {
        let mut lines = Vec::new();
        for build in &builds {
            lines.push(store.build_log(*build, 0, 10).await.unwrap().len());
        }
        lines
    };
    // The one that has begun counts too.
    assert_eq!(
        lines().await,
        [vec![0; 4], vec![1; usize::try_from(LOGS_KEPT - 1).unwrap()]].concat()
    );
    store.build_end(&build, Ok(()), T0).await.unwrap();
    let (_, delete) = begin(&store, &workspace, Transition::Delete).await;
    store.build_end(&delete, Ok(()), T0).await.unwrap();
    assert_eq!(store.build_logs_forget(T0).await.unwrap(), 0, "not yet");
    assert!(lines().await.contains(&1));
    store.build_logs_forget(T0.plus_seconds(1)).await.unwrap();
    assert!(!lines().await.contains(&1));
    let left = store.build_get(kept.id, 1).await.unwrap().unwrap();
    store.build_log_append(left.id, &said).await.unwrap();
    store.build_logs_forget(T0.plus_seconds(1)).await.unwrap();
    assert_eq!(store.build_log(left.id, 0, 10).await.unwrap().len(), 1);
}

bailey_testkit::db_tests!(
    logs_are_numbered_and_an_agents_lines_come_once,
    a_full_log_takes_nothing_but_a_few_lines_of_the_server,
    logs_of_old_builds_and_of_deleted_workspaces_go,
);
