//! Suspending people, letting them back, deleting them, and what they leave.

use bailey_core::WorkspaceId;
use bailey_core::authz::Role;
use bailey_core::ledger::Outcome;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::harness::{Client, TestApp, fields, test};
use crate::sign_in::claimed;

const PLAIN: &str = r#"
display_name = "Plain"
[base]
root = "host"
[resources]
disk = "2GiB"
[environment]
OWNER = "${workspace.owner}"
"#;

async fn suspend(by: &Client, name: &str) -> Value {
    by.post(&format!("/api/v1/users/{name}/suspend"), json!({}))
        .await
        .ok(200)
}

/// A workspace of somebody, stopped.
async fn stopped(app: &TestApp, of: &Client, name: &str) -> WorkspaceId {
    let id = app.workspace(of, "plain", name).await;
    app.begin(of, id, "stop").await;
    app.until(of, id, "stopped").await;
    id
}

#[test]
fn a_report_counts_what_was_good_and_is_kept() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        let browser = claimed(&app, "ada").await;
        ada.key("one").await;
        let revoked = ada.key("two").await;
        let path = format!("/api/v1/keys/{}/revoke", revoked["id"].as_str().unwrap());
        ada.call(Method::POST, &path, None).await.ok(200);
        app.narrowed(&ada, &["keys.read"]).await;
        assert_eq!(owner.get("/api/v1/users/ada/suspension").await.code(), "not_found");

        let body = json!({"reason": "left"});
        let report = owner.post("/api/v1/users/ada/suspend", body).await.ok(200);
        let counted = [
            "sessions",
            "tokens",
            "keys",
            "streams",
            "terminals",
            "exec",
            "files",
            "apps",
            "logs",
        ];
        let counted = counted.map(|name| report[name].as_u64().unwrap());
        assert_eq!(counted, [1, 2, 1, 0, 0, 0, 0, 0, 0], "{report}");
        assert_eq!(
            (
                &report["person"]["name"],
                &report["by"]["name"],
                &report["reason"],
                &report["finished"]
            ),
            (&json!("ada"), &json!("owner"), &json!("left"), &json!(true))
        );
        assert_eq!(browser.get("/api/v1/me").await.code(), "session_ended");
        assert_eq!(ada.get("/api/v1/me").await.code(), "person_suspended");
        // Again is as good as once.
        let again = owner
            .post("/api/v1/users/ada/suspend", json!({"reason": "again"}))
            .await;
        assert_eq!(again.ok(200), report);
        assert_eq!(owner.get("/api/v1/users/ada/suspension").await.ok(200), report);
        let auditor = app.person("aud", Role::Auditor).await;
        assert_eq!(auditor.get("/api/v1/users/ada/suspension").await.ok(200), report);
        assert_eq!(
            auditor.post("/api/v1/users/ada/suspend", json!({})).await.code(),
            "forbidden"
        );

        let back = owner.call(Method::POST, "/api/v1/users/ada/reactivate", None).await;
        assert_eq!(back.ok(200)["status"], "active");
        assert_eq!(ada.get("/api/v1/me").await.code(), "token_invalid");
        assert_eq!(browser.get("/api/v1/me").await.code(), "session_ended");
        let lifted = owner.get("/api/v1/users/ada/suspension").await.ok(200);
        assert!(lifted["lifted_at"].is_string());
        let keys = owner.get("/api/v1/keys?person=ada&state=active").await.ok(200);
        assert_eq!(keys["items"], json!([]));
        // What the second one ends is counted anew.
        app.clock.advance(1);
        app.narrowed(&ada, &["keys.read"]).await;
        assert_eq!(suspend(&owner, "ada").await["tokens"], 1);
    });
}

#[test]
fn nobody_suspends_themselves_or_the_last_owner_or_whoever_may_more() {
    test(async |app| {
        let owner = app.owner().await;
        let second = app.person("second", Role::Owner).await;
        for body in [json!({"status": "suspended"}), json!({"status": "deleted"})] {
            let reply = owner.patch("/api/v1/users/owner", body).await;
            assert!(
                ["own_account", "invalid_fields"].contains(&reply.code().as_str()),
                "{}",
                reply.text
            );
        }
        let reply = owner.post("/api/v1/users/owner/suspend", json!({})).await;
        assert_eq!(reply.code(), "own_account");
        for (name, body, wrong) in [
            ("nobody", json!({}), "not_found"),
            ("second", json!({"why": "x"}), "invalid_fields"),
        ] {
            let reply = owner.post(&format!("/api/v1/users/{name}/suspend"), body).await;
            assert_eq!(reply.code(), wrong, "{}", reply.text);
        }
        // Of two owners who suspend each other one is too late.
        let (a, b) = tokio::join!(
            owner.post("/api/v1/users/second/suspend", json!({})),
            second.post("/api/v1/users/owner/suspend", json!({})),
        );
        assert_eq!([a, b].iter().filter(|reply| reply.status == 200).count(), 1);
    });
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
fn workspaces_are_handed_over_with_home_key_and_address() {
    test(async |app| {
        app.template("plain", PLAIN).await;
        let owner = app.owner().await;
        let (ann, bob) = (
            app.person("ann", Role::Member).await,
            app.person("bob", Role::Member).await,
        );
        app.person("aud", Role::Auditor).await;
        let _running = app.run().await;
        let id = stopped(&app, &ann, "dev").await;
        let request = app.record(&ann, None, "m", 5, 0).await;
        let delete = async |query: &str| owner.delete(&format!("/api/v1/users/ann{query}")).await;
        assert_eq!(delete("?workspaces=hand-over&to=bob").await.code(), "person_active");
        suspend(&owner, "ann").await;
        for query in [
            "",
            "?workspaces=hand-over",
            "?workspaces=delete&to=bob",
            "?to=bob",
            "?workspaces=hand-over&to=nobody",
            "?workspaces=hand-over&to=ann",
            "?workspaces=hand-over&to=aud",
            "?workspaces=keep",
        ] {
            assert_eq!(delete(query).await.code(), "invalid_query", "{query}");
        }
        let clash = stopped(&app, &bob, "dev").await;
        assert_eq!(delete("?workspaces=hand-over&to=bob").await.code(), "name_taken");
        bob.delete(&format!("/api/v1/workspaces/{clash}")).await.ok(202);
        app.until_gone(&bob, clash).await;
        let done = delete("?workspaces=hand-over&to=bob").await.ok(200);
        assert_eq!(
            (&done["handed_to"]["name"], &done["workspaces"][0]["name"]),
            (&json!("bob"), &json!("dev"))
        );
        let given = bob.get(&format!("/api/v1/workspaces/{id}")).await.ok(200);
        assert_eq!(
            (&given["owner"]["name"], &given["status"]),
            (&json!("bob"), &json!("stopped"))
        );
        let key = owner.get(&format!("/api/v1/keys?workspace={id}")).await.ok(200);
        assert_eq!(key["items"][0]["person"]["name"], "bob", "{key}");
        let stored = app.store.workspace_get(id).await.unwrap().unwrap();
        assert!(
            format!("{:?}", stored.resolved).contains("bob"),
            "{:?}",
            stored.resolved
        );
        app.begin(&bob, id, "start").await;
        app.until(&bob, id, "running").await;

        // What is left of her has her name, and nobody else gets it.
        let row = owner.get(&format!("/api/v1/requests/{request}")).await.ok(200);
        assert_eq!(
            (&row["person"], &row["outcome"]),
            (&json!(ann.id), &json!(Outcome::Ok.as_str()))
        );
        let listed = owner.get("/api/v1/requests?person=ann").await.ok(200);
        assert_eq!(listed["items"][0]["id"], json!(request));
        assert_eq!(
            owner.post("/api/v1/users", json!({"name": "ann"})).await.code(),
            "name_taken"
        );
        let invited = owner.post("/api/v1/invitations", json!({"name": "ann"})).await;
        assert_eq!(invited.code(), "name_taken");
        assert_eq!(owner.get("/api/v1/users/ann").await.ok(200)["status"], "deleted");
        let names = fields(&owner.get("/api/v1/users").await.ok(200), "name");
        assert!(!names.contains(&"ann".to_owned()), "{names:?}");
        let names = fields(&owner.get("/api/v1/users?status=deleted").await.ok(200), "name");
        assert_eq!(names, ["ann"]);
        for (method, path, body) in [
            (Method::POST, "/api/v1/users/ann/reactivate", None),
            (Method::POST, "/api/v1/users/ann/suspend", Some(json!({}))),
            (Method::PATCH, "/api/v1/users/ann", Some(json!({"status": "active"}))),
        ] {
            assert_eq!(
                owner.call(method, path, body.as_ref()).await.code(),
                "person_deleted",
                "{path}"
            );
        }
        owner.post("/api/v1/groups", json!({"name": "team"})).await.ok(201);
        assert_eq!(
            owner.put("/api/v1/groups/team/members/ann").await.code(),
            "person_deleted"
        );
        assert_eq!(ann.get("/api/v1/me").await.code(), "person_suspended");
        // Again is as good as once.
        assert_eq!(delete("").await.ok(200)["handed_to"]["name"], "bob");
    });
}

#[test]
fn a_deleted_person_s_workspaces_and_kept_homes_are_removed() {
    test(async |app| {
        app.template("plain", PLAIN).await;
        let owner = app.owner().await;
        let (ann, bob) = (
            app.person("ann", Role::Member).await,
            app.person("bob", Role::Member).await,
        );
        let _running = app.run().await;
        let kept = stopped(&app, &ann, "kept").await;
        ann.delete(&format!("/api/v1/workspaces/{kept}?keep_home=true"))
            .await
            .ok(202);
        app.until_gone(&ann, kept).await;
        let up = app.workspace(&ann, "plain", "up").await;
        let page = ann.get("/api/v1/homes").await.ok(200);
        assert_eq!(
            (
                &page["items"][0]["id"],
                &page["items"][0]["name"],
                &page["items"][0]["disk"]
            ),
            (&json!(kept), &json!("kept"), &json!(2_147_483_648_u64))
        );
        assert_eq!(bob.get("/api/v1/homes").await.ok(200)["items"], json!([]));
        assert_eq!(bob.delete(&format!("/api/v1/homes/{kept}")).await.code(), "not_found");
        assert_eq!(
            owner.get("/api/v1/homes?owner=ann").await.ok(200)["items"][0]["id"],
            json!(kept)
        );
        // One that is not kept, or of a workspace that is there, is none.
        assert_eq!(ann.delete(&format!("/api/v1/homes/{up}")).await.code(), "not_found");
        suspend(&owner, "ann").await;
        let done = owner.delete("/api/v1/users/ann?workspaces=delete").await.ok(200);
        assert_eq!((&done["homes"], &done["handed_to"]), (&json!(1), &Value::Null));
        app.until_gone(&owner, up).await;
        while owner.get("/api/v1/homes").await.ok(200)["items"] != json!([]) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let build = app
            .store
            .build_get(up, 3)
            .await
            .unwrap()
            .or(app.store.build_get(up, 2).await.unwrap());
        assert!(build.is_some());
    });
}

#[test]
fn a_kept_home_counts_until_it_is_removed_and_comes_back_to_nobody() {
    test(async |app| {
        app.template("plain", PLAIN).await;
        let ann = app.person("ann", Role::Member).await;
        let _running = app.run().await;
        let kept = stopped(&app, &ann, "dev").await;
        ann.delete(&format!("/api/v1/workspaces/{kept}?keep_home=true"))
            .await
            .ok(202);
        app.until_gone(&ann, kept).await;
        let disk = async || {
            let usage = app.store.workspaces_usage(ann.id.parse().unwrap()).await.unwrap();
            (usage.workspaces, usage.disk)
        };
        assert_eq!(disk().await, (0, 2 << 30));
        let again = app.workspace(&ann, "plain", "dev").await;
        assert_ne!(again, kept, "another home");
        assert_eq!(disk().await, (1, 4 << 30));
        assert_eq!(ann.delete(&format!("/api/v1/homes/{kept}")).await.status, 204);
        assert_eq!(disk().await, (1, 2 << 30));
        assert_eq!(ann.delete(&format!("/api/v1/homes/{kept}")).await.code(), "not_found");
        let slot = app.store.workspace_get(kept).await.unwrap().unwrap().host_slot;
        assert_eq!(slot, None, "its place is free again");
        assert!(
            app.store
                .workspace_get(again)
                .await
                .unwrap()
                .unwrap()
                .host_slot
                .is_some()
        );
    });
}

#[test]
fn only_a_browser_s_terminal_leads_into_a_browser_only_workspace() {
    test(async |app| {
        app.template("strict", &format!("{PLAIN}\n[browser_only]\nenabled = true\n"))
            .await;
        let ann = app.person("ann", Role::Member).await;
        let browser = claimed(&app, "ann").await;
        let _running = app.run().await;
        let id = app.workspace(&ann, "strict", "dev").await;
        for path in [
            "terminal",
            "exec?command=true",
            "files?path=a",
            "files/list?path=.",
            "ports",
        ] {
            let path = format!("/api/v1/workspaces/{id}/{path}");
            assert_eq!(ann.get(&path).await.code(), "browser_only", "{path}");
            let by_session = browser.get(&path).await.code();
            // It is let in, and only then told that it must be a WebSocket.
            let expected = if path.ends_with("terminal") {
                "upgrade_required"
            } else {
                "browser_only"
            };
            assert_eq!(by_session, expected, "{path}");
        }
        // A page of somebody else's is none of Bailey's.
        let foreign = Request::builder()
            .uri(format!("/api/v1/workspaces/{id}/terminal"))
            .header("origin", "http://evil.example")
            .header("upgrade", "websocket")
            .body(axum::body::Body::empty())
            .unwrap();
        assert_eq!(browser.send(foreign).await.code(), "origin_refused");
    });
}
