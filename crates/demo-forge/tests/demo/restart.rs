//! What outlives a restart, and what a reset puts back and leaves alone.

use std::fs;

use bailey_demo_forge::{DemoConfig, DemoError, DemoForge};
use serde_json::json;

use crate::support::{Receiver, World, config, git_ok};

#[tokio::test]
async fn a_restart_keeps_everything() {
    let world = World::start().await;
    let dan = world.token("dan");
    world
        .call(&dan, "POST", "issues/1/notes", &json!({ "body": "kept" }), 201)
        .await;
    world
        .call(
            &dan,
            "POST",
            "repository/branches",
            &json!({ "branch": "kept", "ref": "main" }),
            201,
        )
        .await;
    let client = world
        .forge
        .oauth_client_create("kept", &["http://127.0.0.1:1/"], &["api"])
        .unwrap();
    let (home, forge) = (world.home, world.forge);
    let directory = home.path().join("forge");
    let second = DemoForge::start(config(&directory)).await;
    assert!(
        matches!(second, Err(DemoError::Store(_))),
        "two forges in one directory"
    );
    forge.stop().await;

    let forge = DemoForge::start(config(&directory)).await.unwrap();
    let world = World { home, forge };
    let notes = world.look(&dan, "issues/1/notes").await;
    assert_eq!(notes[0]["body"], "kept");
    world.look(&dan, "repository/branches/kept").await;
    let asked = format!(
        "/oauth/authorize?client_id={}&redirect_uri=http://127.0.0.1:1/&response_type=code",
        client.id
    );
    assert_eq!(world.send("GET", &asked, &[], "").await.status, 200);
}

#[tokio::test]
async fn a_reset_puts_the_seed_back_and_touches_nothing_else() {
    let world = World::start().await;
    let (dan, mia) = (world.token("dan"), world.token("mia"));
    let receiver = Receiver::start(&[]).await;
    let hook = json!({ "url": receiver.url, "issues_events": true });
    world.call(&mia, "POST", "hooks", &hook, 201).await;
    let outside = world.home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "mine").unwrap();
    let note = world
        .call(&dan, "POST", "issues/1/notes", &json!({ "body": "gone" }), 201)
        .await;
    world
        .call(
            &dan,
            "PUT",
            "issues/1",
            &json!({ "add_labels": "x", "title": "changed" }),
            200,
        )
        .await;
    world
        .call(&dan, "POST", "issues", &json!({ "title": "more" }), 201)
        .await;
    let work = world.clone("mia", "work").await;
    git_ok(&work, &["commit", "-q", "--allow-empty", "-m", "more"]).await;
    git_ok(&work, &["push", "-q", "origin", "main", "main:side"]).await;
    world
        .call(
            &dan,
            "POST",
            "repository/branches",
            &json!({ "branch": "other", "ref": "main" }),
            201,
        )
        .await;
    let wanted = json!({ "source_branch": "side", "target_branch": "other", "title": "t" });
    world.call(&dan, "POST", "merge_requests", &wanted, 201).await;

    let plan = world.forge.reset_plan().await.unwrap();
    for line in [
        "put back ticket demo/greeter#1, without its 1 comment",
        "delete ticket demo/greeter#2 and its 0 comments",
        "delete merge request demo/greeter!1",
        "put back branch main of demo/greeter",
        "delete branch side of demo/greeter",
    ] {
        assert!(plan.iter().any(|planned| planned == line), "{line}: {plan:?}");
    }
    // A plan changes nothing.
    assert_eq!(world.forge.reset_plan().await.unwrap(), plan);
    world.look(&dan, "issues/2").await;
    assert_eq!(world.forge.reset().await.unwrap(), plan);

    let issue = world.look(&dan, "issues/1").await;
    assert_eq!(
        (&issue["labels"], &issue["title"]),
        (&json!(["bug"]), &json!("Without a name nobody is greeted"))
    );
    world.refused(&dan, "issues/2", 404).await;
    let branches = world.look(&dan, "repository/branches").await;
    assert_eq!(branches.as_array().unwrap().len(), 1);
    assert_eq!(branches[0]["commit"]["title"], "Test what is promised");
    // Who was connected still is, and no id comes twice.
    assert_eq!(world.look(&mia, "hooks").await.as_array().unwrap().len(), 1);
    let new = world
        .call(&dan, "POST", "issues/1/notes", &json!({ "body": "new" }), 201)
        .await;
    assert!(new["id"].as_i64() > note["id"].as_i64());
    assert!(issue["id"].as_i64() > note["id"].as_i64());
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "mine");
    assert_eq!(fs::read_dir(world.home.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn a_link_in_a_repositorys_place_leads_nowhere() {
    let world = World::start().await;
    let outside = world.home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "mine").unwrap();
    let repository = world.home.path().join("forge/repositories/1.git");
    fs::remove_dir_all(&repository).unwrap();
    std::os::unix::fs::symlink(&outside, &repository).unwrap();
    let (home, forge) = (world.home, world.forge);
    forge.stop().await;
    // What is missing is made anew, and the link alone is taken away.
    let forge = DemoForge::start(config(&home.path().join("forge"))).await.unwrap();
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "mine");
    assert!(repository.join("HEAD").is_file() && !repository.is_symlink());
    drop(forge);
}

#[tokio::test]
async fn it_serves_this_machine_alone() {
    let home = tempfile::tempdir().unwrap();
    let mut config = DemoConfig::new(home.path());
    config.listen = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(DemoForge::start(config).await, Err(DemoError::NotLoopback(_))));
}
