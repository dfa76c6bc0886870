//! The API: what it refuses and in which words, tickets, merge requests.

use serde_json::{Value, json};

use crate::support::{GREETER, World};

/// Who (a user name, `-` for nobody, or a token) | what, below the greeter's address | body | status | what is said.
const REFUSED: &str = r##"
- | GET /api/v4/user | | 401 | {"message":"401 Unauthorized"}
glpat-wrong | GET /api/v4/user | | 401 | {"message":"401 Unauthorized"}
- | POST issues | {"title":"x"} | 401 | {"message":"401 Unauthorized"}
eve | GET /api/v4/projects/demo%2Fsecret | | 404 | {"message":"404 Project Not Found"}
eve | GET /api/v4/projects/99 | | 404 | {"message":"404 Project Not Found"}
- | GET /api/v4/projects/demo%2Fsecret | | 401 | {"message":"401 Unauthorized"}
gus | GET /api/v4/projects/demo%2Fsecret/repository/branches | | 403 | {"message":"403 Forbidden"}
gus | GET /api/v4/projects/demo%2Fsecret/merge_requests/1 | | 404 | {"message":"404 Merge Request Not Found"}
ria | GET hooks | | 403 | {"message":"403 Forbidden"}
ria | POST repository/branches | {"branch":"b","ref":"main"} | 403 | {"message":"403 Forbidden"}
mia | POST issues | {} | 400 | {"error":"title is missing"}
mia | POST issues | [] | 400 | {"message":"The request body is no JSON object"}
mia | PUT issues/1 | {"state_event":"explode"} | 400 | {"error":"state_event is invalid"}
mia | GET /api/v4/nonsense | | 404 | {"error":"404 Not Found"}
mia | GET issues/7 | | 404 | {"message":"404 Issue Not Found"}
mia | POST labels | {"name":"bug","color":"#000000"} | 409 | {"message":["Label already exists"]}
mia | POST repository/branches | {"branch":"-x","ref":"main"} | 400 | {"message":"Branch name is invalid"}
dan | DELETE repository/branches/main | | 400 | {"message":"Cannot remove the default branch"}
dan | POST merge_requests | {"source_branch":"no","target_branch":"main","title":"x"} | 422 | {"message":"Source branch does not exist"}
"##;

#[tokio::test]
async fn refusals_have_gitlabs_shape() {
    let world = World::start().await;
    for line in REFUSED.lines().filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let token = match fields[0] {
            "-" => String::new(),
            token if token.starts_with("glpat-") => token.to_owned(),
            user => world.token(user),
        };
        let (method, path) = fields[1].split_once(' ').unwrap();
        let body = serde_json::from_str(fields[2]).unwrap_or(Value::Null);
        let said = world
            .call(&token, method, path, &body, fields[3].parse().unwrap())
            .await;
        assert_eq!(said, serde_json::from_str::<Value>(fields[4]).unwrap(), "{line}");
    }
}

#[tokio::test]
async fn tokens_end_and_lack_scopes_and_requests_are_bounded() {
    let world = World::start().await;
    let mia = world.token("mia");
    world
        .call(&mia, "POST", "hooks", &json!({ "url": "http://169.254.169.254/" }), 422)
        .await;
    let reads = world.forge.token_create("mia", "reads", &["read_api"], None).unwrap();
    world.look(&reads, GREETER).await;
    let refused = world
        .call(&reads, "POST", "issues", &json!({ "title": "x" }), 403)
        .await;
    assert_eq!(
        (&refused["error"], &refused["scope"]),
        (&json!("insufficient_scope"), &json!("api"))
    );
    let ended = world
        .forge
        .token_create("mia", "ended", &["api"], Some(std::time::Duration::ZERO))
        .unwrap();
    world.refused(&ended, "/api/v4/user", 401).await;
    let long = json!({ "title": "x", "description": "y".repeat(9 << 20) });
    world.call(&mia, "POST", "issues", &long, 413).await;
    let answer = world.send("GET", "/", &[("host", "evil.example")], "").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn nothing_tells_a_secret() {
    let world = World::start().await;
    let mia = world.token("mia");
    let hook = json!({ "url": "http://127.0.0.1:9/", "token": "canary-token-0123456789", "signing_token": format!("whsec_{}", "Y2FuYXJ5".repeat(4)) });
    let made = world.api(&mia, "POST", &format!("{GREETER}/hooks"), &hook).await;
    made.is(201);
    let mut told = made.text;
    for path in [
        "/api/v4/user".to_owned(),
        "/api/v4/personal_access_tokens/self".to_owned(),
        "/api/v4/users".to_owned(),
        format!("{GREETER}/hooks"),
        GREETER.to_owned(),
        "/demo/greeter".to_owned(),
    ] {
        told.push_str(&world.get(&mia, &path).await.text);
    }
    for secret in [mia.as_str(), "canary-token", "Y2FuYXJ5"] {
        assert!(!told.contains(secret), "{secret}");
    }
    let kept = std::fs::read_to_string(world.home.path().join("forge/forge.json")).unwrap();
    assert!(!kept.contains(&mia) && kept.contains("canary-token"));
    // Identities are told to oneself and to administrators.
    let root = world.token("root");
    let gus = world.look(&root, "/api/v4/users?username=gus").await;
    assert_eq!(gus[0]["identities"][0]["extern_uid"], "sub-gus");
    let id = gus[0]["id"].as_i64().unwrap();
    assert!(world.look(&mia, &format!("/api/v4/users/{id}")).await["identities"].is_null());
    // An administrator makes a token for somebody, and nobody else does.
    let wanted = json!({ "name": "made", "scopes": ["api"], "expires_at": "2100-01-01" });
    let path = format!("/api/v4/users/{id}/personal_access_tokens");
    world.call(&mia, "POST", &path, &wanted, 403).await;
    let made = world.call(&root, "POST", &path, &wanted, 201).await;
    let secret = made["token"].as_str().unwrap();
    let about = world.look(secret, "/api/v4/personal_access_tokens/self").await;
    assert_eq!(
        (&about["scopes"], &about["expires_at"]),
        (&json!(["api"]), &json!("2100-01-01"))
    );
    world
        .call(
            secret,
            "DELETE",
            "/api/v4/personal_access_tokens/self",
            &Value::Null,
            204,
        )
        .await;
    world.refused(secret, "/api/v4/user", 401).await;
}

#[tokio::test]
async fn a_ticket_has_labels_with_a_history() {
    let world = World::start().await;
    let ria = world.token("ria");
    let issues = format!("{GREETER}/issues");
    let wanted =
        json!({ "title": "Greet\nin French", "labels": "bug,french", "assignee_ids": [2], "description": "oui" });
    let made = world.call(&ria, "POST", &issues, &wanted, 201).await;
    assert_eq!(
        (&made["iid"], &made["title"], &made["labels"]),
        (&json!(2), &json!("Greet in French"), &json!(["bug", "french"]))
    );
    assert_eq!(made["assignees"][0]["username"], "dan");
    let path = format!("{issues}/2");
    let changed = json!({ "add_labels": "bailey-agent", "remove_labels": "french" });
    let changed = world.call(&ria, "PUT", &path, &changed, 200).await;
    assert_eq!(changed["labels"], json!(["bug", "bailey-agent"]));
    let history = world.look(&ria, &format!("{path}/resource_label_events")).await;
    let history: Vec<(&str, &str)> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            (
                event["action"].as_str().unwrap(),
                event["label"]["name"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        history,
        [
            ("add", "bug"),
            ("add", "french"),
            ("remove", "french"),
            ("add", "bailey-agent")
        ]
    );
}

#[tokio::test]
async fn who_may_change_tickets_and_comments() {
    let world = World::start().await;
    let (ria, eve) = (world.token("ria"), world.token("eve"));
    // Somebody who is no member opens tickets and comments, and labels nothing.
    let by_eve = world
        .call(
            &eve,
            "POST",
            "issues",
            &json!({ "title": "mine", "labels": "bug" }),
            201,
        )
        .await;
    assert_eq!(by_eve["labels"], json!([]));
    let path = "issues/1";
    world.call(&eve, "PUT", path, &json!({ "add_labels": "x" }), 403).await;
    world
        .call(&eve, "PUT", "issues/2", &json!({ "title": "mine still" }), 200)
        .await;

    let note = world
        .call(&eve, "POST", &format!("{path}/notes"), &json!({ "body": "hello" }), 201)
        .await;
    let id = note["id"].as_i64().unwrap();
    world
        .call(
            &ria,
            "PUT",
            &format!("{path}/notes/{id}"),
            &json!({ "body": "not hers" }),
            403,
        )
        .await;
    world
        .call(
            &eve,
            "PUT",
            &format!("{path}/notes/{id}"),
            &json!({ "body": "hello again" }),
            200,
        )
        .await;
    world
        .call(
            &ria,
            "POST",
            &format!("{path}/notes"),
            &json!({ "body": "among us", "internal": true }),
            201,
        )
        .await;
    world
        .call(
            &ria,
            "PUT",
            path,
            &json!({ "state_event": "close", "assignee_ids": [] }),
            200,
        )
        .await;
    let bodies = |notes: &Value| {
        notes
            .as_array()
            .unwrap()
            .iter()
            .map(|note| note["body"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = world.look(&ria, &format!("{path}/notes?sort=asc")).await;
    assert_eq!(bodies(&all), ["hello again", "among us", "unassigned @dan", "closed"]);
    let comments = world
        .look(&eve, &format!("{path}/notes?activity_filter=only_comments"))
        .await;
    assert_eq!(bodies(&comments), ["hello again"]);
}

#[tokio::test]
async fn reactions_are_ones_own() {
    let world = World::start().await;
    let (ria, eve) = (world.token("ria"), world.token("eve"));
    let note = world
        .call(&eve, "POST", "issues/1/notes", &json!({ "body": "hello" }), 201)
        .await;
    let awards = format!("issues/1/notes/{}/award_emoji", note["id"]);
    let award = world.call(&ria, "POST", &awards, &json!({ "name": "eyes" }), 201).await;
    world.call(&ria, "POST", &awards, &json!({ "name": "eyes" }), 404).await;
    world
        .call(&eve, "DELETE", &format!("{awards}/{}", award["id"]), &Value::Null, 403)
        .await;
    world
        .call(&ria, "DELETE", &format!("{awards}/{}", award["id"]), &Value::Null, 204)
        .await;
    assert_eq!(world.look(&ria, &awards).await, json!([]));
}

#[tokio::test]
async fn a_confidential_ticket_is_seen_by_those_it_concerns() {
    let world = World::start().await;
    let (ria, eve) = (world.token("ria"), world.token("eve"));
    let issues = format!("{GREETER}/issues");
    world
        .call(
            &ria,
            "POST",
            &issues,
            &json!({ "title": "leak", "confidential": true }),
            201,
        )
        .await;
    world
        .call(
            &eve,
            "POST",
            &issues,
            &json!({ "title": "mine", "confidential": true }),
            201,
        )
        .await;
    for (token, two, three) in [(ria.as_str(), 200, 200), (&eve, 404, 200), ("", 404, 404)] {
        assert_eq!(world.get(token, &format!("{issues}/2")).await.status, two);
        assert_eq!(world.get(token, &format!("{issues}/3")).await.status, three);
        assert_eq!(world.get(token, &format!("{issues}/2/notes")).await.status, two);
        assert_eq!(
            world
                .get(token, &format!("{issues}/2/resource_label_events"))
                .await
                .status,
            two
        );
    }
    let titles = world.get(&eve, &issues).await;
    assert!(!titles.text.contains("leak") && titles.text.contains("mine"));
}

#[tokio::test]
async fn lists_come_in_pages_as_gitlab_tells_of_them() {
    let world = World::start().await;
    let ria = world.token("ria");
    for number in 2..=7 {
        let wanted = json!({ "title": format!("ticket {number}") });
        world.call(&ria, "POST", "issues", &wanted, 201).await;
    }
    let page = world
        .get(
            &ria,
            &format!("{GREETER}/issues?per_page=3&page=2&sort=asc&search=a%20b"),
        )
        .await;
    let numbers: Vec<i64> = page
        .is(200)
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| issue["iid"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [4, 5, 6]);
    for (name, value) in [
        ("x-total", "7"),
        ("x-total-pages", "3"),
        ("x-page", "2"),
        ("x-per-page", "3"),
        ("x-next-page", "3"),
        ("x-prev-page", "1"),
    ] {
        assert_eq!(page.header(name), value, "{name}");
    }
    let next = page
        .header("link")
        .split(", ")
        .find(|link| link.ends_with("rel=\"next\""))
        .unwrap();
    let next = next.split(['<', '>']).nth(1).unwrap();
    assert!(
        next.starts_with(&world.forge.url()) && next.contains("search=a+b"),
        "{next}"
    );
    let last = world.get(&ria, next.strip_prefix(&world.forge.url()).unwrap()).await;
    assert_eq!(
        (last.is(200).as_array().unwrap().len(), last.header("x-next-page")),
        (1, "")
    );
    assert!(!last.header("link").contains("next"));
    assert_eq!(world.look(&ria, "issues?page=99999999999").await, json!([]));
}
