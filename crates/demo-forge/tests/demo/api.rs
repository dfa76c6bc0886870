//! The API: what it refuses and in which words, tickets, merge requests.

use serde_json::{Value, json};

use crate::support::{GREETER, World};

const SECRET: &str = "/api/v4/projects/demo%2Fsecret";

#[tokio::test]
async fn refusals_have_gitlabs_shape() {
    let world = World::start().await;
    let (mia, ria, eve, gus) = (
        world.token("mia"),
        world.token("ria"),
        world.token("eve"),
        world.token("gus"),
    );
    let nothing = Value::Null;
    let is = async |token: &str, method: &str, path: &str, body: &Value, status: u16, wanted: Value| {
        let answer = world.api(token, method, path, body).await;
        assert_eq!((answer.status, answer.json()), (status, wanted), "{method} {path}");
    };
    let message = |text: &str| json!({ "message": text });
    is("", "GET", "/api/v4/user", &nothing, 401, message("401 Unauthorized")).await;
    is(
        "glpat-wrong",
        "GET",
        GREETER,
        &nothing,
        401,
        message("401 Unauthorized"),
    )
    .await;
    is(
        "",
        "POST",
        &format!("{GREETER}/issues"),
        &json!({ "title": "x" }),
        401,
        message("401 Unauthorized"),
    )
    .await;
    // What one may not see is not there.
    is(&eve, "GET", SECRET, &nothing, 404, message("404 Project Not Found")).await;
    is(
        &eve,
        "GET",
        "/api/v4/projects/99",
        &nothing,
        404,
        message("404 Project Not Found"),
    )
    .await;
    is("", "GET", SECRET, &nothing, 401, message("401 Unauthorized")).await;
    is(
        &gus,
        "GET",
        &format!("{SECRET}/repository/branches"),
        &nothing,
        403,
        message("403 Forbidden"),
    )
    .await;
    is(
        &ria,
        "GET",
        &format!("{GREETER}/hooks"),
        &nothing,
        403,
        message("403 Forbidden"),
    )
    .await;
    is(
        &ria,
        "POST",
        &format!("{GREETER}/repository/branches"),
        &json!({ "branch": "b", "ref": "main" }),
        403,
        message("403 Forbidden"),
    )
    .await;
    is(
        &mia,
        "POST",
        &format!("{GREETER}/issues"),
        &json!({}),
        400,
        json!({ "error": "title is missing" }),
    )
    .await;
    is(
        &mia,
        "PUT",
        &format!("{GREETER}/issues/1"),
        &json!({ "state_event": "explode" }),
        400,
        json!({ "error": "state_event is invalid" }),
    )
    .await;
    is(
        &mia,
        "GET",
        "/api/v4/nonsense",
        &nothing,
        404,
        json!({ "error": "404 Not Found" }),
    )
    .await;
    is(
        &mia,
        "GET",
        &format!("{GREETER}/issues/7"),
        &nothing,
        404,
        message("404 Issue Not Found"),
    )
    .await;
    is(
        &mia,
        "POST",
        &format!("{GREETER}/labels"),
        &json!({ "name": "bug", "color": "#000000" }),
        409,
        json!({ "message": ["Label already exists"] }),
    )
    .await;
    let url = json!({ "url": "http://169.254.169.254/" });
    assert_eq!(
        world.api(&mia, "POST", &format!("{GREETER}/hooks"), &url).await.status,
        422
    );

    let reads = world.forge.token_create("mia", "reads", &["read_api"], None).unwrap();
    world.get(&reads, GREETER).await.is(200);
    let refused = world
        .api(&reads, "POST", &format!("{GREETER}/issues"), &json!({ "title": "x" }))
        .await
        .is(403);
    assert_eq!(
        (&refused["error"], &refused["scope"]),
        (&json!("insufficient_scope"), &json!("api"))
    );
    let ended = world
        .forge
        .token_create("mia", "ended", &["api"], Some(std::time::Duration::ZERO))
        .unwrap();
    world.get(&ended, "/api/v4/user").await.is(401);
    let long = json!({ "title": "x", "description": "y".repeat(9 << 20) });
    world
        .api(&mia, "POST", &format!("{GREETER}/issues"), &long)
        .await
        .is(413);
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
    let gus = world.get(&root, "/api/v4/users?username=gus").await.is(200);
    assert_eq!(gus[0]["identities"][0]["extern_uid"], "sub-gus");
    let id = gus[0]["id"].as_i64().unwrap();
    assert!(world.get(&mia, &format!("/api/v4/users/{id}")).await.is(200)["identities"].is_null());
    // An administrator makes a token for somebody, and nobody else does.
    let wanted = json!({ "name": "made", "scopes": ["api"], "expires_at": "2100-01-01" });
    let path = format!("/api/v4/users/{id}/personal_access_tokens");
    world.api(&mia, "POST", &path, &wanted).await.is(403);
    let made = world.api(&root, "POST", &path, &wanted).await.is(201);
    let secret = made["token"].as_str().unwrap();
    let about = world.get(secret, "/api/v4/personal_access_tokens/self").await.is(200);
    assert_eq!(
        (&about["scopes"], &about["expires_at"]),
        (&json!(["api"]), &json!("2100-01-01"))
    );
    world
        .api(secret, "DELETE", "/api/v4/personal_access_tokens/self", &Value::Null)
        .await
        .is(204);
    world.get(secret, "/api/v4/user").await.is(401);
}

#[tokio::test]
async fn a_ticket_has_labels_with_a_history_comments_and_reactions() {
    let world = World::start().await;
    let (ria, eve) = (world.token("ria"), world.token("eve"));
    let issues = format!("{GREETER}/issues");
    let wanted =
        json!({ "title": "Greet\nin French", "labels": "bug,french", "assignee_ids": [2], "description": "oui" });
    let made = world.api(&ria, "POST", &issues, &wanted).await.is(201);
    assert_eq!(
        (&made["iid"], &made["title"], &made["labels"]),
        (&json!(2), &json!("Greet in French"), &json!(["bug", "french"]))
    );
    assert_eq!(made["assignees"][0]["username"], "dan");
    let path = format!("{issues}/2");
    let changed = json!({ "add_labels": "bailey-agent", "remove_labels": "french" });
    let changed = world.api(&ria, "PUT", &path, &changed).await.is(200);
    assert_eq!(changed["labels"], json!(["bug", "bailey-agent"]));
    let history = world.get(&ria, &format!("{path}/resource_label_events")).await.is(200);
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
    // Somebody who is no member opens tickets and comments, and labels nothing.
    let by_eve = world
        .api(&eve, "POST", &issues, &json!({ "title": "mine", "labels": "bug" }))
        .await
        .is(201);
    assert_eq!(by_eve["labels"], json!([]));
    world
        .api(&eve, "PUT", &path, &json!({ "add_labels": "x" }))
        .await
        .is(403);
    world
        .api(&eve, "PUT", &format!("{issues}/3"), &json!({ "title": "mine still" }))
        .await
        .is(200);

    let note = world
        .api(&eve, "POST", &format!("{path}/notes"), &json!({ "body": "hello" }))
        .await
        .is(201);
    let id = note["id"].as_i64().unwrap();
    world
        .api(
            &ria,
            "PUT",
            &format!("{path}/notes/{id}"),
            &json!({ "body": "not hers" }),
        )
        .await
        .is(403);
    world
        .api(
            &eve,
            "PUT",
            &format!("{path}/notes/{id}"),
            &json!({ "body": "hello again" }),
        )
        .await
        .is(200);
    world
        .api(
            &ria,
            "POST",
            &format!("{path}/notes"),
            &json!({ "body": "among us", "internal": true }),
        )
        .await
        .is(201);
    world
        .api(
            &ria,
            "PUT",
            &path,
            &json!({ "state_event": "close", "assignee_ids": [] }),
        )
        .await
        .is(200);
    let bodies = |notes: &Value| {
        notes
            .as_array()
            .unwrap()
            .iter()
            .map(|note| note["body"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = world.get(&ria, &format!("{path}/notes?sort=asc")).await.is(200);
    assert_eq!(bodies(&all), ["hello again", "among us", "unassigned @dan", "closed"]);
    let comments = world
        .get(&eve, &format!("{path}/notes?activity_filter=only_comments"))
        .await
        .is(200);
    assert_eq!(bodies(&comments), ["hello again"]);

    let awards = format!("{path}/notes/{id}/award_emoji");
    let award = world
        .api(&ria, "POST", &awards, &json!({ "name": "eyes" }))
        .await
        .is(201);
    world
        .api(&ria, "POST", &awards, &json!({ "name": "eyes" }))
        .await
        .is(404);
    world
        .api(&eve, "DELETE", &format!("{awards}/{}", award["id"]), &Value::Null)
        .await
        .is(403);
    world
        .api(&ria, "DELETE", &format!("{awards}/{}", award["id"]), &Value::Null)
        .await
        .is(204);
    assert_eq!(world.get(&ria, &awards).await.is(200), json!([]));
}

#[tokio::test]
async fn a_confidential_ticket_is_seen_by_those_it_concerns() {
    let world = World::start().await;
    let (ria, eve) = (world.token("ria"), world.token("eve"));
    let issues = format!("{GREETER}/issues");
    world
        .api(&ria, "POST", &issues, &json!({ "title": "leak", "confidential": true }))
        .await
        .is(201);
    world
        .api(&eve, "POST", &issues, &json!({ "title": "mine", "confidential": true }))
        .await
        .is(201);
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
        world
            .api(&ria, "POST", &format!("{GREETER}/issues"), &wanted)
            .await
            .is(201);
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
    assert_eq!(
        world
            .get(&ria, &format!("{GREETER}/issues?page=99999999999"))
            .await
            .is(200),
        json!([])
    );
}
