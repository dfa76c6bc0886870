//! Git itself: clone, commit, push, and what follows; and what does not get through.

use std::fs;
use std::path::Path;

use bailey_demo_forge::{DemoError, DemoForge, GitError};
use serde_json::{Value, json};

use crate::support::{GREETER, Receiver, World, basic, config, git, git_ok, run};

async fn fix(directory: &Path) {
    let script = directory.join("greet.sh");
    let fixed = fs::read_to_string(&script).unwrap().replace("${1:-}", "${1:-world}");
    fs::write(script, fixed).unwrap();
    git_ok(directory, &["commit", "-qam", "Greet the world"]).await;
}

#[tokio::test]
async fn the_whole_way_from_clone_to_merge() {
    let world = World::start().await;
    let (dan, mia) = (world.token("dan"), world.token("mia"));
    let receiver = Receiver::start(&[]).await;
    let hook =
        json!({ "url": receiver.url, "push_events": true, "merge_requests_events": true, "issues_events": true });
    world
        .api(&mia, "POST", &format!("{GREETER}/hooks"), &hook)
        .await
        .is(201);
    let work = world.clone("dan", "work").await;
    let before = run(&work, "sh", &["test.sh"]).await;
    assert!(
        !before.ok && before.said.contains("FAILED: without a name"),
        "{}",
        before.said
    );

    git_ok(&work, &["checkout", "-qb", "bailey/ticket-1"]).await;
    fix(&work).await;
    let after = run(&work, "sh", &["test.sh"]).await;
    assert!(after.ok, "{}", after.said);
    git_ok(&work, &["push", "-q", "origin", "HEAD"]).await;
    let tip = git_ok(&work, &["rev-parse", "HEAD"]).await.trim().to_owned();
    let branch = world
        .get(&dan, &format!("{GREETER}/repository/branches/bailey%2Fticket-1"))
        .await
        .is(200);
    assert_eq!(
        (&branch["commit"]["id"], &branch["commit"]["title"]),
        (&json!(tip), &json!("Greet the world"))
    );

    let wanted = json!({ "source_branch": "bailey/ticket-1", "target_branch": "main", "title": "Draft: Greet the world", "description": "Closes #1" });
    let requests = format!("{GREETER}/merge_requests");
    let made = world.api(&dan, "POST", &requests, &wanted).await.is(201);
    assert_eq!(
        (&made["iid"], &made["draft"], &made["sha"]),
        (&json!(1), &json!(true), &json!(tip))
    );
    let clash = world.api(&dan, "POST", &requests, &wanted).await.is(409);
    assert_eq!(
        clash,
        json!({ "message": ["Another open merge request already exists for this source branch: !1"] })
    );
    let found = world
        .get(
            &dan,
            &format!("{requests}?state=opened&source_branch=bailey%2Fticket-1"),
        )
        .await
        .is(200);
    assert_eq!(found.as_array().unwrap().len(), 1);
    let changes = world.get(&dan, &format!("{requests}/1/changes")).await.is(200);
    assert_eq!(changes["changes"][0]["new_path"], "greet.sh");
    assert!(
        changes["changes"][0]["diff"]
            .as_str()
            .unwrap()
            .contains("+name=${1:-world}\n")
    );
    let closes = world.get(&dan, &format!("{requests}/1/closes_issues")).await.is(200);
    assert_eq!(closes[0]["iid"], 1);

    // Another push: the merge request has it before git is told that it is over.
    fs::write(work.join("NEWS"), "greets the world\n").unwrap();
    git_ok(&work, &["add", "NEWS"]).await;
    git_ok(&work, &["commit", "-qm", "Tell of it"]).await;
    git_ok(&work, &["push", "-q", "origin", "HEAD"]).await;
    let second = git_ok(&work, &["rev-parse", "HEAD"]).await.trim().to_owned();
    assert_eq!(
        world.get(&dan, &format!("{requests}/1")).await.is(200)["sha"],
        json!(second)
    );
    let commits = world.get(&dan, &format!("{requests}/1/commits")).await.is(200);
    assert_eq!(commits.as_array().unwrap().len(), 2);
    let status = json!({ "state": "success", "name": "tests" });
    world
        .api(&dan, "POST", &format!("{GREETER}/statuses/{second}"), &status)
        .await
        .is(201);
    let statuses = world
        .get(&dan, &format!("{GREETER}/repository/commits/{second}/statuses"))
        .await
        .is(200);
    assert_eq!(statuses[0]["status"], "success");

    // A draft is not merged, and into the default branch a developer does not merge.
    world
        .api(&mia, "PUT", &format!("{requests}/1/merge"), &Value::Null)
        .await
        .is(405);
    world
        .api(
            &dan,
            "PUT",
            &format!("{requests}/1"),
            &json!({ "title": "Greet the world" }),
        )
        .await
        .is(200);
    world
        .api(&dan, "PUT", &format!("{requests}/1/merge"), &Value::Null)
        .await
        .is(403);
    let merged = world
        .api(&mia, "PUT", &format!("{requests}/1/merge"), &Value::Null)
        .await
        .is(200);
    assert_eq!(merged["state"], "merged");
    assert_eq!(
        world.get(&dan, &format!("{GREETER}/issues/1")).await.is(200)["state"],
        "closed"
    );
    let still = world.get(&dan, &format!("{requests}/1/changes")).await.is(200);
    assert_eq!(still["changes"].as_array().unwrap().len(), 2);
    let main = world.clone("ria", "main").await;
    assert!(run(&main, "sh", &["test.sh"]).await.ok);
    assert!(
        git_ok(&main, &["log", "-1", "--format=%an %s"])
            .await
            .contains("Mia Maintainer Merge branch 'bailey/ticket-1'")
    );

    world.forge.deliveries_idle().await;
    let pushes: Vec<Value> = receiver
        .arrived()
        .iter()
        .map(super::support::Arrived::json)
        .filter(|body| body["object_kind"] == "push")
        .collect();
    let mut pushed: Vec<(&str, i64)> = pushes
        .iter()
        .map(|body| {
            (
                body["ref"].as_str().unwrap(),
                body["total_commits_count"].as_i64().unwrap(),
            )
        })
        .collect();
    pushed.sort_unstable();
    assert_eq!(
        pushed,
        [
            ("refs/heads/bailey/ticket-1", 1),
            ("refs/heads/bailey/ticket-1", 1),
            ("refs/heads/main", 3)
        ]
    );
    let by_dan = pushes.iter().find(|body| body["after"] == json!(tip)).unwrap();
    assert_eq!(
        (&by_dan["user_username"], &by_dan["commits"][0]["id"]),
        (&json!("dan"), &json!(tip))
    );
    let actions: Vec<Value> = receiver
        .arrived()
        .iter()
        .map(super::support::Arrived::json)
        .filter(|body| body["object_kind"] == "merge_request")
        .map(|body| body["object_attributes"]["action"].clone())
        .collect();
    for action in ["open", "update", "merge"] {
        assert!(actions.contains(&json!(action)), "{actions:?}");
    }
    assert_eq!(
        receiver.last("Issue Hook").json()["object_attributes"]["action"],
        "close"
    );
}

#[tokio::test]
async fn who_may_push_what() {
    let world = World::start().await;
    let work = world.clone("dan", "work").await;
    fix(&work).await;
    let refused = git(&work, &["push", "origin", "main"]).await;
    assert!(
        !refused.ok && refused.said.contains("deny updating a hidden ref"),
        "{}",
        refused.said
    );
    // What may be pushed is, beside what may not.
    let mixed = git(&work, &["push", "origin", "main", "main:side"]).await;
    assert!(!mixed.ok && mixed.said.contains("[new branch]"), "{}", mixed.said);
    for name in ["refs/heads/main", "refs/meta/x", "refs/notes/x", "HEAD"] {
        assert!(
            !git(&work, &["push", "origin", &format!("+main:{name}")]).await.ok,
            "{name}"
        );
    }
    assert!(!git(&work, &["push", "origin", ":main"]).await.ok);
    git_ok(&work, &["push", "-q", "origin", "main:refs/tags/v1"]).await;

    let push_as = async |user: &str, secret: &str, branch: &str| {
        let url = world.clone_url(user, secret, "demo/greeter");
        git(&work, &["push", "-q", &url, &format!("main:{branch}")]).await
    };
    assert!(!push_as("ria", &world.token("ria"), "by-ria").await.ok);
    assert!(!push_as("eve", &world.token("eve"), "by-eve").await.ok);
    assert!(!push_as("dan", "glpat-wrong", "x").await.ok);
    // Somebody else's name with one's own token is nobody.
    assert!(!push_as("mia", &world.token("dan"), "x").await.ok);
    assert!(push_as("oauth2", &world.token("dan"), "by-oauth2").await.ok);
    let reads = world
        .forge
        .token_create("dan", "reads", &["read_repository"], None)
        .unwrap();
    assert!(!push_as("dan", &reads, "x").await.ok);
    let writes = world
        .forge
        .token_create("dan", "writes", &["write_repository"], None)
        .unwrap();
    assert!(push_as("dan", &writes, "by-scope").await.ok);
    let done = push_as("mia", &world.token("mia"), "main").await;
    assert!(done.ok, "{}", done.said);
    let branches = world
        .get(&world.token("dan"), &format!("{GREETER}/repository/branches"))
        .await
        .is(200);
    let names: Vec<&str> = branches
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| branch["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["by-oauth2", "by-scope", "main", "side"]);
}

#[tokio::test]
async fn a_private_repository_is_for_its_members() {
    let world = World::start().await;
    let clone = async |user: &str, into: &str| {
        let url = world.clone_url(user, &world.token(user), "demo/secret");
        git(world.home.path(), &["clone", "-q", &url, into]).await.ok
    };
    assert!(clone("ria", "by-ria").await);
    assert!(!clone("gus", "by-gus").await);
    assert!(!clone("eve", "by-eve").await);
    let url = format!("{}/demo/secret.git", world.forge.url());
    assert!(!git(world.home.path(), &["clone", "-q", &url, "by-nobody"]).await.ok);
    let refs = "/demo/secret.git/info/refs?service=git-upload-pack";
    let asked = world.send("GET", refs, &[], "").await;
    assert_eq!(
        (asked.status, asked.header("www-authenticate")),
        (401, "Basic realm=\"GitLab\"")
    );
    // One that is not there looks the same to nobody, and is not there to somebody.
    let none = "/demo/none.git/info/refs?service=git-upload-pack";
    assert_eq!(world.send("GET", none, &[], "").await.status, 401);
    let eve = basic("eve", &world.token("eve"));
    for path in [refs, none] {
        assert_eq!(
            world.send("GET", path, &[("authorization", &eve)], "").await.status,
            404
        );
    }
}

#[tokio::test]
async fn large_pushes_come_in_chunks_and_large_questions_compressed() {
    let world = World::start().await;
    let work = world.clone("dan", "work").await;
    git_ok(&work, &["checkout", "-qb", "large"]).await;
    let mut noise = 1_u64;
    let mut bytes = Vec::new();
    while bytes.len() < 3 << 20 {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&noise.to_be_bytes());
    }
    fs::write(work.join("noise"), &bytes).unwrap();
    git_ok(&work, &["add", "."]).await;
    git_ok(&work, &["commit", "-qm", "noise"]).await;
    // More than the buffer is sent chunked.
    git_ok(&work, &["-c", "http.postBuffer=65536", "push", "-q", "origin", "large"]).await;
    // Many commits that the other side lacks make a question of more than 1,024 bytes, which git compresses.
    for at in 0..60 {
        git_ok(&work, &["commit", "-q", "--allow-empty", "-m", &format!("{at}")]).await;
    }
    let other = world.clone("mia", "other").await;
    git_ok(&other, &["commit", "-q", "--allow-empty", "-m", "further"]).await;
    git_ok(&other, &["push", "-q", "origin", "HEAD:refs/heads/further"]).await;
    for version in ["0", "2"] {
        let protocol = format!("protocol.version={version}");
        git_ok(&work, &["-c", &protocol, "fetch", "-q", "origin", "further"]).await;
        git_ok(&work, &["update-ref", "-d", "refs/remotes/origin/further"]).await;
    }
    let check = world.clone("ria", "check").await;
    git_ok(&check, &["checkout", "-q", "large"]).await;
    assert_eq!(fs::read(check.join("noise")).unwrap(), bytes);
    git_ok(&check, &["fsck", "--strict"]).await;
}

#[tokio::test]
async fn no_path_leads_to_another_repository() {
    let world = World::start().await;
    let eve = basic("eve", &world.token("eve"));
    let service = "info/refs?service=git-upload-pack";
    for path in [
        format!("/demo/greeter.git/../secret.git/{service}"),
        format!("/demo/greeter.git/..%2fsecret.git/{service}"),
        format!("/demo/%2e%2e/repositories/2.git/{service}"),
        format!("/demo%2fgreeter.git%2f..%2f..%2f2.git/{service}"),
        format!("/2.git/{service}"),
        format!("/demo/2.git/{service}"),
        format!("/demo/greeter%00.git/{service}"),
        format!("/demo//secret.git//{service}"),
        "/demo/greeter.git/objects/../../2.git/HEAD".to_owned(),
        "/demo/greeter.git/HEAD".to_owned(),
        "/demo/greeter.git/config".to_owned(),
        "/-/../forge.json".to_owned(),
        "/..%2fforge.json".to_owned(),
    ] {
        let answer = world.send("GET", &path, &[("authorization", &eve)], "").await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(
            !answer.text.contains("refs/heads") && !answer.text.contains("hash"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn without_git_one_error_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let mut config = config(&home.path().join("forge"));
    config.git = "no-such-git".into();
    let error = DemoForge::start(config).await.err().unwrap();
    assert!(matches!(error, DemoError::Git(GitError::Missing { .. })));
    assert_eq!(
        error.to_string(),
        "git is needed and cannot be started as `no-such-git`; install it, for instance with: apt-get install git"
    );
}
