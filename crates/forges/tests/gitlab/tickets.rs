//! Tickets, labels, comments and people.

use bailey_core::Timestamp;
use bailey_forges::Forge;
use bailey_forges::comment::{Phase, Status, StatusKey};
use bailey_forges::forge::{LabelsWanted, ProjectKey, StatusWanted};
use bailey_forges::model::{Access, Ensured, Identity, Visibility};
use serde_json::json;

use crate::fake::{Fake, Fault, issue, note};
use crate::support::{gitlab, project};

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[tokio::test]
async fn a_ticket_is_read() {
    let fake = Fake::start().await;
    fake.state().issues.push(issue(23, "2026-11-25T09:05:00.000Z"));
    let forge = gitlab(&fake);
    let ticket = forge.ticket(&project(), 23).await.unwrap().unwrap();
    assert_eq!((ticket.number, ticket.open, ticket.confidential), (23, true, false));
    assert_eq!(ticket.labels, ["bug", "bailey-agent"]);
    assert_eq!((ticket.assignees[0].id, ticket.author.name.as_str()), (51, "grace"));
    assert_eq!(ticket.updated_at, time("2026-11-25T09:05:00Z"));
    assert_eq!(forge.ticket(&project(), 24).await.unwrap(), None);
    // What is not said to be open to all is taken to be confidential.
    fake.state().issues[0]["confidential"] = json!(null);
    assert!(forge.ticket(&project(), 23).await.unwrap().unwrap().confidential);
}

#[tokio::test]
async fn a_project_is_cloned_from_the_forge_itself() {
    let fake = Fake::start().await;
    let forge = gitlab(&fake);
    let found = forge.project(ProjectKey::Path("space/rocket")).await.unwrap().unwrap();
    assert_eq!(found.project, project());
    assert_eq!(found.clone_url, format!("{}/space/rocket.git", fake.url()));
    assert_eq!(
        (found.default_branch.as_deref(), found.visibility),
        (Some("main"), Visibility::Private)
    );
    assert_eq!((found.access, found.archived), (Some(Access::Maintain), false));
    assert_eq!(forge.project(ProjectKey::Path("../../user")).await.unwrap(), None);
    assert!(
        fake.state()
            .seen
            .last()
            .unwrap()
            .path
            .ends_with("/projects/..%2F..%2Fuser")
    );
}

#[tokio::test]
async fn access_is_that_of_active_members() {
    let fake = Fake::start().await;
    let levels = [
        (5, Access::None),
        (10, Access::Read),
        (20, Access::Read),
        (30, Access::Write),
        (40, Access::Maintain),
        (50, Access::Own),
    ];
    for (level, _) in levels {
        let member = json!({ "id": 1_000 + level, "username": "x", "state": "active", "membership_state": "active", "access_level": level });
        fake.state().members.push(member);
    }
    fake.state()
        .members
        .push(json!({ "id": 1, "state": "blocked", "access_level": 50 }));
    fake.state()
        .members
        .push(json!({ "id": 2, "state": "active", "membership_state": "awaiting", "access_level": 50 }));
    let forge = gitlab(&fake);
    for (level, access) in levels {
        assert_eq!(
            forge.access(&project(), 1_000 + level).await.unwrap(),
            access,
            "{level}"
        );
    }
    for nobody in [1, 2, 3] {
        assert_eq!(
            forge.access(&project(), nobody).await.unwrap(),
            Access::None,
            "{nobody}"
        );
    }
}

#[tokio::test]
async fn identities_are_those_that_the_forge_tells() {
    let fake = Fake::start().await;
    let forge = gitlab(&fake);
    assert_eq!(forge.account(51).await.unwrap().unwrap().identities, None);
    fake.state().users[0]["identities"] = json!([
        { "provider": "openid_connect", "extern_uid": "sub-1" }, { "provider": "saml", "extern_uid": "" }, { "provider": "x", "extern_uid": null },
    ]);
    let account = forge.account(51).await.unwrap().unwrap();
    let expected = Identity {
        provider: "openid_connect".to_owned(),
        subject: "sub-1".to_owned(),
    };
    assert_eq!(account.identities, Some(vec![expected]));
    assert!(account.active && !account.actor.bot);
    fake.state().users[0]["state"] = json!("blocked");
    fake.state().users[0]["bot"] = json!(true);
    let account = forge.account(51).await.unwrap().unwrap();
    assert!(!account.active && account.actor.bot);
    assert_eq!(forge.account(99).await.unwrap(), None);
    assert_eq!(forge.myself().await.unwrap().actor.id, 90);
}

#[tokio::test]
async fn labels_come_and_go_and_have_a_history() {
    let fake = Fake::start().await;
    fake.state().issues.push(issue(23, "2026-11-25T09:05:00.000Z"));
    let forge = gitlab(&fake);
    let change = LabelsWanted {
        add: &["done", "seen"],
        remove: &["bailey-agent"],
    };
    assert_eq!(
        forge.labels_change(&project(), 23, change).await.unwrap().labels,
        ["bug", "done", "seen"]
    );
    for id in (1..=250).rev() {
        let event = json!({
            "id": id, "action": if id % 2 == 0 { "remove" } else { "add" }, "created_at": "2026-11-25T09:05:00.000Z", "resource_type": "Issue",
            "user": { "id": 52, "username": "grace" }, "label": if id == 9 { json!(null) } else { json!({ "id": 1, "name": "bailey-agent" }) },
        });
        fake.state().label_events.push(event);
    }
    let history = forge.label_history(&project(), 23).await.unwrap();
    // A label that was deleted has no name any more.
    assert_eq!(history.len(), 249);
    assert!(history.windows(2).all(|pair| pair[0].id < pair[1].id));
    assert!(history[0].added && !history[1].added && history[0].by.name == "grace");
}

#[tokio::test]
async fn comments_are_the_last_ones_of_people() {
    let fake = Fake::start().await;
    for id in 1..=250 {
        let mut note = note(id, 51, &format!("note {id}"));
        note["system"] = json!(id % 5 == 0);
        fake.state().notes.push(note);
    }
    let comments = gitlab(&fake).comments(&project(), 23, 90).await.unwrap();
    assert_eq!(comments.len(), 90);
    assert_eq!(
        (comments[89].body.as_str(), comments[88].body.as_str()),
        ("note 249", "note 248")
    );
    assert!(comments.iter().all(|comment| !comment.system));
}

#[tokio::test]
async fn no_changed_ticket_slips_through() {
    let fake = Fake::start().await;
    let forge = gitlab(&fake);
    for number in 1..=130 {
        // All at one instant: more than a page.
        fake.state().issues.push(issue(number, "2026-11-25T09:00:00Z"));
    }
    for number in 131..=300 {
        let at = format!("2026-11-25T10:{:02}:{:02}Z", number / 60, number % 60);
        fake.state().issues.push(issue(number, &at));
    }
    let changed = forge
        .tickets_since(&project(), time("2026-11-25T08:00:00Z"))
        .await
        .unwrap();
    assert!(!changed.more);
    let mut numbers: Vec<u64> = changed.tickets.iter().map(|ticket| ticket.number).collect();
    assert!(
        changed
            .tickets
            .windows(2)
            .all(|pair| pair[0].updated_at <= pair[1].updated_at)
    );
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=300).collect::<Vec<_>>());
    let last = changed.tickets.last().unwrap().updated_at;
    assert_eq!(forge.tickets_since(&project(), last).await.unwrap().tickets.len(), 1);
}

mod status {
    use super::*;

    fn key() -> StatusKey {
        StatusKey::parse("run_01").unwrap()
    }

    fn body(phase: Phase) -> String {
        Status::new(phase).render(&key())
    }

    async fn ensure(fake: &Fake, known: Option<i64>, body: &str) -> Ensured<bailey_forges::model::Comment> {
        let status = StatusWanted {
            known,
            key: &key(),
            body,
        };
        gitlab(fake).status_comment(&project(), 23, status).await.unwrap()
    }

    #[tokio::test]
    async fn there_is_one_and_it_is_edited_in_place() {
        let fake = Fake::start().await;
        let (started, done) = (body(Phase::Started), body(Phase::Done));
        let made = ensure(&fake, None, &started).await;
        let id = made.get().id;
        assert!(matches!(made, Ensured::Created(_)));
        assert!(matches!(ensure(&fake, Some(id), &done).await, Ensured::Updated(comment) if comment.id == id));
        // The id was lost: the marker finds it.
        assert!(matches!(ensure(&fake, None, &done).await, Ensured::Found(comment) if comment.id == id));
        assert!(matches!(ensure(&fake, None, &started).await, Ensured::Updated(comment) if comment.id == id));
        // It was deleted.
        fake.state().notes.clear();
        assert!(matches!(ensure(&fake, Some(id), &done).await, Ensured::Created(comment) if comment.id != id));
        assert_eq!(fake.state().notes.len(), 1);
    }

    #[tokio::test]
    async fn a_marker_of_somebody_else_is_not_ours() {
        let fake = Fake::start().await;
        let started = body(Phase::Started);
        fake.state().notes.push(note(1, 51, &started));
        fake.state().notes.push(note(2, 90, &format!("> {started}")));
        assert!(matches!(ensure(&fake, None, &started).await, Ensured::Created(_)));
        assert_eq!(fake.state().count("PUT "), 0);
    }

    #[tokio::test]
    async fn it_is_found_among_many() {
        let fake = Fake::start().await;
        for id in 1..=230 {
            fake.state().notes.push(note(id, 51, "chatter"));
        }
        let done = body(Phase::Done);
        fake.state().notes.push(note(231, 90, &done.replace('\n', "\r\n")));
        assert_eq!(ensure(&fake, None, &done).await.into_inner().id, 231);
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_makes_no_second_one() {
        let fake = Fake::start().await;
        fake.state()
            .fail("POST /git/api/v4/projects/14/issues/23/notes", 1, Fault::Lost);
        assert!(matches!(
            ensure(&fake, None, &body(Phase::Started)).await,
            Ensured::Found(_)
        ));
        assert_eq!(fake.state().notes.len(), 1);
        assert_eq!(fake.state().count("POST "), 1);
    }
}
