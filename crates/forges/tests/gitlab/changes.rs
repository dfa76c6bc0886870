//! Branches and merge requests: found before they are made, whatever happens in between.

use bailey_core::Money;
use bailey_forges::Forge;
use bailey_forges::branch::BranchName;
use bailey_forges::comment::Provenance;
use bailey_forges::forge::MergeRequestWanted;
use bailey_forges::label::Prefix;
use bailey_forges::model::{Ensured, MergeRequestState};
use serde_json::json;

use crate::fake::{Fake, Fault};
use crate::support::{gitlab, project};

fn branch() -> BranchName {
    BranchName::of_ticket(&Prefix::default(), 23, 1)
}

fn wanted() -> MergeRequestWanted {
    let provenance = Provenance {
        ticket: 23,
        title: Some("Countdown stops at two".to_owned()),
        closes: true,
        person: "ada".to_owned(),
        models: vec!["claude-sonnet-4-5".to_owned()],
        cost: Money::from_nanos(420_000_000),
        policies: vec!["default@3".to_owned()],
        causal_id: "run_01".to_owned(),
        summary: Some("Counts to zero".to_owned()),
    };
    MergeRequestWanted {
        source_branch: branch(),
        target_branch: "main".to_owned(),
        title: provenance.title(),
        body: provenance.render(),
        draft: true,
        assignee: Some(51),
    }
}

#[tokio::test]
async fn a_branch_is_made_once() {
    let fake = Fake::start().await;
    let forge = gitlab(&fake);
    assert_eq!(forge.branch(&project(), branch().as_str()).await.unwrap(), None);
    let made = forge.branch_ensure(&project(), &branch(), "main").await.unwrap();
    assert!(matches!(&made, Ensured::Created(made) if made.name == "bailey/ticket-23"));
    let found = forge.branch_ensure(&project(), &branch(), "main").await.unwrap();
    assert_eq!(found, Ensured::Found(made.into_inner()));
    assert_eq!(fake.state().count("POST "), 1);
}

#[tokio::test]
async fn a_branch_that_came_in_between_is_taken() {
    for fault in [Fault::Raced, Fault::Lost] {
        let fake = Fake::start().await;
        fake.state().fail("POST ", 1, fault);
        let made = gitlab(&fake)
            .branch_ensure(&project(), &branch(), "main")
            .await
            .unwrap();
        assert!(matches!(made, Ensured::Found(_)));
        let state = fake.state();
        assert_eq!((state.branches.len(), state.count("POST ")), (2, 1));
        drop(state);
    }
    let fake = Fake::start().await;
    let error = gitlab(&fake)
        .branch_ensure(&project(), &branch(), "gone")
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("cannot make a branch") && error.to_string().contains("Invalid reference name"),
        "{error}"
    );
}

#[tokio::test]
async fn a_merge_request_is_made_once_with_its_provenance() {
    let fake = Fake::start().await;
    let forge = gitlab(&fake);
    let mut wanted = wanted();
    let made = forge.merge_request_ensure(&project(), &wanted).await.unwrap();
    let Ensured::Created(made) = made else {
        panic!("{made:?}")
    };
    assert_eq!(
        (made.number, made.state, made.target_branch.as_str()),
        (1, MergeRequestState::Open, "main")
    );
    assert_eq!(made.title, "Draft: Resolve ticket 23: Countdown stops at two");
    let sent = fake.state().seen.last().unwrap().body.clone();
    assert_eq!(
        (&sent["assignee_ids"], &sent["remove_source_branch"]),
        (&json!([51]), &json!(true))
    );
    assert!(sent["description"].as_str().unwrap().contains("Closes #23\n"));
    let found = forge.merge_request_ensure(&project(), &wanted).await.unwrap();
    assert_eq!(found, Ensured::Found(made));
    // Somebody took the draft's mark away, and the cost went on: the description is ours, the title is not.
    fake.state().merge_requests[0]["title"] = json!("Better title");
    wanted.body.push_str("\n\nmore");
    let changed = forge.merge_request_ensure(&project(), &wanted).await.unwrap();
    assert!(
        matches!(changed, Ensured::Updated(changed) if changed.title == "Better title" && changed.body.ends_with("more"))
    );
    assert_eq!(fake.state().merge_requests.len(), 1);
}

#[tokio::test]
async fn a_merge_request_that_came_in_between_is_taken() {
    for fault in [Fault::Raced, Fault::Lost] {
        let fake = Fake::start().await;
        fake.state().fail("POST ", 1, fault);
        let made = gitlab(&fake).merge_request_ensure(&project(), &wanted()).await.unwrap();
        assert!(matches!(made, Ensured::Found(_)));
        let state = fake.state();
        assert_eq!((state.merge_requests.len(), state.count("POST ")), (1, 1));
        drop(state);
    }
}

#[tokio::test]
async fn a_fork_and_a_closed_merge_request_are_not_ours() {
    let fake = Fake::start().await;
    let other = |state: &str, source: i64| json!({ "iid": 70, "source_branch": "bailey/ticket-23", "source_project_id": source, "target_branch": "main", "state": state, "title": "x" });
    fake.state().merge_requests = vec![other("opened", 77), other("merged", 14)];
    let forge = gitlab(&fake);
    assert_eq!(forge.merge_request(&project(), "bailey/ticket-23").await.unwrap(), None);
    assert!(
        matches!(forge.merge_request_ensure(&project(), &wanted()).await.unwrap(), Ensured::Created(made) if made.number == 3)
    );
}
