//! Chats: what happens to them, who works on them, and what becomes of them with their workspace and owner.

use std::collections::BTreeSet;
use std::sync::Arc;

use bailey_core::chat::{
    CallKind, CallState, Cause, Channel, Chat, ChatState, Engine, Event, InvalidTransition, Limits, LogPart, Outcome,
    Part, PlanMode, Prompts, Stop,
};
use bailey_core::template::{ParameterValue, TaskOrigin};
use bailey_core::workspace::{Quota, Transition};
use bailey_core::{CallId, ChatId, MessageId, Money, PersonId, Timestamp, WorkerId, WorkspaceId};
use bailey_store::{
    Begun, ChatFilter, ChatLease, LedgerReach, ListPage, NewCall, NewChat, NewMessage, Opened, PersonDelete, Stepped,
    Store, StoreError, Suspended,
};
use bailey_testkit::db::TestDb;
use tokio::task::JoinSet;

use crate::fixtures::*;
use crate::workspaces::{begin, create, with_people};

pub(crate) fn chat(name: &str) -> ChatId {
    ChatId::from_uuid(uuid(number(name)))
}

fn worker(n: u128) -> WorkerId {
    WorkerId::from_uuid(uuid(n))
}

fn call(n: u128) -> CallId {
    CallId::from_uuid(uuid(n))
}

fn message(n: u128, text: &str) -> NewMessage {
    NewMessage {
        id: MessageId::from_uuid(uuid(n)),
        by: Some(person("ada").id),
        text: text.into(),
    }
}

fn new(name: &str, workspace: WorkspaceId, message: Option<NewMessage>) -> NewChat {
    NewChat {
        id: chat(name),
        workspace,
        title: format!("About {name}"),
        engine: Engine {
            model: "mock".into(),
            protocol: "messages".into(),
            context: 200_000,
            output: 8_000,
            thinking: None,
        },
        prompts: Prompts {
            administrator: Some("Be kind.".into()),
            template: None,
        },
        directory: None,
        plan: PlanMode::Off,
        once: false,
        limits: Limits {
            cost: Some(Money::usd(1)),
            ..Limits::default()
        },
        task: None,
        message,
        created_at: T0,
    }
}

const fn at(seconds: i64) -> Timestamp {
    T0.plus_seconds(seconds)
}

fn yes(stepped: Stepped) -> Chat {
    match stepped {
        Stepped::Yes(chat) => *chat,
        other => panic!("{other:?}"),
    }
}

/// A chat of ada's with one message, in a workspace of the same name.
async fn one(store: &Store, name: &str) -> Chat {
    let (workspace, _) = create(store, name, person("ada").id).await;
    let new = new(name, workspace.id, Some(message(number(name), "hello")));
    store.chat_create(&new).await.unwrap()
}

async fn claim_at(store: &Store, n: u128, seconds: i64) -> Option<(Chat, ChatLease)> {
    store
        .chat_claim(worker(n), at(seconds), at(seconds + 12))
        .await
        .unwrap()
}

async fn step(store: &Store, lease: &ChatLease, event: Event, seconds: i64) -> Stepped {
    store.chat_step(lease, &event, (&[], &[]), at(seconds)).await.unwrap()
}

async fn log(store: &Store, id: ChatId) -> Vec<Part> {
    let parts: Vec<LogPart> = store.chat_parts(id, 0, 1_000).await.unwrap();
    let numbers: Vec<u64> = parts.iter().map(|part| part.number).collect();
    assert_eq!(numbers, (1..=parts.len() as u64).collect::<Vec<_>>(), "without gaps");
    let last = store.chat_get(id).await.unwrap().unwrap().last;
    assert_eq!(last, parts.len() as u64);
    parts.into_iter().map(|part| part.part).collect()
}

/// Has the model ask for two commands; the first begins at second 2.
async fn two_calls(store: &Store, lease: &ChatLease) {
    yes(step(store, lease, Event::StepStarted, 1).await);
    let text = Part::Text {
        block: 0,
        text: "I look.".into(),
    };
    assert!(store.chat_append(lease, &[text], at(1)).await.unwrap().is_some());
    let calls = [1, 2].map(|n| NewCall {
        id: call(n),
        kind: CallKind::Write,
        tool: "run".into(),
        arguments: format!("{{\"command\":\"{n}\"}}"),
    });
    let finished = Event::StepFinished {
        calls: calls.iter().map(|call| (call.id, call.kind)).collect(),
        cost: Money::cents(3),
        stop: Stop::ToolUse,
    };
    let end = Part::StepFinished {
        stop: Stop::ToolUse,
        usage: None,
        cost: Money::cents(3),
    };
    yes(store
        .chat_step(lease, &finished, (&[end], &calls), at(2))
        .await
        .unwrap());
    yes(step(store, lease, Event::CallStarted(call(1)), 2).await);
}

async fn a_lost_worker_is_replaced_and_its_calls_are_unknown(db: TestDb) {
    let store = with_people(&db).await;
    let made = one(&store, "one").await;
    assert_eq!((made.run.state, made.run.queue.len()), (ChatState::Running, 1));
    let (taken, first) = claim_at(&store, 1, 0).await.unwrap();
    assert_eq!((taken.generation, taken.run.queue.len()), (1, 1));
    two_calls(&store, &first).await;
    assert!(claim_at(&store, 2, 11).await.is_none(), "it is worked on");
    let renewed = store.chat_renew(&[first], at(17)).await.unwrap();
    assert_eq!(renewed, [first]);
    assert!(claim_at(&store, 2, 16).await.is_none(), "a sign of life");

    let (taken, second) = claim_at(&store, 2, 17).await.unwrap();
    assert_eq!((taken.run.state, second.generation), (ChatState::Tool, 2));
    assert_eq!(taken.run.pending().collect::<Vec<_>>(), [call(2)]);
    let state = async |n| store.chat_call(call(n)).await.unwrap().unwrap().state;
    assert_eq!(
        (state(1).await, state(2).await),
        (CallState::Unknown, CallState::Pending)
    );
    // The worker that was taken for lost is still there: nothing that it writes counts.
    assert_eq!(
        step(&store, &first, Event::CallFinished(call(1)), 18).await,
        Stepped::LeaseLost
    );
    let output = Part::ToolOutput {
        call: call(1),
        channel: Channel::Stdout,
        text: "late".into(),
    };
    assert_eq!(store.chat_append(&first, &[output], at(18)).await.unwrap(), None);
    assert!(!store.chat_prepare(&first, "late").await.unwrap());
    assert!(!store.chat_leave(&first, at(18)).await.unwrap());
    assert_eq!(store.chat_renew(&[first], at(90)).await.unwrap(), []);
    // A lease that is not named is not renewed.
    assert_eq!(store.chat_renew(&[], at(90)).await.unwrap(), []);
    assert!(claim_at(&store, 3, 28).await.is_none());

    yes(step(&store, &second, Event::CallStarted(call(2)), 18).await);
    let result = Part::ToolResult {
        call: call(2),
        outcome: Outcome::Ok,
        text: "done".into(),
        by: None,
    };
    let done = Event::CallFinished(call(2));
    let after = yes(store.chat_step(&second, &done, (&[result], &[]), at(19)).await.unwrap());
    assert_eq!((after.run.state, after.run.cost), (ChatState::Running, Money::cents(3)));
    let results: Vec<(CallId, Outcome)> = log(&store, made.id)
        .await
        .into_iter()
        .filter_map(|part| match part {
            Part::ToolResult { call, outcome, .. } => Some((call, outcome)),
            _ => None,
        })
        .collect();
    assert_eq!(results, [(call(1), Outcome::Unknown), (call(2), Outcome::Ok)]);
}

async fn a_step_that_was_cut_off_is_marked_and_done_again(db: TestDb) {
    let store = with_people(&db).await;
    let made = one(&store, "one").await;
    let (_, first) = claim_at(&store, 1, 0).await.unwrap();
    assert!(store.chat_prepare(&first, "the system").await.unwrap());
    yes(step(&store, &first, Event::StepStarted, 1).await);
    let text = Part::Text {
        block: 0,
        text: "half a sen".into(),
    };
    assert_eq!(
        store
            .chat_append(&first, std::slice::from_ref(&text), at(1))
            .await
            .unwrap(),
        Some(5)
    );
    assert!(store.chat_leave(&first, at(2)).await.unwrap(), "it goes by itself");
    let (taken, second) = claim_at(&store, 2, 2).await.unwrap();
    assert_eq!((taken.run.losses, taken.system.as_deref()), (0, Some("the system")));
    assert!(store.chat_prepare(&second, "another").await.unwrap());
    let system = store.chat_get(made.id).await.unwrap().unwrap().system;
    assert_eq!(system.as_deref(), Some("the system"), "it stays as it is");
    let again = yes(step(&store, &second, Event::StepStarted, 3).await);
    assert_eq!((again.run.steps, again.run.queue.len()), (2, 0));
    let parts = log(&store, made.id).await;
    assert!(
        matches!(
            &parts[..],
            [
                Part::Queued { .. },
                Part::State { .. },
                Part::Message { .. },
                Part::StepStarted { step: 1 },
                Part::Text { .. },
                Part::StepCut { kept: false },
                Part::StepStarted { step: 2 },
            ]
        ),
        "{parts:?}"
    );
}

async fn an_interruption_takes_the_chat_from_its_worker(db: TestDb) {
    let store = with_people(&db).await;
    let made = one(&store, "one").await;
    let (_, lease) = claim_at(&store, 1, 0).await.unwrap();
    two_calls(&store, &lease).await;
    let paused = store.chat_act(made.id, &Event::Interrupt, &[], at(3)).await.unwrap();
    assert_eq!(yes(paused).run.cause, Some(Cause::Interrupted));
    assert_eq!(
        step(&store, &lease, Event::CallFinished(call(1)), 3).await,
        Stepped::LeaseLost
    );
    assert!(claim_at(&store, 2, 100).await.is_none(), "it is paused");
    let again = store.chat_act(made.id, &Event::Interrupt, &[], at(4)).await.unwrap();
    assert!(
        matches!(again, Stepped::Invalid(InvalidTransition::State { .. })),
        "{again:?}"
    );
    let stuck = Event::Resume(Some(Limits {
        cost: Some(Money::cents(1)),
        ..Limits::default()
    }));
    let refused = store.chat_act(made.id, &stuck, &[], at(5)).await.unwrap();
    assert_eq!(refused, Stepped::Invalid(InvalidTransition::Limit(Cause::Money)));
    let resumed = yes(store.chat_act(made.id, &Event::Resume(None), &[], at(6)).await.unwrap());
    assert_eq!(
        (resumed.run.state, resumed.run.limits.cost),
        (ChatState::Running, Some(Money::usd(1)))
    );
    // The same worker takes it again: what it still does of before does not count.
    let (_, newer) = claim_at(&store, 1, 6).await.unwrap();
    assert_eq!(step(&store, &lease, Event::StepStarted, 6).await, Stepped::LeaseLost);
    yes(step(&store, &newer, Event::StepStarted, 6).await);
}

async fn messages_are_delivered_once_and_in_order(db: TestDb) {
    let store = Arc::new(with_people(&db).await);
    let made = one(&store, "one").await;
    let (_, lease) = claim_at(&store, 1, 0).await.unwrap();
    yes(step(&store, &lease, Event::StepStarted, 1).await);
    let mut tasks = JoinSet::new();
    for n in 0..12 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let new = message(100 + n, &format!("message {n}"));
            yes(store.chat_message(made.id, &new, at(2)).await.unwrap());
        });
    }
    tasks.join_all().await;
    let finished = Event::StepFinished {
        calls: Vec::new(),
        cost: Money::ZERO,
        stop: Stop::ToolUse,
    };
    let after = yes(step(&store, &lease, finished, 3).await);
    assert_eq!((after.run.state, after.run.queue.len()), (ChatState::Running, 12));
    yes(step(&store, &lease, Event::StepStarted, 4).await);
    let parts = log(&store, made.id).await;
    let texts = |queued: bool| -> Vec<String> {
        parts
            .iter()
            .filter_map(|part| match part {
                Part::Queued { text, .. } if queued => Some(text.clone()),
                Part::Message { text, .. } if !queued => Some(text.clone()),
                _ => None,
            })
            .collect()
    };
    assert_eq!(texts(true).len(), 13);
    assert_eq!(texts(true), texts(false), "in the order in which they came");
    assert!(store.chat_get(made.id).await.unwrap().unwrap().run.queue.is_empty());
}

async fn workers_never_share_a_chat(db: TestDb) {
    let store = Arc::new(with_people(&db).await);
    for n in 0..6 {
        one(&store, &format!("chat{n}")).await;
    }
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut mine = Vec::new();
            while let Some((chat, _)) = claim_at(&store, n, 0).await {
                mine.push(chat.id);
            }
            mine
        });
    }
    let taken: Vec<ChatId> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 6);
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 6);
}

fn suspended(person: PersonId) -> Suspended {
    Suspended {
        person,
        at: at(5),
        by: None,
        reason: None,
        idle_seconds: 60,
        opened: Opened::default(),
    }
}

async fn a_suspended_owner_has_no_open_chats_and_a_new_one_gets_them(db: TestDb) {
    let store = with_people(&db).await;
    let (ada, bob) = (person("ada").id, person("bob").id);
    let made = one(&store, "one").await;
    let (_, lease) = claim_at(&store, 1, 0).await.unwrap();
    yes(step(&store, &lease, Event::StepStarted, 1).await);
    yes(store.chat_message(made.id, &message(77, "later"), at(2)).await.unwrap());
    store.person_suspend(&suspended(ada)).await.unwrap().unwrap();
    let over = store.chat_get(made.id).await.unwrap().unwrap();
    assert_eq!(
        (over.run.state, over.run.cause),
        (ChatState::Cancelled, Some(Cause::OwnerSuspended))
    );
    assert!(
        log(&store, made.id)
            .await
            .iter()
            .any(|part| matches!(part, Part::Dropped { .. }))
    );
    assert_eq!(step(&store, &lease, Event::ContextFull, 6).await, Stepped::LeaseLost);
    let refused = store.chat_create(&new("two", made.workspace, None)).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { field: "owner", .. })),
        "{refused:?}"
    );

    let workspace = store.workspace_get(made.workspace).await.unwrap().unwrap();
    let builds = store.builds_unfinished().await.unwrap();
    store.build_end(&builds[0], Err("no"), at(6)).await.unwrap();
    let delete = PersonDelete {
        person: ada,
        at: at(7),
        by: None,
        hand_over: Some((bob, vec![(workspace.id, workspace.resolved)])),
    };
    let done = store.person_delete(&delete, &Quota::default()).await.unwrap();
    assert!(matches!(done, Begun::Yes(_)), "{done:?}");
    assert_eq!(store.chat_get(made.id).await.unwrap().unwrap().owner, bob);
}

async fn a_deleted_workspace_ends_its_chats(db: TestDb) {
    let store = with_people(&db).await;
    let (workspace, build) = create(&store, "one", person("ada").id).await;
    let waiting = store.chat_create(&new("one", workspace.id, None)).await.unwrap();
    assert_eq!(waiting.run.state, ChatState::Waiting);
    store.build_end(&build, Ok(()), at(1)).await.unwrap();
    let (_, delete) = begin(&store, &workspace, Transition::Delete).await;
    store.build_end(&delete, Ok(()), at(2)).await.unwrap();
    let over = store.chat_get(waiting.id).await.unwrap().unwrap();
    assert_eq!(
        (over.run.state, over.run.cause),
        (ChatState::Cancelled, Some(Cause::WorkspaceDeleted))
    );
    let late = store
        .chat_message(waiting.id, &message(1, "late"), at(3))
        .await
        .unwrap();
    assert!(matches!(late, Stepped::Invalid(_)), "{late:?}");
    let refused = store.chat_create(&new("two", workspace.id, None)).await;
    assert!(
        matches!(refused, Err(StoreError::NotFound { what: "workspace" })),
        "{refused:?}"
    );
    let nobody = store.chat_message(chat("none"), &message(2, "x"), at(3)).await;
    assert!(
        matches!(nobody, Err(StoreError::NotFound { what: "chat" })),
        "{nobody:?}"
    );
}

async fn lists_show_what_is_within_reach(db: TestDb) {
    let store = with_people(&db).await;
    let (ada, bob) = (person("ada").id, person("bob").id);
    let (of_ada, _) = create(&store, "a", ada).await;
    let (of_bob, _) = create(&store, "b", bob).await;
    for (name, workspace) in [
        ("aa", of_ada.id),
        ("ab", of_ada.id),
        ("ac", of_ada.id),
        ("ba", of_bob.id),
    ] {
        store.chat_create(&new(name, workspace, None)).await.unwrap();
    }
    yes(store.chat_message(chat("ab"), &message(5, "go"), at(1)).await.unwrap());
    let list = async |filter: &ChatFilter, page| {
        let (found, next) = store.chats_list(filter, page).await.unwrap();
        let titles = found.iter().map(|chat| chat.title.clone()).collect::<Vec<_>>();
        (titles, next)
    };
    let all = ChatFilter::within(LedgerReach::All);
    let (first, next) = list(&all, ListPage::first(3)).await;
    assert_eq!(first.len(), 3);
    let (rest, end) = list(&all, ListPage { after: next, limit: 3 }).await;
    assert_eq!((rest.len(), end), (1, None));
    let own = ChatFilter::within(LedgerReach::People(vec![bob]));
    assert_eq!(list(&own, ListPage::first(9)).await.0, ["About ba"]);
    let nobody = ChatFilter::within(LedgerReach::People(Vec::new()));
    assert!(list(&nobody, ListPage::first(9)).await.0.is_empty());
    let running = ChatFilter {
        state: Some(ChatState::Running),
        ..all.clone()
    };
    let (found, _) = store.chats_list(&running, ListPage::first(9)).await.unwrap();
    assert_eq!((found.len(), found[0].run.queue.len()), (1, 1));
    let text = ChatFilter {
        text: Some("ABOUT A".into()),
        workspace: Some(of_ada.id),
        owner: Some(ada),
        ..all
    };
    assert_eq!(list(&text, ListPage::first(9)).await.0.len(), 3);
    assert!(store.chat_set_title(chat("aa"), "Other").await.unwrap());
    assert_eq!(list(&text, ListPage::first(9)).await.0.len(), 2);
}

async fn a_run_of_a_task_says_what_it_was_begun_from(db: TestDb) {
    let store = with_people(&db).await;
    let ada = person("ada").id;
    let (workspace, build) = create(&store, "a", ada).await;
    let origin = |name: &str| TaskOrigin {
        name: name.into(),
        display_name: "A task".into(),
        version: workspace.version,
        parameters: [
            ("scope".to_owned(), ParameterValue::Text("`'\"; {{x}} \u{1f680}".into())),
            ("depth".to_owned(), ParameterValue::Number(2.0)),
        ]
        .into(),
    };
    for (name, task) in [("aa", None), ("ab", Some("review")), ("ac", Some("tests"))] {
        let new = NewChat {
            task: task.map(origin),
            ..new(name, workspace.id, None)
        };
        let made = store.chat_create(&new).await.unwrap();
        assert_eq!(made.task, new.task);
    }
    let names = async |filter: ChatFilter| {
        let (found, _) = store.chats_list(&filter, ListPage::first(9)).await.unwrap();
        found
            .into_iter()
            .map(|chat| chat.task.map(|task| task.name))
            .collect::<Vec<_>>()
    };
    let all = ChatFilter::within(LedgerReach::All);
    assert_eq!(
        names(all.clone()).await,
        [Some("tests".into()), Some("review".into()), None]
    );
    let runs = ChatFilter { tasks: true, ..all };
    assert_eq!(
        names(runs.clone()).await,
        [Some("tests".to_owned()), Some("review".into())]
    );
    let reviews = ChatFilter {
        task: Some("review".into()),
        ..runs
    };
    assert_eq!(names(reviews.clone()).await, [Some("review".to_owned())]);
    // It stays when its workspace goes.
    store.build_end(&build, Ok(()), at(1)).await.unwrap();
    let (_, delete) = begin(&store, &workspace, Transition::Delete).await;
    store.build_end(&delete, Ok(()), at(2)).await.unwrap();
    assert_eq!(names(reviews).await, [Some("review".to_owned())]);
    assert_eq!(
        store.chat_get(chat("ab")).await.unwrap().unwrap().task,
        Some(origin("review"))
    );
}

async fn a_log_is_read_from_its_end(db: TestDb) {
    let store = with_people(&db).await;
    let made = one(&store, "a").await;
    assert!(made.last >= 2, "{}", made.last);
    let forth = store.chat_parts(made.id, 0, 100).await.unwrap();
    let mut back = store.chat_parts_before(made.id, u64::MAX, 100).await.unwrap();
    assert_eq!(
        store.chat_parts_before(made.id, made.last, 1).await.unwrap(),
        back[1..2]
    );
    assert!(store.chat_parts_before(made.id, 1, 1).await.unwrap().is_empty());
    back.reverse();
    assert_eq!(back, forth);
}

bailey_testkit::db_tests!(
    a_lost_worker_is_replaced_and_its_calls_are_unknown,
    a_step_that_was_cut_off_is_marked_and_done_again,
    an_interruption_takes_the_chat_from_its_worker,
    messages_are_delivered_once_and_in_order,
    workers_never_share_a_chat,
    a_suspended_owner_has_no_open_chats_and_a_new_one_gets_them,
    a_deleted_workspace_ends_its_chats,
    lists_show_what_is_within_reach,
    a_run_of_a_task_says_what_it_was_begun_from,
    a_log_is_read_from_its_end,
);
