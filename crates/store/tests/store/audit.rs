//! The audit log: chains, lists, anchors.

use bailey_core::audit::{
    Actor, ActorKind, Anchor, AnchorKind, Content, FaultKind, GENESIS, Head, Outcome, Row, RowKind, Verifier, hex,
};
use bailey_core::{AuditWriterId, PersonId, ReplicaId};
use bailey_store::{AuditCursor, AuditFilter, AuditOutcome, AuditWriterKind, ListPage, Store, StoreError};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

async fn writer(store: &Store, n: u128) -> Head {
    let id = AuditWriterId::from_uuid(uuid(n));
    let replica = ReplicaId::from_uuid(uuid(1));
    let kind = if n == 1 {
        AuditWriterKind::Server
    } else {
        AuditWriterKind::Command
    };
    store.audit_writer(id, replica, kind, T0).await.unwrap()
}

fn content(name: &str) -> Content {
    Content {
        salt: [3; 16],
        actor: Some("ada".into()),
        resource: Some(name.into()),
        address: Some("192.0.2.1".into()),
        after: Some(serde_json::json!({ "name": name, "50%": "a_b" })),
        ..Content::default()
    }
}

struct What<'a> {
    kind: RowKind,
    refers: Option<u64>,
    outcome: Option<Outcome>,
    action: &'a str,
    resource: &'a str,
    person: Option<PersonId>,
    seconds: i64,
}

fn row(what: &What<'_>, head: &Head) -> (Row, Content) {
    let at = T0.plus_seconds(what.seconds);
    let row = Row {
        writer: head.writer,
        seq: 0,
        kind: what.kind,
        at,
        began_at: at,
        refers: what.refers,
        actor: Actor {
            kind: if what.person.is_some() {
                ActorKind::Person
            } else {
                ActorKind::System
            },
            person: what.person,
        },
        action: what.action.into(),
        resource_kind: "group".into(),
        resource_id: what.resource.into(),
        session: None,
        token: None,
        causal: Some(format!("req_{}", what.resource)),
        outcome: what.outcome,
        code: what
            .outcome
            .filter(|o| *o == Outcome::Failed)
            .map(|_| "name_taken".into()),
        content: GENESIS,
        previous: GENESIS,
        hash: GENESIS,
    };
    let content = content(what.resource);
    (row.chained(head, &content), content)
}

fn intent<'a>(action: &'a str, resource: &'a str, seconds: i64) -> What<'a> {
    What {
        kind: RowKind::Intent,
        refers: None,
        outcome: None,
        action,
        resource,
        person: Some(PersonId::from_uuid(uuid(5))),
        seconds,
    }
}

fn outcome<'a>(of: &What<'a>, seq: u64, outcome: Outcome) -> What<'a> {
    What {
        kind: RowKind::Outcome,
        refers: Some(seq),
        outcome: Some(outcome),
        ..intent(of.action, of.resource, of.seconds)
    }
}

async fn append(store: &Store, head: &mut Head, what: &[What<'_>]) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    let mut next = *head;
    for what in what {
        let (row, content) = row(what, &next);
        next = row.head();
        rows.push((row, content));
    }
    store.audit_append(head, &rows).await?;
    *head = next;
    Ok(())
}

/// Four entries: one done, one failed, one an event that was denied, one without an outcome.
async fn log(store: &Store) -> Head {
    let mut head = writer(store, 1).await;
    let (a, b) = (intent("groups.create", "a", 1), intent("groups.update", "b", 2));
    append(store, &mut head, &[a]).await.unwrap();
    append(store, &mut head, &[b]).await.unwrap();
    let a = outcome(&intent("groups.create", "a", 1), 1, Outcome::Done);
    let b = outcome(&intent("groups.update", "b", 2), 2, Outcome::Failed);
    let denied = What {
        kind: RowKind::Event,
        outcome: Some(Outcome::Denied),
        person: None,
        ..intent("groups.delete", "c", 3)
    };
    append(store, &mut head, &[a, b, denied, intent("groups.create", "d", 4)])
        .await
        .unwrap();
    head
}

async fn found(store: &Store, filter: AuditFilter) -> Vec<String> {
    let page = ListPage::first(10);
    let (entries, next) = store.audit_list(&filter, page).await.unwrap();
    assert_eq!(next, None);
    entries
        .iter()
        .map(|entry| {
            let outcome = entry.tail.as_ref().map_or("pending", |tail| tail.outcome.as_str());
            format!("{} {} {outcome}", entry.head.row.action, entry.head.row.resource_id)
        })
        .collect()
}

async fn rows_are_chained_and_an_intent_has_one_outcome(db: TestDb) {
    let store = open(&db).await;
    let mut head = log(&store).await;
    assert_eq!(head.seq, 6);
    assert_eq!(store.audit_heads().await.unwrap(), [head]);
    assert_eq!(
        writer(&store, 9).await.seq,
        0,
        "the command line has a chain of its own"
    );
    assert_eq!(writer(&store, 1).await, head, "and the server goes on with its own");

    let again = outcome(&intent("groups.create", "a", 1), 1, Outcome::Unknown);
    let error = append(&store, &mut head, &[again]).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                what: "audit entry",
                field: "outcome"
            }
        ),
        "{error:?}"
    );
    let mut old = Head { seq: 5, ..head };
    let error = append(&store, &mut old, &[intent("x", "x", 5)]).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                what: "audit writer",
                field: "head"
            }
        ),
        "{error:?}"
    );

    let open = store.audit_open(head.writer, T0.plus_seconds(100)).await.unwrap();
    assert_eq!(open.iter().map(|o| o.row.seq).collect::<Vec<_>>(), [6]);
    assert!(store.audit_open(head.writer, T0).await.unwrap().is_empty());
    let both = [intent("y", "y", 6), outcome(&intent("y", "y", 6), 7, Outcome::Done)];
    append(&store, &mut head, &both).await.unwrap();
    assert_eq!(
        store.audit_open(head.writer, T0.plus_seconds(100)).await.unwrap().len(),
        1
    );

    let mut verifier = Verifier::new(Vec::new(), |_| true);
    for read in store.audit_read(head.writer, 0, 100).await.unwrap() {
        let record = read.record.unwrap();
        verifier.row(&record.row, record.content.as_ref());
    }
    verifier.end(&head);
    let report = verifier.finish();
    assert_eq!((report.rows, report.first_fault), (8, None));
    store.audit_check(head.writer).await.unwrap();
    assert_eq!(
        store.audit_slice(head.writer, 0, 100).await.unwrap().len(),
        8,
        "a check leaves nothing"
    );
}

async fn entries_are_found_by_every_filter(db: TestDb) {
    let store = open(&db).await;
    let head = log(&store).await;
    let all = [
        "groups.create d pending",
        "groups.delete c denied",
        "groups.update b failed",
        "groups.create a done",
    ];
    assert_eq!(found(&store, AuditFilter::default()).await, all);
    let of = |change: fn(&mut AuditFilter)| {
        let mut filter = AuditFilter::default();
        change(&mut filter);
        filter
    };
    let cases: [(AuditFilter, &[usize]); 11] = [
        (of(|f| f.action = Some("groups.create".into())), &[0, 3]),
        (of(|f| f.resource = Some("b".into())), &[2]),
        (of(|f| f.causal = Some("req_a".into())), &[3]),
        (of(|f| f.actor = Some(PersonId::from_uuid(uuid(5)))), &[0, 2, 3]),
        (of(|f| f.outcome = Some(AuditOutcome::Is(Outcome::Failed))), &[2]),
        (of(|f| f.outcome = Some(AuditOutcome::Is(Outcome::Denied))), &[1]),
        (of(|f| f.outcome = Some(AuditOutcome::Pending)), &[0]),
        (of(|f| f.since = Some(T0.plus_seconds(3))), &[0, 1]),
        (of(|f| f.until = Some(T0.plus_seconds(2))), &[3]),
        (of(|f| f.text = Some("GROUPS.UP".into())), &[2]),
        (of(|f| f.text = Some("50%".into())), &[0, 1, 2, 3]),
    ];
    for (filter, expected) in cases {
        let expected: Vec<&str> = expected.iter().map(|i| all[*i]).collect();
        assert_eq!(found(&store, filter.clone()).await, expected, "{filter:?}");
    }
    assert!(
        found(&store, of(|f| f.text = Some("a%b".into()))).await.is_empty(),
        "no pattern"
    );

    // Page by page, with and without an outcome.
    for outcome in [None, Some(AuditOutcome::Is(Outcome::Done))] {
        let filter = AuditFilter {
            outcome,
            ..AuditFilter::default()
        };
        let mut page = ListPage::<AuditCursor>::first(1);
        let mut seen = Vec::new();
        loop {
            let (entries, next) = store.audit_list(&filter, page).await.unwrap();
            seen.extend(entries.iter().map(|e| e.head.row.resource_id.clone()));
            let Some(next) = next else { break };
            page.after = Some(next);
        }
        assert_eq!(
            seen,
            if outcome.is_none() {
                vec!["d", "c", "b", "a"]
            } else {
                vec!["a"]
            }
        );
    }
    let entry = store.audit_entry(head.writer, 2).await.unwrap().unwrap();
    let tail = entry.tail.unwrap();
    assert_eq!(
        (tail.outcome, tail.code.as_deref()),
        (Outcome::Failed, Some("name_taken"))
    );
    assert_eq!(entry.head.content.unwrap().resource.as_deref(), Some("b"));
    assert!(
        store.audit_entry(head.writer, 3).await.unwrap().is_none(),
        "an outcome is no entry"
    );
}

fn anchor(number: u64, at: i64, kind: AnchorKind, heads: Vec<Head>) -> Anchor {
    Anchor {
        signer: AuditWriterId::from_uuid(uuid(1)),
        number,
        at: T0.plus_seconds(at),
        kind,
        heads,
        previous: [4; 32],
        key: [9; 32],
        signature: [5; 64],
    }
}

async fn what_is_behind_an_anchor_is_pruned_and_the_rest_stays(db: TestDb) {
    let store = open(&db).await;
    let head = log(&store).await;
    let rows = store.audit_slice(head.writer, 0, 100).await.unwrap();
    let third = rows[2].row.head();
    let regular = anchor(1, 10, AnchorKind::Regular, vec![third]);
    store.audit_anchor_insert(&regular).await.unwrap();
    assert!(
        store.audit_anchor_insert(&regular).await.is_err(),
        "a number is given once"
    );
    let signer = regular.signer;
    assert!(
        store
            .audit_anchor_before(signer, T0.plus_seconds(10))
            .await
            .unwrap()
            .is_none()
    );
    let behind = store
        .audit_anchor_before(signer, T0.plus_seconds(11))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((behind.anchor, behind.sent_at), (regular.clone(), None));
    // Row 6 is an intent without an outcome: nothing is cut beyond it. A head of another hash is not one of this chain.
    let other = Head { hash: [1; 32], ..third };
    assert_eq!(store.audit_prunable(&[third, other]).await.unwrap(), [third]);
    assert!(store.audit_prunable(&[head]).await.unwrap().is_empty());

    let cut = anchor(2, 20, AnchorKind::Cut, vec![third]);
    assert!(store.audit_prune(&regular).await.is_err(), "only a cut prunes");
    assert_eq!(store.audit_prune(&cut).await.unwrap(), 3);
    let rest = store.audit_slice(head.writer, 0, 100).await.unwrap();
    assert_eq!(rest.iter().map(|r| r.row.seq).collect::<Vec<_>>(), [4, 5, 6]);
    assert!(store.audit_prunable(&[third]).await.unwrap().is_empty(), "once");
    let mut verifier = Verifier::new(vec![regular.clone(), cut.clone()], |_| true);
    for r in &rest {
        verifier.row(&r.row, r.content.as_ref());
    }
    verifier.end(&head);
    assert_eq!(
        verifier.finish().first_fault.map(|f| f.kind),
        Some(FaultKind::Anchor),
        "the test's own chain of anchors"
    );

    let unsent = store.audit_anchors_unsent(signer, 0).await.unwrap();
    assert_eq!(unsent.iter().map(|a| a.anchor.number).collect::<Vec<_>>(), [1, 2]);
    store.audit_anchor_sent(signer, 1, T0.plus_seconds(30)).await.unwrap();
    assert_eq!(store.audit_anchors_unsent(signer, 0).await.unwrap().len(), 1);
    let listed = store.audit_anchors(None, 1).await.unwrap();
    assert_eq!(listed[0].anchor, cut);
    let after = store.audit_anchors(Some((cut.at, signer, 2)), 10).await.unwrap();
    assert_eq!((after.len(), after[0].sent_at), (1, Some(T0.plus_seconds(30))));
    assert_eq!(store.audit_anchor_last(signer).await.unwrap().unwrap().anchor, cut);
}

/// What alters each column, and what undoes it.
const COLUMNS: [(&str, &str); 15] = [
    (
        "UPDATE audit_rows SET kind = 'event' WHERE seq = 2",
        "UPDATE audit_rows SET kind = 'intent' WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET kind = 'x' WHERE seq = 2",
        "UPDATE audit_rows SET kind = 'intent' WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET at = at + 1 WHERE seq = 2",
        "UPDATE audit_rows SET at = at - 1 WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET began_at = began_at + 1 WHERE seq = 2",
        "UPDATE audit_rows SET began_at = began_at - 1 WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET refers = 1 WHERE seq = 2",
        "UPDATE audit_rows SET refers = NULL WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET actor_kind = 'system' WHERE seq = 2",
        "UPDATE audit_rows SET actor_kind = 'person' WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET token = actor WHERE seq = 2",
        "UPDATE audit_rows SET token = NULL WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET session = actor WHERE seq = 2",
        "UPDATE audit_rows SET session = NULL WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET action = 'groups.create' WHERE seq = 2",
        "UPDATE audit_rows SET action = 'groups.update' WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET resource_kind = 'key' WHERE seq = 2",
        "UPDATE audit_rows SET resource_kind = 'group' WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET resource_id = 'z' WHERE seq = 2",
        "UPDATE audit_rows SET resource_id = 'b' WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET causal = NULL WHERE seq = 2",
        "UPDATE audit_rows SET causal = 'req_b' WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET outcome = 'done' WHERE seq = 2",
        "UPDATE audit_rows SET outcome = NULL WHERE seq = 2",
    ),
    (
        "UPDATE audit_rows SET code = 'x' WHERE seq = 2",
        "UPDATE audit_rows SET code = NULL WHERE seq = 2",
    ),
    (
        "UPDATE audit_contents SET content = REPLACE(content, '\"ada\"', '\"eve\"') WHERE seq = 2",
        "UPDATE audit_contents SET content = REPLACE(content, '\"eve\"', '\"ada\"') WHERE seq = 2",
    ),
];

async fn every_column_that_is_altered_by_hand_is_named(db: TestDb) {
    let store = open(&db).await;
    let head = log(&store).await;
    let sound = store.audit_slice(head.writer, 0, 100).await.unwrap();
    let verify = async || {
        let mut verifier = Verifier::new(Vec::new(), |_| true);
        for read in store.audit_read(head.writer, 0, 100).await.unwrap() {
            match read.record {
                Ok(record) => verifier.row(&record.row, record.content.as_ref()),
                Err(field) => verifier.unreadable(head.writer, read.seq, field),
            }
        }
        verifier.end(&head);
        verifier.finish().first_fault.map(|fault| (fault.seq, fault.kind))
    };
    for (alter, restore) in COLUMNS {
        db.run(alter).await.unwrap();
        assert_eq!(verify().await, Some((2, FaultKind::Altered)), "{alter}");
        db.run(restore).await.unwrap();
        assert_eq!(verify().await, None, "{restore}");
    }
    for (alter, expected) in [
        (
            "UPDATE audit_contents SET content = content || ' ' WHERE seq = 3",
            (3, FaultKind::Altered),
        ),
        ("DELETE FROM audit_contents WHERE seq = 3", (3, FaultKind::Altered)),
        (
            "UPDATE audit_rows SET hash = previous WHERE seq = 2",
            (2, FaultKind::Altered),
        ),
        ("DELETE FROM audit_rows WHERE seq = 1", (1, FaultKind::Missing)),
    ] {
        db.run(alter).await.unwrap();
        assert_eq!(verify().await, Some(expected), "{alter}");
    }
    assert_eq!(hex(&sound[0].row.hash).len(), 64);
}

bailey_testkit::db_tests!(
    rows_are_chained_and_an_intent_has_one_outcome,
    entries_are_found_by_every_filter,
    what_is_behind_an_anchor_is_pruned_and_the_rest_stays,
    every_column_that_is_altered_by_hand_is_named,
);
