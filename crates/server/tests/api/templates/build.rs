//! Building what a version installs. The application under test has no data directory, so that no build can succeed: what is
//! looked at is how it is begun, followed and told of. `crates/cli/tests/workspaces/layers.rs` builds for real.

use std::time::Duration;

use axum::body::Body;
use bailey_core::authz::Role;
use http::Request;
use serde_json::json;

use super::{package, push};
use crate::harness::{Client, test};

async fn layer(client: &Client) -> serde_json::Value {
    client.get("/api/v1/templates/tools/versions/1/build").await.ok(200)
}

async fn pushed(client: &Client) {
    let files = [
        ("template.toml", "[base]\ninstall = \"install.sh\"\n"),
        ("install.sh", "true\n"),
    ];
    push(client, "name=tools", &package(&files)).await.ok(201);
}

#[test]
fn a_build_is_begun_followed_and_told_of() {
    test(async |app| {
        let owner = app.owner().await;
        pushed(&owner).await;
        assert_eq!(
            layer(&owner).await,
            json!({"layer": "missing", "error": null, "created_at": null})
        );
        let begun = owner
            .post("/api/v1/templates/tools/versions/1/build", json!(null))
            .await;
        assert_eq!(begun.status, 202, "{}", begun.text);
        // Follows it to its end.
        let request = Request::get("/api/v1/templates/tools/versions/1/build/log?after=0");
        let request = request.header("accept", "text/event-stream").body(Body::empty());
        let stream = tokio::time::timeout(Duration::from_secs(20), owner.send(request.unwrap()))
            .await
            .unwrap();
        assert_eq!(stream.headers["content-type"], "text/event-stream");
        let (lines, end) = stream.text.split_once("event: end\n").unwrap();
        assert!(lines.starts_with("event: line\nid: 1\ndata: {"), "{lines}");
        let end: serde_json::Value = serde_json::from_str(end.trim().strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(end["layer"], "failed");
        let error = end["error"].as_str().unwrap();
        assert!(error.starts_with("cannot look at the disk: "), "{error}");
        let now = layer(&owner).await;
        assert_eq!((&now["layer"], &now["error"]), (&json!("failed"), &end["error"]));
        let page = owner.get("/api/v1/templates/tools/versions/1/build/log").await.ok(200);
        let items = page["items"].as_array().unwrap();
        assert_eq!(items[0]["source"], "layer");
        let last = &items[items.len() - 1];
        let rest = format!("/api/v1/templates/tools/versions/1/build/log?after={}", last["number"]);
        assert_eq!(owner.get(&rest).await.ok(200)["items"], json!([]));
        let versions = owner.get("/api/v1/templates/tools/versions").await.ok(200);
        assert_eq!(versions["items"][0]["layer"], "failed");
    });
}

#[test]
fn a_log_is_followed_for_as_long_as_its_reader_may_read_it() {
    test(async |app| {
        let owner = app.owner().await;
        pushed(&owner).await;
        let path = "/api/v1/templates/tools/versions/1/build";
        assert_eq!(owner.post(path, json!(null)).await.status, 202);
        let ada = app.person("ada", Role::TemplateAdmin).await;
        let follow = async || {
            let request = Request::get(format!("{path}/log")).header("accept", "text/event-stream");
            ada.open(request.body(Body::empty()).unwrap()).await
        };
        // Neither is read before Ada is suspended, or the other has been.
        let (first, second) = (follow().await, follow().await);
        let text = async |response: axum::response::Response| {
            let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        assert!(text(first).await.contains("event: end"));
        owner
            .patch("/api/v1/users/ada", json!({"status": "suspended"}))
            .await
            .ok(200);
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        assert_eq!(text(second).await, "");
    });
}

#[test]
fn who_may_only_read_templates_sees_how_far_it_is_and_begins_nothing() {
    test(async |app| {
        let owner = app.owner().await;
        pushed(&owner).await;
        let member = app.person("mo", Role::Member).await;
        assert_eq!(layer(&member).await["layer"], "missing");
        let path = "/api/v1/templates/tools/versions/1/build";
        assert_eq!(member.post(path, json!(null)).await.code(), "forbidden");
        assert_eq!(member.get(&format!("{path}/log")).await.code(), "forbidden");
        assert_eq!(layer(&owner).await["layer"], "missing");
        let missing = owner
            .post("/api/v1/templates/tools/versions/2/build", json!(null))
            .await;
        assert_eq!(missing.code(), "not_found");
    });
}
