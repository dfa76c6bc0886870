//! What a person may not see does not exist for them.

use bailey_core::authz::Role;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{Client, TestApp, fields, test};

const NOTHING: &str = "00000000000000000000000000000000";

/// Things of `ada`, by kind and id.
async fn things(app: &TestApp, owner: &Client, ada: &Client) -> Vec<(&'static str, String)> {
    let id = |v: Value| v["id"].as_str().unwrap().to_owned();
    let key = id(ada.key("adas").await);
    let token = id(ada.post("/api/v1/tokens", json!({"name": "t"})).await.ok(201));
    let request = app.record(ada, Some(&key), "mock", 1_000, 0).await;
    let subject = json!({"kind": "person", "id": "ada"});
    let budget = json!({"subject": subject, "limit": "5", "period": "day"});
    let budget = id(owner.post("/api/v1/budgets", budget).await.ok(201));
    let group = id(owner
        .post("/api/v1/groups", json!({"name": "adas-group"}))
        .await
        .ok(201));
    owner.put(&format!("/api/v1/groups/{group}/members/ada")).await.ok(200);
    vec![
        ("keys", key),
        ("tokens", token),
        ("requests", request),
        ("budgets", budget),
        ("groups", group),
        ("users", ada.id.clone()),
    ]
}

/// The operations on one thing that the role may do at all.
fn operations(kind: &str) -> Vec<(Method, &'static str, Option<Value>)> {
    match kind {
        "keys" => vec![
            (Method::GET, "", None),
            (Method::PATCH, "", Some(json!({"name": "mine now"}))),
            (Method::POST, "/rotate", None),
            (Method::POST, "/revoke", None),
        ],
        "tokens" => vec![(Method::DELETE, "", None)],
        _ => vec![(Method::GET, "", None)],
    }
}

#[test]
fn others_things_answer_like_things_that_do_not_exist() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        let things = things(&app, &owner, &ada).await;
        for role in [Role::Member, Role::TemplateAdmin] {
            let eve = app.person(&format!("eve-{role}"), role).await;
            for (kind, id) in &things {
                let prefix = id.split_once('_').unwrap().0;
                for (method, rest, body) in operations(kind) {
                    let real = format!("/api/v1/{kind}/{id}{rest}");
                    let invented = format!("/api/v1/{kind}/{prefix}_{NOTHING}{rest}");
                    let garbage = format!("/api/v1/{kind}/nothing{rest}");
                    let seen = eve.call(method.clone(), &real, body.as_ref()).await;
                    assert_eq!(seen.code(), "not_found", "{role} {method} {real}");
                    for other in [invented, garbage] {
                        let other = eve.call(method.clone(), &other, body.as_ref()).await;
                        assert_eq!(other.status, seen.status);
                        assert_eq!(other.anonymous(), seen.anonymous(), "{role} {method} {real}");
                        let names = |r: &crate::harness::Reply| r.headers.keys().cloned().collect::<Vec<_>>();
                        assert_eq!(names(&other), names(&seen));
                    }
                }
                let list = eve.get(&format!("/api/v1/{kind}")).await.ok(200);
                assert!(!list.to_string().contains(id.as_str()), "{role} {kind}");
            }
            // Filters tell no more than lists do.
            for path in [
                "keys?person=ada",
                "tokens?person=ada",
                "requests?person=ada",
                "budgets?kind=person&id=ada",
                "users?group=adas-group",
                "keys?group=adas-group",
            ] {
                let list = eve.get(&format!("/api/v1/{path}")).await.ok(200);
                assert_eq!(list["items"], json!([]), "{role} {path}");
            }
            let spend = eve.get("/api/v1/spend?person=ada").await.ok(200);
            assert_eq!(spend["total"]["cost"]["nanos"], 0);
        }
        // And nothing came of trying.
        let key = ada.get(&format!("/api/v1/keys/{}", things[0].1)).await.ok(200);
        assert_eq!((&key["name"], &key["state"]), (&json!("adas"), &json!("active")));
    });
}

#[test]
fn people_see_their_own_and_owners_and_auditors_see_all() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        let auditor = app.person("audrey", Role::Auditor).await;
        for (kind, id) in things(&app, &owner, &ada).await {
            for client in [&ada, &owner, &auditor] {
                let list = client.get(&format!("/api/v1/{kind}")).await.ok(200);
                assert!(fields(&list, "id").contains(&id), "{} {kind}", client.name);
                if kind != "tokens" {
                    let one = client.get(&format!("/api/v1/{kind}/{id}")).await.ok(200);
                    assert_eq!(one["id"], json!(id));
                }
            }
        }
    });
}

#[test]
fn members_of_a_group_see_it_and_not_each_other() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        app.person("bob", Role::Member).await;
        owner.post("/api/v1/groups", json!({"name": "team"})).await.ok(201);
        for name in ["ada", "bob"] {
            owner.put(&format!("/api/v1/groups/team/members/{name}")).await.ok(200);
        }
        let team = ada.get("/api/v1/groups/team").await.ok(200);
        assert_eq!(team["members"].as_array().unwrap().len(), 1, "{team}");
        assert_eq!(
            owner.get("/api/v1/groups/team").await.ok(200)["members"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        assert_eq!(ada.get("/api/v1/users/bob").await.code(), "not_found");
    });
}

#[test]
fn an_auditor_changes_nothing() {
    test(async |app| {
        let ada = app.person("ada", Role::Member).await;
        let auditor = app.person("audrey", Role::Auditor).await;
        let key = ada.key("adas").await["id"].as_str().unwrap().to_owned();
        let token = ada.post("/api/v1/tokens", json!({"name": "t"})).await.ok(201)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        for (method, path) in [
            (Method::PATCH, format!("/api/v1/keys/{key}")),
            (Method::POST, format!("/api/v1/keys/{key}/revoke")),
            (Method::POST, "/api/v1/keys".to_owned()),
            (Method::PATCH, "/api/v1/users/ada".to_owned()),
            (Method::PATCH, "/api/v1/organization".to_owned()),
        ] {
            let reply = auditor.call(method, &path, Some(&json!({"name": "x"}))).await;
            assert_eq!(reply.code(), "forbidden", "{path}");
        }
        // Tokens they revoke are their own.
        assert_eq!(
            auditor.delete(&format!("/api/v1/tokens/{token}")).await.code(),
            "not_found"
        );
    });
}
