//! People, groups, the organization, budgets, tokens.

use bailey_core::authz::Role;
use serde_json::{Value, json};

use crate::harness::{fields, test};

#[test]
fn people_are_made_changed_and_listed() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = owner
            .post("/api/v1/users", json!({"name": "ada", "email": "ada@example.com"}))
            .await
            .ok(201);
        assert_eq!(
            (&ada["role"], &ada["status"], &ada["display_name"]),
            (&json!("member"), &json!("active"), &json!("ada"))
        );
        assert_eq!(
            owner.post("/api/v1/users", json!({"name": "ada"})).await.code(),
            "name_taken"
        );
        for name in ["", "Ada", "-ada", "ada lovelace", "a/b", "é"] {
            let reply = owner.post("/api/v1/users", json!({"name": name})).await;
            assert_eq!(
                reply.problem(),
                ("invalid_fields".into(), vec!["/name".into()]),
                "{name}"
            );
        }
        let id = ada["id"].as_str().unwrap();
        for path in [format!("/api/v1/users/{id}"), "/api/v1/users/ada".to_owned()] {
            assert_eq!(owner.get(&path).await.ok(200)["id"], ada["id"]);
        }
        let changed = owner
            .patch("/api/v1/users/ada", json!({"email": null, "display_name": "Ada L."}))
            .await
            .ok(200);
        assert_eq!(
            (&changed["email"], &changed["display_name"]),
            (&Value::Null, &json!("Ada L."))
        );
        owner
            .patch("/api/v1/users/ada", json!({"status": "suspended"}))
            .await
            .ok(200);
        let list = owner.get("/api/v1/users?status=suspended").await.ok(200);
        assert_eq!(fields(&list, "name"), ["ada"]);
    });
}

#[test]
fn an_active_owner_remains() {
    test(async |app| {
        let owner = app.owner().await;
        for (body, code) in [
            (json!({"role": "member"}), "last_owner"),
            (json!({"status": "suspended"}), "own_account"),
        ] {
            assert_eq!(owner.patch("/api/v1/users/owner", body).await.code(), code);
        }
        let ada = app.person("ada", Role::Owner).await;
        // Two owners who each remove the other: one of them is too late.
        let (a, b) = tokio::join!(
            owner.patch("/api/v1/users/ada", json!({"role": "member"})),
            ada.patch("/api/v1/users/owner", json!({"role": "member"})),
        );
        let won = [a, b].iter().filter(|r| r.status == 200).count();
        assert_eq!(won, 1);
    });
}

#[test]
fn groups_have_members_and_one_is_charged() {
    test(async |app| {
        let owner = app.owner().await;
        app.person("ada", Role::Member).await;
        let team = owner
            .post("/api/v1/groups", json!({"name": "team", "display_name": "The team"}))
            .await
            .ok(201);
        assert_eq!(
            owner.post("/api/v1/groups", json!({"name": "team"})).await.code(),
            "name_taken"
        );
        let charge = json!({"charged_group": "team"});
        let early = owner.patch("/api/v1/users/ada", charge.clone()).await;
        assert_eq!(
            early.problem(),
            ("invalid_fields".into(), vec!["/charged_group".into()])
        );
        let detail = owner.put("/api/v1/groups/team/members/ada").await.ok(200);
        assert_eq!(detail["members"][0]["name"], "ada");
        let ada = owner.patch("/api/v1/users/ada", charge).await.ok(200);
        assert_eq!(ada["charged_group"], team["id"]);
        assert_eq!(
            fields(&owner.get("/api/v1/users?group=team").await.ok(200), "name"),
            ["ada"]
        );
        owner
            .patch("/api/v1/groups/team", json!({"name": "crew"}))
            .await
            .ok(200);
        assert_eq!(owner.get("/api/v1/groups/team").await.code(), "not_found");
        owner.delete("/api/v1/groups/crew/members/ada").await.ok(200);
        assert_eq!(
            owner.get("/api/v1/users/ada").await.ok(200)["charged_group"],
            Value::Null
        );
        assert_eq!(
            owner.put("/api/v1/groups/crew/members/nobody").await.code(),
            "not_found"
        );
        assert_eq!(owner.delete("/api/v1/groups/crew").await.status, 204);
        assert_eq!(owner.delete("/api/v1/groups/crew").await.code(), "not_found");
    });
}

#[test]
fn the_organization_has_a_name() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        let changed = owner
            .patch("/api/v1/organization", json!({"display_name": "Acme"}))
            .await
            .ok(200);
        assert_eq!(ada.get("/api/v1/organization").await.ok(200), changed);
    });
}

#[test]
fn budgets_are_set_for_everybody() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        owner.post("/api/v1/groups", json!({"name": "team"})).await.ok(201);
        let key = ada.key("k").await["id"].as_str().unwrap().to_owned();
        app.record(&ada, Some(&key), "mock", 750_000_000, 0).await;
        let create = async |kind: &str, id: Value, period: &str| {
            let body = json!({"subject": {"kind": kind, "id": id}, "limit": "5", "period": period});
            owner.post("/api/v1/budgets", body).await
        };
        let person = create("person", json!("ada"), "month").await.ok(201);
        assert_eq!(
            person["spent"],
            json!({"usd": "0.75", "nanos": 750_000_000}),
            "what was spent counts"
        );
        assert_eq!(person["left"]["usd"], "4.25");
        assert_eq!(person["resets_at"], "2026-12-01T00:00:00Z");
        create("group", json!("team"), "week").await.ok(201);
        let organization = create("organization", Value::Null, "total").await.ok(201);
        assert_eq!(organization["resets_at"], Value::Null);
        create("key", json!(key), "total").await.ok(201);
        assert_eq!(create("person", json!("ada"), "month").await.code(), "already_exists");
        assert_eq!(create("person", json!("ada"), "run").await.problem().1, ["/period"]);
        assert_eq!(
            create("person", json!("nobody"), "day").await.problem().1,
            ["/subject/id"]
        );

        assert_eq!(
            owner.get("/api/v1/budgets").await.ok(200)["items"]
                .as_array()
                .unwrap()
                .len(),
            5
        );
        let own = ada.get("/api/v1/budgets").await.ok(200);
        assert_eq!(
            own["items"].as_array().unwrap().len(),
            3,
            "those of the person and their keys"
        );
        let list = owner.get("/api/v1/budgets?kind=organization").await.ok(200);
        assert_eq!(fields(&list, "id"), [organization["id"].as_str().unwrap()]);

        let path = format!("/api/v1/budgets/{}", person["id"].as_str().unwrap());
        assert_eq!(
            owner.patch(&path, json!({"limit": "0.50"})).await.ok(200)["left"]["nanos"],
            0
        );
        assert_eq!(owner.delete(&path).await.status, 204);
        assert_eq!(owner.get(&path).await.code(), "not_found");
    });
}

#[test]
fn tokens_are_made_for_oneself_or_by_owners_for_others() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        let made = owner
            .post(
                "/api/v1/tokens",
                json!({"name": "t", "person": "ada", "scopes": ["keys.read"]}),
            )
            .await
            .ok(201);
        assert_eq!(
            (&made["person"], &made["expires_at"]),
            (&json!(ada.id), &json!("2027-02-18T12:00:00Z"))
        );
        let secret = made["token"].as_str().unwrap();
        assert!(secret.starts_with(made["prefix"].as_str().unwrap()));
        let list = ada.get("/api/v1/tokens").await;
        assert!(!list.text.contains(secret));
        let bad = owner
            .post("/api/v1/tokens", json!({"name": "t", "scopes": ["keys.reed"]}))
            .await;
        assert_eq!(bad.problem(), ("invalid_fields".into(), vec!["/scopes".into()]));
        assert_eq!(
            owner
                .post("/api/v1/tokens", json!({"name": "t", "scopes": []}))
                .await
                .code(),
            "invalid_fields"
        );
        let never = owner
            .post("/api/v1/tokens", json!({"name": "t", "expires_in": "never"}))
            .await
            .ok(201);
        assert_eq!(never["expires_at"], Value::Null);
    });
}

#[test]
fn models_and_prices_are_shown_to_everyone() {
    test(async |app| {
        let ada = app.person("ada", Role::Member).await;
        assert_eq!(ada.get("/api/v1/models").await.ok(200), json!({"items": []}));
        let prices = ada.get("/api/v1/prices").await.ok(200);
        assert!(prices["version"].is_string() && prices["models"].as_u64().unwrap() > 0);
        assert_eq!(prices["price"], Value::Null);
        let none = ada.get("/api/v1/prices?provider=anthropic&model=nothing").await.ok(200);
        assert_eq!(none["price"], Value::Null);
    });
}
