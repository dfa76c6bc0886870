//! Connections to forges, what they tell, and the runs of tickets.

use std::collections::BTreeMap;

use bailey_core::ticket::RunState;
use bailey_core::{ConnectionId, PersonId, RunId, Timestamp, WorkspaceId};
use bailey_store::{
    ConnectionRecord, ConnectionSettings, DeliveryState, Due, ListPage, NewRun, RunBegun, RunChange, Store, StoreError,
    TicketKey, TicketMessage, TicketRun,
};
use bailey_testkit::db::TestDb;
use uuid::Uuid;

use crate::fixtures::{T0, open, organization, person};

const NOW: Timestamp = T0;

fn record(name: &str, n: u128) -> ConnectionRecord {
    ConnectionRecord {
        id: ConnectionId::from_uuid(Uuid::from_u128(n)),
        name: name.to_owned(),
        kind: "gitlab".to_owned(),
        base_url: "https://gitlab.example.com".to_owned(),
        settings: ConnectionSettings {
            projects: vec!["g/p".to_owned()],
            prefix: "bailey".to_owned(),
            template: Some("plain".to_owned()),
            identity_providers: BTreeMap::from([("openid_connect".to_owned(), "corp".to_owned())]),
            ..ConnectionSettings::default()
        },
        sealed: vec![1, 2, 3],
        signs: false,
        enabled: true,
        created_at: NOW,
        created_by: None,
    }
}

fn key(of: &ConnectionRecord, ticket: u64) -> TicketKey {
    TicketKey {
        connection: of.id,
        project: 5,
        path: "g/p".to_owned(),
        ticket,
    }
}

fn run(of: &ConnectionRecord, ticket: u64, arrival: &str, person: PersonId) -> NewRun {
    let id = Uuid::from_u128(u128::from(ticket) << 64 | arrival.bytes().fold(0, |n, b| n * 31 + u128::from(b)));
    NewRun {
        id: RunId::from_uuid(id),
        key: key(of, ticket),
        arrival: arrival.to_owned(),
        number: 1,
        label: "bailey-hitl".to_owned(),
        person,
        assignee: 7,
        assignee_name: "ada".to_owned(),
        agent: false,
        model: None,
        confidential: true,
        branch: format!("bailey/ticket-{ticket}"),
        workspace: WorkspaceId::from_uuid(id),
        workspace_name: "p-1".to_owned(),
        chat: None,
    }
}

async fn somebody(store: &Store) -> PersonId {
    let ada = person("ada");
    store.bootstrap(&person("root"), &organization()).await.unwrap();
    store.person_insert(&ada).await.unwrap();
    ada.id
}

async fn connections_are_kept_changed_and_deleted(db: TestDb) {
    let store = open(&db).await;
    let (mut one, two) = (record("one", 1), record("two", 2));
    store.connection_insert(&one).await.unwrap();
    store.connection_insert(&two).await.unwrap();
    let taken = store.connection_insert(&record("one", 3)).await.unwrap_err();
    let named = matches!(
        taken,
        StoreError::Conflict {
            what: "connection",
            field: "name"
        }
    );
    assert!(named, "{taken}");
    assert_eq!(store.connection_get(one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(store.connection_by_name("two").await.unwrap(), Some(two.clone()));
    let (page, next) = store.connections_list(ListPage::first(1)).await.unwrap();
    assert_eq!((page, next), (vec![two.clone()], Some(two.id)));
    (one.enabled, one.sealed) = (false, vec![9]);
    store.connection_update(&one).await.unwrap();
    store.connection_set_signs(one.id, true).await.unwrap();
    one.signs = true;
    assert_eq!(store.connection_get(one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(store.connections_enabled().await.unwrap(), vec![two.clone()]);
    let paths = ["g/p".to_owned()];
    store.connection_polls_begin(two.id, &paths, NOW).await.unwrap();
    store
        .connection_polled(two.id, "g/p", NOW.plus_seconds(1))
        .await
        .unwrap();
    let polls = store.connection_polls(two.id).await.unwrap();
    assert_eq!(
        (polls.len(), polls[0].polled_to, polls[0].since),
        (1, NOW.plus_seconds(1), NOW)
    );
    store
        .connection_polls_begin(two.id, &paths, NOW.plus_seconds(9))
        .await
        .unwrap();
    assert_eq!(
        store.connection_polls(two.id).await.unwrap()[0].since,
        NOW.plus_seconds(9)
    );
    store
        .delivery_insert(two.id, ("d", "Issue Hook"), "{}", NOW)
        .await
        .unwrap();
    assert!(store.connection_delete(two.id).await.unwrap());
    assert!(!store.connection_delete(two.id).await.unwrap());
    assert_eq!(store.deliveries_due(two.id, NOW, 9).await.unwrap(), []);
}

async fn a_delivery_is_kept_once_and_ends_once(db: TestDb) {
    let store = open(&db).await;
    let one = record("one", 1);
    store.connection_insert(&one).await.unwrap();
    let what = ("d1", "Issue Hook");
    assert!(store.delivery_insert(one.id, what, "{\"a\":1}", NOW).await.unwrap());
    assert!(!store.delivery_insert(one.id, what, "{\"a\":2}", NOW).await.unwrap());
    assert!(
        store
            .delivery_ignore(one.id, ("d2", "Push Hook"), "no ticket", NOW)
            .await
            .unwrap()
    );
    assert!(!store.delivery_ignore(one.id, ("d1", "x"), "y", NOW).await.unwrap());
    let all_due = async |at| store.connections_due(at).await.unwrap();
    assert_eq!(all_due(NOW).await, [(one.id, Due::Deliveries)]);
    let due = store.deliveries_due(one.id, NOW, 9).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(
        (due[0].event.as_str(), due[0].state),
        ("{\"a\":1}", DeliveryState::Waiting)
    );
    let later = NOW.plus_seconds(5);
    store.delivery_retry(&due[0], later, "the forge is away").await.unwrap();
    assert_eq!(store.deliveries_due(one.id, NOW, 9).await.unwrap(), []);
    assert_eq!((all_due(NOW).await, all_due(later).await.len()), (vec![], 1));
    let again = store.deliveries_due(one.id, later, 9).await.unwrap();
    assert_eq!(again[0].tries, 1);
    store
        .delivery_end(&again[0], DeliveryState::Dead, Some("too often"), later)
        .await
        .unwrap();
    // What has ended is not ended in another way.
    store
        .delivery_end(&again[0], DeliveryState::Done, None, later)
        .await
        .unwrap();
    assert_eq!(all_due(later).await, []);
    let all = store.deliveries_recent(one.id, 9).await.unwrap();
    let first = all.iter().find(|delivery| delivery.delivery == "d1").unwrap();
    assert_eq!(
        (first.state, first.tries, first.event.as_str()),
        (DeliveryState::Dead, 2, "")
    );
    assert_eq!(first.reason.as_deref(), Some("too often"));
    assert_eq!(store.deliveries_forget(later.plus_seconds(1)).await.unwrap(), 2);
}

/// A run that is being built: looked at again, brought up to date, and failed.
async fn goes_on_and_ends(store: &Store, live: &TicketRun, change: RunChange<'_>) {
    let first = &live.new;
    let building = store.ticket_run_get(first.id).await.unwrap().unwrap();
    store.ticket_run_later(&building, NOW.plus_seconds(9)).await.unwrap();
    assert_eq!(store.ticket_run_get(first.id).await.unwrap().unwrap().tries, 1);
    store.ticket_run_seen(&building, "7", Some(4)).await.unwrap();
    store.ticket_run_seen(&building, "8", None).await.unwrap();
    store.ticket_run_seen(live, "9", None).await.unwrap();
    let seen = store.ticket_run_get(first.id).await.unwrap().unwrap();
    assert_eq!(
        (seen.seen.as_deref(), seen.merge_request, seen.tries),
        (Some("8"), Some(4), 0)
    );
    let over = RunChange {
        to: RunState::Failed,
        cause: Some("why"),
        due_at: None,
        status: Some("failed"),
    };
    assert!(store.ticket_run_change(&building, over, NOW).await.unwrap());
    let ended = store.ticket_run_get(first.id).await.unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.cause.as_deref(), ended.finished_at),
        (RunState::Failed, Some("why"), Some(NOW))
    );
    assert!(
        !store.ticket_run_change(&ended, change, NOW).await.unwrap(),
        "what has ended stays so"
    );
    assert_eq!(store.ticket_run_live(&first.key).await.unwrap(), None);
}

async fn what_asks_for_a_run_starts_it_once(db: TestDb) {
    let store = open(&db).await;
    let (one, two) = (record("one", 1), record("two", 2));
    store.connection_insert(&one).await.unwrap();
    store.connection_insert(&two).await.unwrap();
    let ada = somebody(&store).await;
    let begin = async |new: &NewRun| store.ticket_run_begin(new, "started", NOW).await.unwrap();
    let first = run(&one, 1, "10", ada);
    assert_eq!(begin(&first).await, RunBegun::Yes);
    // Both stand against it, and either may be named.
    let again = NewRun {
        id: RunId::from_uuid(Uuid::from_u128(77)),
        ..first.clone()
    };
    assert_ne!(begin(&again).await, RunBegun::Yes);
    assert_eq!(begin(&run(&one, 1, "11", ada)).await, RunBegun::Live);
    // Others have nothing to do with it.
    assert_eq!(begin(&run(&one, 2, "10", ada)).await, RunBegun::Yes);
    assert_eq!(
        begin(&NewRun {
            id: RunId::from_uuid(Uuid::from_u128(78)),
            ..run(&two, 1, "10", ada)
        })
        .await,
        RunBegun::Yes
    );
    let live = store.ticket_run_live(&first.key).await.unwrap().unwrap();
    assert_eq!((live.new.clone(), live.state), (first.clone(), RunState::Starting));
    assert_eq!(store.ticket_runs_due(one.id, NOW, 9).await.unwrap().len(), 2);
    assert_eq!(store.ticket_runs_due(two.id, NOW, 9).await.unwrap().len(), 1);
    assert_eq!(store.ticket_runs_live(one.id).await.unwrap().len(), 2);
    let change = RunChange {
        to: RunState::Building,
        cause: None,
        due_at: Some(NOW.plus_seconds(1)),
        status: None,
    };
    assert!(store.ticket_run_change(&live, change, NOW).await.unwrap());
    assert!(
        !store.ticket_run_change(&live, change, NOW).await.unwrap(),
        "it has gone on"
    );
    goes_on_and_ends(&store, &live, change).await;
    // The same label event again starts nothing; another one does.
    assert_eq!(
        begin(&NewRun {
            id: RunId::from_uuid(Uuid::from_u128(79)),
            ..first.clone()
        })
        .await,
        RunBegun::Handled
    );
    assert_eq!(begin(&run(&one, 1, "11", ada)).await, RunBegun::Yes);
    let mut arrivals = store.ticket_run_arrivals(&first.key).await.unwrap();
    arrivals.sort();
    assert_eq!(arrivals, ["10", "11"]);
    let (all, next) = store.ticket_runs_list(Some(one.id), ListPage::first(9)).await.unwrap();
    assert_eq!((all.len(), next), (3, None));
}

async fn a_ticket_has_one_status(db: TestDb) {
    let store = open(&db).await;
    let one = record("one", 1);
    store.connection_insert(&one).await.unwrap();
    let key = key(&one, 1);
    let due = async || store.ticket_statuses_due(one.id, NOW, 9).await.unwrap();
    assert!(store.ticket_no_op(&key, "no_assignee").await.unwrap());
    assert!(!store.ticket_no_op(&key, "no_assignee").await.unwrap());
    assert!(due().await.is_empty(), "a reason for the audit log alone");
    store.ticket_status_want(&key, "a", NOW).await.unwrap();
    let first = due().await.pop().unwrap();
    assert_eq!((first.wanted.as_str(), first.comment), ("a", None));
    // Changed while it was on its way.
    store.ticket_status_want(&key, "b", NOW).await.unwrap();
    store.ticket_status_shown(&first, 31).await.unwrap();
    let second = due().await.pop().unwrap();
    assert_eq!((second.wanted.as_str(), second.comment), ("b", Some(31)));
    store
        .ticket_status_later(&second, Some(NOW.plus_seconds(9)))
        .await
        .unwrap();
    assert!(due().await.is_empty());
    // Another text does not make the forge be asked sooner.
    store.ticket_status_want(&key, "c", NOW).await.unwrap();
    assert!(due().await.is_empty());
    let third = store
        .ticket_statuses_due(one.id, NOW.plus_seconds(9), 9)
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!((third.wanted.as_str(), third.tries), ("c", 1));
    // Given up, until it is to say something else or the credential is another.
    store.ticket_status_later(&third, None).await.unwrap();
    assert!(
        store
            .ticket_statuses_due(one.id, NOW.plus_seconds(99), 9)
            .await
            .unwrap()
            .is_empty()
    );
    store.ticket_statuses_again(one.id, NOW).await.unwrap();
    assert_eq!(due().await.len(), 1);
    store.ticket_status_want(&key, "b", NOW).await.unwrap();
    // What was wanted meanwhile is not given up with what was tried.
    store.ticket_status_later(&third, None).await.unwrap();
    assert_eq!(due().await.pop().unwrap().wanted, "b");
    store.ticket_status_shown(&second, 31).await.unwrap();
    store.ticket_status_want(&key, "b", NOW).await.unwrap();
    assert!(due().await.is_empty(), "it says so already");
}

async fn a_message_is_kept_once(db: TestDb) {
    let store: Store = open(&db).await;
    let one = record("one", 1);
    store.connection_insert(&one).await.unwrap();
    let ada = somebody(&store).await;
    let new = run(&one, 1, "10", ada);
    store.ticket_run_begin(&new, "started", NOW).await.unwrap();
    let message = |comment, body: &str| TicketMessage {
        comment,
        author: "ada".to_owned(),
        body: body.to_owned(),
        at: NOW,
    };
    assert!(
        store
            .ticket_message_insert(new.id, &message(2, "b"), false)
            .await
            .unwrap()
    );
    assert!(
        store
            .ticket_message_insert(new.id, &message(1, "a"), false)
            .await
            .unwrap()
    );
    assert!(
        !store
            .ticket_message_insert(new.id, &message(2, "c"), false)
            .await
            .unwrap()
    );
    assert_eq!(
        store.ticket_messages_left(new.id).await.unwrap(),
        [message(1, "a"), message(2, "b")]
    );
    assert!(
        store
            .ticket_message_insert(new.id, &message(3, "c"), true)
            .await
            .unwrap()
    );
    store.ticket_message_passed(new.id, 1).await.unwrap();
    assert_eq!(store.ticket_messages_left(new.id).await.unwrap(), [message(2, "b")]);
}

bailey_testkit::db_tests!(
    connections_are_kept_changed_and_deleted,
    a_delivery_is_kept_once_and_ends_once,
    what_asks_for_a_run_starts_it_once,
    a_ticket_has_one_status,
    a_message_is_kept_once,
);
