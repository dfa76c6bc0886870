//! Keys.

use bailey_core::authz::Role;
use serde_json::{Value, json};

use crate::harness::{fields, test};

fn specs(key: &Value) -> Vec<String> {
    let budgets = key["budgets"].as_array().unwrap();
    let spec = |b: &Value| {
        format!(
            "{}/{}",
            b["limit"]["usd"].as_str().unwrap(),
            b["period"].as_str().unwrap()
        )
    };
    let mut specs: Vec<String> = budgets.iter().map(spec).collect();
    specs.sort();
    specs
}

#[test]
fn each_scope_brings_its_defaults() {
    test(async |app| {
        let owner = app.owner().await;
        for (scope, budget, rpm, tiers, expires) in [
            ("workspace", "5/day", 30, json!(["$", "$$"]), Value::Null),
            ("user", "20/day", 60, json!(["$", "$$"]), json!("2026-12-20T12:00:00Z")),
            ("ci", "10/run", 120, json!(["$"]), json!("2026-11-20T13:00:00Z")),
            ("agent-review", "2/run", 60, json!(["$"]), json!("2026-11-20T13:00:00Z")),
            ("agent-write", "8/run", 30, json!(["$$"]), json!("2026-11-20T14:00:00Z")),
        ] {
            let key = owner
                .post("/api/v1/keys", json!({"name": scope, "scope": scope}))
                .await
                .ok(201);
            assert_eq!(specs(&key), [budget], "{scope}");
            assert_eq!(key["rpm"], rpm, "{scope}");
            assert_eq!(key["models"]["tiers"], tiers, "{scope}");
            assert_eq!(key["expires_at"], expires, "{scope}");
            assert_eq!(key["state"], "active");
            let (secret, prefix) = (key["key"].as_str().unwrap(), key["prefix"].as_str().unwrap());
            assert!(secret.starts_with(prefix) && secret.len() > prefix.len() + 32);
        }
    });
}

#[test]
fn an_administrator_overrides_all_of_them() {
    test(async |app| {
        let owner = app.owner().await;
        app.person("ada", Role::Member).await;
        let body = json!({
            "name": "k", "scope": "user", "person": "ada", "budget": "5/day", "rpm": null, "tpm": 1000, "concurrent": 2,
            "expires_in": "never", "models": {"names": ["claude-opus"]}, "metadata": {"team": "x"},
            "workspace": "ws_00000000000000000000000000000001",
        });
        let key = owner.post("/api/v1/keys", body).await.ok(201);
        assert_eq!(key["person"]["name"], "ada");
        assert_eq!(specs(&key), ["5/day"]);
        assert_eq!(key["rpm"], Value::Null);
        assert_eq!((&key["tpm"], &key["concurrent"]), (&json!(1000), &json!(2)));
        assert_eq!(key["expires_at"], Value::Null);
        assert_eq!(
            key["models"],
            json!({"tiers": [], "names": ["claude-opus"]}),
            "names alone mean whatever tier"
        );
        assert_eq!(key["metadata"], json!({"team": "x"}));
        let several = json!({"name": "k", "budget": ["1/day", {"limit": "10", "period": "month"}]});
        assert_eq!(
            specs(&owner.post("/api/v1/keys", several).await.ok(201)),
            ["1/day", "10/month"]
        );
        let none = owner
            .post("/api/v1/keys", json!({"name": "k", "budget": []}))
            .await
            .ok(201);
        assert_eq!(none["budgets"], json!([]));
    });
}

#[test]
fn a_member_gets_at_most_the_defaults() {
    test(async |app| {
        let ada = app.person("ada", Role::Member).await;
        let models = json!({"tiers": ["$"], "names": ["mock"]});
        let body = json!({"name": "k", "budget": ["1/month"], "rpm": 10, "expires_in": "1d", "models": models});
        let key = ada.post("/api/v1/keys", body).await.ok(201);
        assert_eq!(specs(&key), ["1/month", "20/day"], "the scope's own budget stays");
        assert_eq!(
            (&key["rpm"], &key["expires_at"]),
            (&json!(10), &json!("2026-11-21T12:00:00Z"))
        );
        let refused = ada
            .post("/api/v1/keys", json!({"name": "k", "budget": "21/day", "rpm": 61}))
            .await;
        assert_eq!(
            refused.problem(),
            ("beyond_authority".into(), vec!["/rpm".into(), "/budget".into()])
        );
    });
}

#[test]
fn a_secret_is_shown_once() {
    test(async |app| {
        let owner = app.owner().await;
        let key = owner.key("k").await;
        let secret = key["key"].as_str().unwrap();
        let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
        for shown in [owner.get(&path).await, owner.get("/api/v1/keys").await] {
            assert!(!shown.text.contains(secret), "{}", shown.text);
            assert_eq!(shown.headers["cache-control"], "no-store");
        }
        let (public, hidden) = secret.rsplit_once('-').unwrap();
        assert!(!format!("{:?}", owner.get(&path).await).contains(hidden), "{public}");
    });
}

#[test]
fn rotation_replaces_the_secret_and_revocation_is_for_good() {
    test(async |app| {
        let owner = app.owner().await;
        let key = owner.key("k").await;
        let secret = |k: &Value| k["key"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
        app.gate.authenticate(&secret(&key)).await.unwrap();
        let rotated = owner
            .call(http::Method::POST, &format!("{path}/rotate"), None)
            .await
            .ok(200);
        assert_eq!(rotated["id"], key["id"]);
        assert!(rotated["rotated_at"].is_string());
        app.gate.authenticate(&secret(&key)).await.unwrap_err();
        let entry = app.gate.authenticate(&secret(&rotated)).await.unwrap();
        entry.usable(crate::harness::T0).unwrap();

        for _ in 0..2 {
            let revoked = owner
                .call(http::Method::POST, &format!("{path}/revoke"), None)
                .await
                .ok(200);
            assert_eq!(
                (&revoked["state"], &revoked["revoked_at"]),
                (&json!("revoked"), &json!("2026-11-20T12:00:00Z"))
            );
        }
        assert!(entry.ended().is_cancelled(), "open streams end");
        let entry = app.gate.authenticate(&secret(&rotated)).await.unwrap();
        entry.usable(crate::harness::T0).unwrap_err();
        assert_eq!(
            owner
                .call(http::Method::POST, &format!("{path}/rotate"), None)
                .await
                .code(),
            "revoked"
        );
        assert_eq!(owner.patch(&path, json!({"name": "x"})).await.code(), "revoked");
    });
}

#[test]
fn changes_hold_at_the_next_use() {
    test(async |app| {
        let owner = app.owner().await;
        let key = owner.key("k").await;
        let secret = key["key"].as_str().unwrap();
        let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
        assert_eq!(app.gate.authenticate(secret).await.unwrap().key.rpm, Some(60));
        let changed = owner
            .patch(
                &path,
                json!({"name": "renamed", "rpm": 7, "budget": ["3/day", "9/week"]}),
            )
            .await
            .ok(200);
        assert_eq!(
            (&changed["name"], specs(&changed)),
            (&json!("renamed"), vec!["3/day".to_owned(), "9/week".to_owned()])
        );
        let entry = app.gate.authenticate(secret).await.unwrap();
        assert_eq!((entry.key.rpm, entry.budgets.len()), (Some(7), 2));
        owner
            .patch(&path, json!({"rpm": null, "expires_in": "1h"}))
            .await
            .ok(200);
        let entry = app.gate.authenticate(secret).await.unwrap();
        assert_eq!(
            (entry.key.rpm, entry.key.expires_at),
            (None, Some(crate::harness::T0.plus_seconds(3_600)))
        );
        app.clock.advance(3_600);
        assert_eq!(owner.get(&path).await.ok(200)["state"], "expired");
        owner
            .patch("/api/v1/users/owner", json!({"display_name": "The owner"}))
            .await
            .ok(200);
    });
}

#[test]
fn lists_are_filtered_and_paged() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        for n in 0..5 {
            app.clock.advance(1);
            owner.key(&format!("k{n}")).await;
        }
        let id = ada.key("adas").await["id"].as_str().unwrap().to_owned();
        owner
            .call(http::Method::POST, &format!("/api/v1/keys/{id}/revoke"), None)
            .await
            .ok(200);
        assert_eq!(
            fields(&owner.get("/api/v1/keys?person=ada").await.ok(200), "name"),
            ["adas"]
        );
        assert_eq!(
            fields(&owner.get("/api/v1/keys?state=revoked").await.ok(200), "name"),
            ["adas"]
        );
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = owner
                .get(&format!("/api/v1/keys?limit=2&state=active{cursor}"))
                .await
                .ok(200);
            names.extend(fields(&page, "name"));
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            assert!(!next.contains("key_"), "a cursor is opaque");
            assert_eq!(
                owner.get(&format!("/api/v1/users?cursor={next}")).await.code(),
                "invalid_query"
            );
            cursor = format!("&cursor={next}");
        }
        assert_eq!(names, ["k4", "k3", "k2", "k1", "k0"]);
    });
}
