//! Git itself: clone, commit, push, and what follows; and what does not get through.

use std::fs;
use std::path::{Path, PathBuf};

use bailey_demo_forge::{DemoError, DemoForge, GitError};
use serde_json::{Value, json};

use crate::support::{Arrived, Receiver, World, basic, config, git, git_ok, run};

async fn fix(directory: &Path) {
    let script = directory.join("greet.sh");
    let fixed = fs::read_to_string(&script).unwrap().replace("${1:-}", "${1:-world}");
    fs::write(script, fixed).unwrap();
    git_ok(directory, &["commit", "-qam", "Greet the world"]).await;
}

/// A clone of Dan's with a branch that mends the bug, pushed; and the commit at its tip.
async fn mended(world: &World) -> (PathBuf, String) {
    let work = world.clone("dan", "work").await;
    git_ok(&work, &["checkout", "-qb", "bailey/ticket-1"]).await;
    fix(&work).await;
    git_ok(&work, &["push", "-q", "origin", "HEAD"]).await;
    let tip = git_ok(&work, &["rev-parse", "HEAD"]).await.trim().to_owned();
    (work, tip)
}

/// Another commit on the same branch, pushed.
async fn further(work: &Path) -> String {
    fs::write(work.join("NEWS"), "greets the world\n").unwrap();
    git_ok(work, &["add", "NEWS"]).await;
    git_ok(work, &["commit", "-qm", "Tell of it"]).await;
    git_ok(work, &["push", "-q", "origin", "HEAD"]).await;
    git_ok(work, &["rev-parse", "HEAD"]).await.trim().to_owned()
}

fn wanted(title: &str) -> Value {
    json!({ "source_branch": "bailey/ticket-1", "target_branch": "main", "title": title, "description": "Closes #1" })
}

#[tokio::test]
async fn the_seeds_test_fails_until_the_bug_is_mended() {
    let world = World::start().await;
    let before = run(&world.clone("ria", "before").await, "sh", &["test.sh"]).await;
    let told = before.said.contains("FAILED: without a name the world is greeted");
    assert!(!before.ok && told, "{}", before.said);
    let (work, _) = mended(&world).await;
    let after = run(&work, "sh", &["test.sh"]).await;
    assert!(after.ok, "{}", after.said);
}

#[tokio::test]
async fn a_merge_request_has_what_was_pushed() {
    let world = World::start().await;
    let dan = world.token("dan");
    let (work, tip) = mended(&world).await;
    let branch = world.look(&dan, "repository/branches/bailey%2Fticket-1").await;
    assert_eq!(branch["commit"]["id"], json!(tip));
    assert_eq!(branch["commit"]["title"], "Greet the world");

    let made = world
        .call(&dan, "POST", "merge_requests", &wanted("Draft: x"), 201)
        .await;
    assert_eq!((&made["iid"], &made["draft"]), (&json!(1), &json!(true)));
    assert_eq!(made["sha"], json!(tip));
    let clash = world.call(&dan, "POST", "merge_requests", &wanted("x"), 409).await;
    let said = "Another open merge request already exists for this source branch: !1";
    assert_eq!(clash, json!({ "message": [said] }));
    let query = "merge_requests?state=opened&source_branch=bailey%2Fticket-1";
    assert_eq!(world.look(&dan, query).await.as_array().unwrap().len(), 1);
    let changes = world.look(&dan, "merge_requests/1/changes").await;
    assert_eq!(changes["changes"][0]["new_path"], "greet.sh");
    let diff = changes["changes"][0]["diff"].as_str().unwrap();
    assert!(diff.contains("+name=${1:-world}\n"), "{diff}");
    let closes = world.look(&dan, "merge_requests/1/closes_issues").await;
    assert_eq!(closes[0]["iid"], 1);

    // Another push: the merge request has it before git is told that it is over.
    let second = further(&work).await;
    assert_eq!(world.look(&dan, "merge_requests/1").await["sha"], json!(second));
    let commits = world.look(&dan, "merge_requests/1/commits").await;
    assert_eq!(commits.as_array().unwrap().len(), 2);
    let status = json!({ "state": "success", "name": "tests" });
    let path = format!("statuses/{second}");
    world.call(&dan, "POST", &path, &status, 201).await;
    let statuses = format!("repository/commits/{second}/statuses");
    assert_eq!(world.look(&dan, &statuses).await[0]["status"], "success");
}

#[tokio::test]
async fn a_merge_closes_the_ticket() {
    let world = World::start().await;
    let (dan, mia) = (world.token("dan"), world.token("mia"));
    let (work, _) = mended(&world).await;
    world
        .call(&dan, "POST", "merge_requests", &wanted("Draft: x"), 201)
        .await;
    further(&work).await;
    // A draft is not merged, and into the default branch a developer does not merge.
    let merge = async |who: &str, status: u16| {
        let path = "merge_requests/1/merge";
        world.call(who, "PUT", path, &Value::Null, status).await
    };
    merge(&mia, 405).await;
    let ready = json!({ "title": "Greet the world", "remove_source_branch": true });
    world.call(&dan, "PUT", "merge_requests/1", &ready, 200).await;
    merge(&dan, 403).await;
    assert_eq!(merge(&mia, 200).await["state"], "merged");
    merge(&mia, 405).await;
    assert_eq!(world.look(&dan, "issues/1").await["state"], "closed");
    world.refused(&dan, "repository/branches/bailey%2Fticket-1", 404).await;
    let still = world.look(&dan, "merge_requests/1/changes").await;
    assert_eq!(still["changes"].as_array().unwrap().len(), 2);
    let main = world.clone("ria", "main").await;
    assert!(run(&main, "sh", &["test.sh"]).await.ok);
    let log = git_ok(&main, &["log", "-1", "--format=%an %s"]).await;
    assert!(log.contains("Mia Maintainer Merge branch 'bailey/ticket-1'"), "{log}");
}

#[tokio::test]
async fn who_merges_by_pushing_has_merged() {
    let world = World::start().await;
    let dan = world.token("dan");
    let (work, tip) = mended(&world).await;
    world.call(&dan, "POST", "merge_requests", &wanted("x"), 201).await;
    let url = world.clone_url("mia", &world.token("mia"), "demo/greeter");
    git_ok(&work, &["push", "-q", &url, "HEAD:main"]).await;
    let request = world.look(&dan, "merge_requests/1").await;
    assert_eq!((&request["state"], &request["sha"]), (&json!("merged"), &json!(tip)));
    assert_eq!(world.look(&dan, "issues/1").await["state"], "closed");
    let still = world.look(&dan, "merge_requests/1/changes").await;
    assert_eq!(still["changes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn webhooks_tell_of_pushes_and_of_what_follows() {
    let world = World::start().await;
    let (dan, mia) = (world.token("dan"), world.token("mia"));
    let receiver = Receiver::start(&[]).await;
    let events = json!({ "url": receiver.url, "merge_requests_events": true, "issues_events": true });
    world.call(&mia, "POST", "hooks", &events, 201).await;
    let (work, tip) = mended(&world).await;
    world.call(&dan, "POST", "merge_requests", &wanted("x"), 201).await;
    further(&work).await;
    let path = "merge_requests/1/merge";
    world.call(&mia, "PUT", path, &Value::Null, 200).await;
    world.forge.deliveries_idle().await;
    let bodies: Vec<Value> = receiver.arrived().iter().map(Arrived::json).collect();
    let of_kind = |kind: &'static str| bodies.iter().filter(move |body| body["object_kind"] == kind);
    let count = |body: &Value| (body["ref"].clone(), body["total_commits_count"].clone());
    let mut counts: Vec<String> = of_kind("push").map(|body| format!("{:?}", count(body))).collect();
    counts.sort();
    let told = |branch: &str, commits: i64| format!("{:?}", (json!(format!("refs/heads/{branch}")), json!(commits)));
    assert_eq!(
        counts,
        [told("bailey/ticket-1", 1), told("bailey/ticket-1", 1), told("main", 3)]
    );
    let by_dan = of_kind("push").find(|body| body["after"] == json!(tip)).unwrap();
    assert_eq!(by_dan["user_username"], "dan");
    assert_eq!(by_dan["commits"][0]["id"], json!(tip));
    let mut actions: Vec<String> = of_kind("merge_request")
        .map(|body| body["object_attributes"]["action"].as_str().unwrap().to_owned())
        .collect();
    actions.sort();
    assert_eq!(actions, ["merge", "open", "update"]);
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
    let branches = world.look(&world.token("dan"), "repository/branches").await;
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
