//! Everything that the client asks of a forge.

use bailey_core::{Money, Secret, Timestamp};
use bailey_forges::branch::BranchName;
use bailey_forges::comment::{Phase, Provenance, Status, StatusKey};
use bailey_forges::forge::{HookWanted, LabelsWanted, MergeRequestWanted, Missing, ProjectKey, StatusWanted};
use bailey_forges::label::Prefix;
use bailey_forges::model::{Access, Ensured, MergeRequestState, ProjectRef, Visibility};
use bailey_forges::webhook::HookSecret;
use bailey_forges::{Cause, Forge as _};

use crate::support::World;

const HOOK: &str = "http://127.0.0.1:9/hooks/1";
const KEY: ProjectKey<'_> = ProjectKey::Path("demo/greeter");

fn hook() -> HookWanted {
    HookWanted {
        url: HOOK.to_owned(),
        token: Secret::new("canary-token-0123456789".to_owned()),
        signing_token: Some(HookSecret::signing_token([7; 32])),
    }
}

#[tokio::test]
async fn people_and_projects_are_found() {
    let world = World::start().await;
    let forge = world.bailey();
    let myself = forge.myself().await.unwrap();
    assert_eq!(
        (myself.actor.name.as_str(), myself.actor.bot, myself.active),
        ("bailey", true, true)
    );
    assert_eq!(myself.identities, Some(vec![]));
    let project = forge.project(KEY).await.unwrap().unwrap();
    assert_eq!(
        (project.project.path.as_str(), project.default_branch.as_deref()),
        ("demo/greeter", Some("main"))
    );
    assert_eq!(project.clone_url, format!("{}/demo/greeter.git", world.forge.url()));
    assert_eq!(project.url, format!("{}/demo/greeter", world.forge.url()));
    assert_eq!(
        (project.visibility, project.archived, project.access),
        (Visibility::Public, false, Some(Access::Maintain))
    );
    assert_eq!(
        forge
            .project(ProjectKey::Id(project.project.id))
            .await
            .unwrap()
            .unwrap(),
        project
    );
    assert_eq!(forge.project(ProjectKey::Path("demo/none")).await.unwrap(), None);
    assert_eq!(forge.project(ProjectKey::Path("../../user")).await.unwrap(), None);
    for (id, name, access) in [
        (1, "mia", Access::Maintain),
        (2, "dan", Access::Write),
        (3, "ria", Access::Read),
    ] {
        let account = forge.account(id).await.unwrap().unwrap();
        assert_eq!((account.actor.name.as_str(), account.identities), (name, None));
        assert_eq!(forge.access(&project.project, id).await.unwrap(), access, "{name}");
    }
    assert_eq!(forge.account(99).await.unwrap(), None);
    assert_eq!(forge.access(&project.project, 99).await.unwrap(), Access::None);
}

#[tokio::test]
async fn tickets_labels_and_comments() {
    let world = World::start().await;
    let (forge, project) = (world.bailey(), world.project().await);
    let ticket = forge.ticket(&project, 1).await.unwrap().unwrap();
    assert_eq!(
        (ticket.open, ticket.confidential, ticket.author.name.as_str()),
        (true, false, "ria")
    );
    assert_eq!(
        (ticket.labels.as_slice(), ticket.assignees[0].name.as_str()),
        (["bug".to_owned()].as_slice(), "dan")
    );
    assert_eq!(ticket.url, format!("{}/demo/greeter/-/issues/1", world.forge.url()));
    assert_eq!(forge.ticket(&project, 2).await.unwrap(), None);

    world
        .forge
        .ticket_label("mia", "demo/greeter", 1, &["bailey-agent"], &[])
        .unwrap();
    let change = LabelsWanted {
        add: &["seen"],
        remove: &["bailey-agent"],
    };
    assert_eq!(
        forge.labels_change(&project, 1, change).await.unwrap().labels,
        ["bug", "seen"]
    );
    let history = forge.label_history(&project, 1).await.unwrap();
    let told: Vec<(&str, bool, &str)> = history
        .iter()
        .map(|event| (event.label.as_str(), event.added, event.by.name.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("bug", true, "ria"),
            ("bailey-agent", true, "mia"),
            ("bailey-agent", false, "bailey"),
            ("seen", true, "bailey")
        ]
    );

    // The poll finds what has changed, also when asked with the time it was told.
    let before = Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
    let changed = forge.tickets_since(&project, before).await.unwrap();
    assert_eq!((changed.tickets.len(), changed.more), (1, false));
    let last = changed.tickets[0].updated_at;
    assert_eq!(forge.tickets_since(&project, last).await.unwrap().tickets.len(), 1);
    assert_eq!(
        forge
            .tickets_since(&project, last.plus_seconds(1))
            .await
            .unwrap()
            .tickets
            .len(),
        0
    );

    for number in 0..150 {
        forge
            .comment_create(&project, 1, &format!("comment {number}"))
            .await
            .unwrap();
    }
    let comments = forge.comments(&project, 1, 3).await.unwrap();
    let bodies: Vec<&str> = comments.iter().map(|comment| comment.body.as_str()).collect();
    assert_eq!(bodies, ["comment 147", "comment 148", "comment 149"]);
    let changed = forge
        .comment_update(&project, 1, comments[2].id, "changed")
        .await
        .unwrap();
    assert_eq!(
        (changed.id, changed.body.as_str(), changed.system),
        (comments[2].id, "changed", false)
    );
    // A comment makes the ticket one that has changed.
    assert!(forge.ticket(&project, 1).await.unwrap().unwrap().updated_at > last);
}

#[tokio::test]
async fn the_status_comment_is_one_and_is_found_again() {
    let world = World::start().await;
    let (forge, project) = (world.bailey(), world.project().await);
    let key = StatusKey::parse("run_01").unwrap();
    let ensure = async |known: Option<i64>, phase: Phase| {
        let body = Status::new(phase).render(&key);
        let status = StatusWanted {
            known,
            key: &key,
            body: &body,
        };
        forge.status_comment(&project, 1, status).await.unwrap()
    };
    // Somebody else writes the same marker.
    let forged = Status::new(Phase::Done).render(&key);
    world
        .gitlab("ria", &["api"])
        .comment_create(&project, 1, &forged)
        .await
        .unwrap();
    for number in 0..110 {
        forge
            .comment_create(&project, 1, &format!("chatter {number}"))
            .await
            .unwrap();
    }
    let made = ensure(None, Phase::Started).await;
    assert!(matches!(&made, Ensured::Created(_)));
    let id = made.get().id;
    assert!(matches!(ensure(None, Phase::Started).await, Ensured::Found(found) if found.id == id));
    assert!(matches!(ensure(Some(id), Phase::Done).await, Ensured::Updated(found) if found.id == id));
    assert!(matches!(ensure(Some(1), Phase::Started).await, Ensured::Updated(found) if found.id == id));
}

fn wanted(branch: &BranchName) -> MergeRequestWanted {
    let provenance = Provenance {
        ticket: 1,
        title: Some("Without a name nobody is greeted".to_owned()),
        closes: true,
        person: "dan".to_owned(),
        models: vec!["mock".to_owned()],
        cost: Money::from_nanos(420_000_000),
        policies: vec!["default@1".to_owned()],
        causal_id: "run_01".to_owned(),
        summary: Some("Greets the world".to_owned()),
    };
    MergeRequestWanted {
        source_branch: branch.clone(),
        target_branch: "main".to_owned(),
        title: provenance.title(),
        body: provenance.render(),
        draft: true,
        assignee: Some(2),
    }
}

#[tokio::test]
async fn branches_and_merge_requests_are_made_once() {
    let world = World::start().await;
    let (forge, project) = (world.bailey(), world.project().await);
    let name = BranchName::of_ticket(&Prefix::default(), 1, 1);
    assert_eq!(forge.branch(&project, name.as_str()).await.unwrap(), None);
    let main = forge.branch(&project, "main").await.unwrap().unwrap();
    let made = forge.branch_ensure(&project, &name, "main").await.unwrap();
    assert!(matches!(&made, Ensured::Created(branch) if branch.commit == main.commit));
    assert!(matches!(
        forge.branch_ensure(&project, &name, "main").await.unwrap(),
        Ensured::Found(_)
    ));
    let other = BranchName::of_ticket(&Prefix::default(), 2, 1);
    let error = forge.branch_ensure(&project, &other, "gone").await.unwrap_err();
    assert!(error.to_string().contains("Invalid reference name"), "{error}");

    assert_eq!(forge.merge_request(&project, name.as_str()).await.unwrap(), None);
    let mut wanted = wanted(&name);
    let made = forge.merge_request_ensure(&project, &wanted).await.unwrap();
    let Ensured::Created(made) = made else {
        panic!("{made:?}")
    };
    assert_eq!((made.number, made.state), (1, MergeRequestState::Open));
    assert_eq!(made.title, "Draft: Resolve ticket 1: Without a name nobody is greeted");
    assert_eq!(
        made.url,
        format!("{}/demo/greeter/-/merge_requests/1", world.forge.url())
    );
    assert_eq!(
        forge.merge_request_ensure(&project, &wanted).await.unwrap(),
        Ensured::Found(made.clone())
    );
    wanted.body.push_str("\n\nmore");
    let changed = forge.merge_request_ensure(&project, &wanted).await.unwrap();
    assert!(matches!(changed, Ensured::Updated(changed) if changed.body.ends_with("more") && changed.number == 1));
    // Two workers at the same time make one.
    let again = BranchName::of_ticket(&Prefix::default(), 3, 1);
    let (one, two) = tokio::join!(
        forge.branch_ensure(&project, &again, "main"),
        forge.branch_ensure(&project, &again, "main")
    );
    assert_eq!(one.unwrap().into_inner(), two.unwrap().into_inner());
    wanted.source_branch = again;
    let (one, two) = tokio::join!(
        forge.merge_request_ensure(&project, &wanted),
        forge.merge_request_ensure(&project, &wanted)
    );
    assert_eq!(one.unwrap().into_inner().number, two.unwrap().into_inner().number);
}

#[tokio::test]
async fn a_connection_is_checked_and_its_webhook_registered() {
    let world = World::start().await;
    let (forge, project) = (world.bailey(), world.project().await);
    assert_eq!(forge.check(KEY, HOOK).await.unwrap().missing, [Missing::Hook]);
    let made = forge.hook_ensure(&project, &hook()).await.unwrap();
    let Ensured::Created(made) = made else {
        panic!("{made:?}")
    };
    assert!(made.signs && made.enabled && made.complete && made.url == HOOK);
    assert!(
        matches!(forge.hook_ensure(&project, &hook()).await.unwrap(), Ensured::Updated(found) if found.id == made.id)
    );
    let check = forge.check(KEY, HOOK).await.unwrap();
    assert_eq!(
        (check.missing.as_slice(), check.hook.map(|hook| hook.id)),
        ([].as_slice(), Some(made.id))
    );

    let missing =
        async |user: &str, scopes: &[&str]| world.gitlab(user, scopes).check(KEY, HOOK).await.unwrap().missing;
    assert_eq!(
        missing("mia", &["read_user", "read_api"]).await[0].to_string(),
        "the token has the scopes read_user, read_api and not `api`; make one that has it"
    );
    assert!(matches!(
        missing("dan", &["api"]).await[..],
        [Missing::Role {
            needed: "Maintainer",
            ..
        }]
    ));
    let wrong = world.gitlab_with("glpat-wrong".to_owned());
    assert_eq!(wrong.check(KEY, HOOK).await.unwrap().missing, [Missing::Token]);
    assert_eq!(
        forge.check(ProjectKey::Path("demo/none"), HOOK).await.unwrap().missing,
        [Missing::Project]
    );
}

#[tokio::test]
async fn what_is_refused_is_understood() {
    let world = World::start().await;
    let project = world.project().await;
    let ria = world.gitlab("ria", &["api"]);
    let name = BranchName::of_ticket(&Prefix::default(), 1, 1);
    let error = ria.branch_ensure(&project, &name, "main").await.unwrap_err();
    assert!(matches!(error.cause, Cause::Forbidden { .. }), "{error:?}");
    let reads = world.gitlab("mia", &["read_api"]);
    let error = reads.comment_create(&project, 1, "x").await.unwrap_err();
    assert!(
        matches!(&error.cause, Cause::Scope { needed } if needed == "api"),
        "{error:?}"
    );
    let wrong = world.gitlab_with("glpat-wrong".to_owned());
    assert!(matches!(wrong.myself().await.unwrap_err().cause, Cause::Token));
    let gone = ProjectRef {
        id: 99,
        path: "demo/gone".to_owned(),
    };
    assert!(
        world
            .bailey()
            .comment_create(&gone, 1, "x")
            .await
            .unwrap_err()
            .is_not_found()
    );
}
