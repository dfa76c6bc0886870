//! From a delivery to a status comment, as the server will do it: all parts together.

use bailey_core::{PersonId, Timestamp};
use bailey_forges::comment::{Phase, Status, StatusKey};
use bailey_forges::decide::{Assignee, LiveRun, NoOp, Person, Template};
use bailey_forges::event::from_history;
use bailey_forges::forge::StatusWanted;
use bailey_forges::label::{Prefix, Reading, read};
use bailey_forges::model::ForgeKind;
use bailey_forges::webhook::{HookSecret, Parsed, Verifier, sign};
use bailey_forges::{Decision, Event, Facts, Forge, GitLab, decide};
use serde_json::json;

use crate::fake::{Fake, issue};
use crate::support::gitlab;

const NOW: Timestamp = Timestamp::from_seconds(1_764_115_200);
const DELIVERY: &[u8] = include_bytes!("../payloads/gitlab/issue_labelled.json");
const LABEL: &str = "bailey-agent:sonnet";

/// What a server would keep.
#[derive(Default)]
struct Kept {
    handled: Vec<i64>,
    live: Option<LiveRun>,
    comment: Option<i64>,
}

async fn fake() -> Fake {
    let fake = Fake::start().await;
    let mut ticket = issue(23, "2026-11-25T09:05:00Z");
    ticket["labels"] = json!(["bug", LABEL]);
    let mut state = fake.state();
    state.issues.push(ticket);
    state
        .members
        .push(json!({ "id": 52, "state": "active", "access_level": 30 }));
    state.label_events.push(json!({
        "id": 41, "action": "add", "created_at": "2026-11-25T09:05:00Z",
        "user": { "id": 52, "username": "grace" }, "label": { "id": 206, "name": LABEL },
    }));
    drop(state);
    fake
}

/// The event of a delivery that was signed by the forge.
fn delivered(id: &str) -> Event {
    let token = HookSecret::signing_token([7; 32]);
    let secret = || HookSecret::signing(token.expose()).unwrap();
    let headers = sign(ForgeKind::GitLab, &secret(), id, NOW, DELIVERY);
    let verifier = Verifier::new(ForgeKind::GitLab, vec![secret()]).unwrap();
    match verifier
        .verify(&headers, DELIVERY, NOW.plus_seconds(9))
        .unwrap()
        .parse()
        .unwrap()
    {
        Parsed::Event(event) => *event,
        Parsed::Ignored(why) => panic!("{why}"),
    }
}

fn person(name: &str) -> Option<Person> {
    let id: PersonId = format!("{}_01890a5d000070008000000000000001", PersonId::PREFIX)
        .parse()
        .unwrap();
    (name == "ada").then(|| Person {
        id,
        active: true,
        linked: true,
        may_start: true,
        template: Template::Ready,
        models: vec!["claude-sonnet-4".to_owned(), "claude-sonnet-4-5".to_owned()],
        default_model: None,
        budget_left: true,
    })
}

/// Works on an event: looks up what is to be known, decides, and does what was decided.
async fn work(forge: &GitLab, event: &Event, kept: &mut Kept) -> Decision {
    let prefix = Prefix::default();
    let number = event.ticket(&prefix).unwrap();
    let ticket = forge.ticket(&event.project, number).await.unwrap();
    let history = forge.label_history(&event.project, number).await.unwrap();
    let sender = forge.access(&event.project, event.sender.id).await.unwrap();
    let actors = ticket.iter().flat_map(|ticket| ticket.assignees.clone());
    let assignees: Vec<Assignee> = actors
        .map(|actor| Assignee {
            person: person(&actor.name),
            actor,
        })
        .collect();
    let decision = decide(
        event,
        &Facts {
            prefix: &prefix,
            myself: 90,
            sender,
            ticket: ticket.as_ref(),
            history: &history,
            labellers: &[(event.sender.id, sender)],
            handled: &kept.handled,
            assignees: &assignees,
            live: kept.live.as_ref(),
        },
    );
    let phase = match &decision {
        Decision::Start(start) => {
            kept.handled.extend(start.arrival);
            kept.live = Some(LiveRun {
                label: start.label.clone(),
                has_chat: true,
                branch: "bailey/ticket-23".to_owned(),
                assignee: start.assignee.id,
            });
            Phase::Started
        }
        Decision::Stop(why) => {
            kept.live = None;
            Phase::Stopped { why: why.to_string() }
        }
        Decision::Nothing(why) if why.is_told() => Phase::Refused { why: why.to_string() },
        _ => return decision,
    };
    let key = StatusKey::parse("run_01").unwrap();
    let body = Status::new(phase).render(&key);
    let status = StatusWanted {
        known: kept.comment,
        key: &key,
        body: &body,
    };
    let comment = forge.status_comment(&event.project, number, status).await.unwrap();
    kept.comment = Some(comment.get().id);
    decision
}

#[tokio::test]
async fn a_label_starts_one_run_however_often_it_is_told() {
    let fake = fake().await;
    let (forge, mut kept) = (gitlab(&fake), Kept::default());
    let Decision::Start(start) = work(&forge, &delivered("d-1"), &mut kept).await else {
        panic!("no start");
    };
    assert_eq!(
        (start.arrival, start.model.as_deref()),
        (Some(41), Some("claude-sonnet-4-5"))
    );
    assert_eq!(start.assignee.name, "ada");
    for id in ["d-1", "d-2"] {
        assert_eq!(
            work(&forge, &delivered(id), &mut kept).await,
            Decision::Nothing(NoOp::AlreadyRunning)
        );
    }
    // The poll finds the same label.
    let event = delivered("d-1");
    let ticket = forge.ticket(&event.project, 23).await.unwrap().unwrap();
    let history = forge.label_history(&event.project, 23).await.unwrap();
    let wants = |label: &str| matches!(read(&Prefix::default(), label), Reading::Trigger(_));
    let polled = from_history(&event.project, &ticket, &history, wants);
    assert_eq!(polled.len(), 1);
    assert_eq!(
        work(&forge, &polled[0], &mut kept).await,
        Decision::Nothing(NoOp::AlreadyRunning)
    );

    // Closed, and the first delivery comes once more: it stops the run and starts none.
    fake.state().issues[0]["state"] = json!("closed");
    assert!(matches!(work(&forge, &event, &mut kept).await, Decision::Stop(_)));
    fake.state().issues[0]["state"] = json!("opened");
    for event in [&event, &polled[0]] {
        assert!(matches!(
            work(&forge, event, &mut kept).await,
            Decision::Nothing(NoOp::AlreadyHandled { .. })
        ));
    }
    let state = fake.state();
    assert_eq!((state.notes.len(), state.count("POST ")), (1, 1));
    assert!(state.notes[0]["body"].as_str().unwrap().contains("**Bailey: stopped**"));
}

#[tokio::test]
async fn a_reason_is_said_once_in_the_ticket_and_to_no_stranger() {
    let fake = fake().await;
    let (forge, mut kept) = (gitlab(&fake), Kept::default());
    fake.state().issues[0]["assignees"] = json!([{ "id": 77, "username": "@all", "name": "", "state": "active" }]);
    for _ in 0..3 {
        assert!(matches!(
            work(&forge, &delivered("d"), &mut kept).await,
            Decision::Nothing(NoOp::AssigneeUnknown { .. })
        ));
    }
    assert_eq!(fake.state().notes.len(), 1);
    let body = fake.state().notes[0]["body"].as_str().unwrap().to_owned();
    assert!(body.contains("not started") && !body.contains("@all"), "{body}");
    // Somebody who is no member gets no answer.
    fake.state().members.clear();
    fake.state().notes.clear();
    kept = Kept::default();
    assert!(matches!(
        work(&forge, &delivered("d"), &mut kept).await,
        Decision::Nothing(NoOp::SenderMayNot { .. })
    ));
    assert_eq!(fake.state().notes.len(), 0);
}
