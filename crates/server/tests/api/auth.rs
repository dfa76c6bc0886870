//! Who gets in.

use axum::body::Body;
use bailey_core::authz::Role;
use http::{Method, Request};
use serde_json::json;

use crate::harness::{Client, Reply, test};

async fn with_header(client: &Client, values: &[&str]) -> Reply {
    let mut request = Request::builder().method(Method::GET).uri("/api/v1/me");
    for value in values {
        request = request.header("authorization", *value);
    }
    client.send(request.body(Body::empty()).unwrap()).await
}

#[test]
fn only_a_good_token_opens_the_api() {
    test(async |app| {
        let owner = app.owner().await;
        let nobody = app.nobody();
        let good = owner.token.clone();
        assert_eq!(nobody.get("/api/v1/me").await.code(), "token_missing");
        with_header(&nobody, &[&format!("bearer {good}")]).await.ok(200);
        let mut wrong = good.clone();
        wrong.replace_range(good.len() - 1.., if good.ends_with('0') { "1" } else { "0" });
        let key = owner.key("k").await["key"].as_str().unwrap().to_owned();
        let stored_form = format!("bly_{}_{}", &good[4..20], "0".repeat(64));
        for bad in [
            "Bearer",
            "Bearer ",
            "Basic b3duZXI6",
            &good,
            &format!("Bearer  {good}"),
            &format!("Bearer {good} "),
            &format!("Token {good}"),
            &format!("Bearer {wrong}"),
            &format!("Bearer {}", &good[..20]),
            &format!("Bearer {key}"),
            &format!("Bearer {stored_form}"),
        ] {
            let reply = with_header(&nobody, &[bad]).await;
            assert_eq!(reply.code(), "token_invalid", "{bad}");
            assert_eq!(reply.status, 401);
            assert!(reply.headers.contains_key("www-authenticate"));
            assert!(!reply.text.contains(&good), "a token is never repeated");
        }
        let twice = format!("Bearer {good}");
        assert_eq!(with_header(&nobody, &[&twice, &twice]).await.code(), "token_invalid");
        let query = nobody.get(&format!("/api/v1/me?access_token={good}")).await;
        assert_eq!(query.code(), "token_missing", "tokens in addresses end up in logs");
    });
}

#[test]
fn an_unknown_token_and_a_wrong_secret_answer_the_same() {
    test(async |app| {
        let owner = app.owner().await;
        let unknown = format!("Bearer bly_{}_{}", "0".repeat(16), "0".repeat(64));
        let wrong = format!("Bearer {}{}", &owner.token[..21], "0".repeat(64));
        let (unknown, wrong) = (
            with_header(&app.nobody(), &[&unknown]).await,
            with_header(&app.nobody(), &[&wrong]).await,
        );
        assert_eq!(unknown.anonymous(), wrong.anonymous());
    });
}

#[test]
fn a_token_ends_when_it_expires_or_is_revoked() {
    test(async |app| {
        let owner = app.owner().await;
        let made = owner
            .post("/api/v1/tokens", json!({"name": "short", "expires_in": "60s"}))
            .await
            .ok(201);
        let short = owner.with_token(&made["token"]);
        short.get("/api/v1/me").await.ok(200);
        app.clock.advance(59);
        short.get("/api/v1/me").await.ok(200);
        app.clock.advance(1);
        assert_eq!(short.get("/api/v1/me").await.code(), "token_invalid");

        let made = owner.post("/api/v1/tokens", json!({"name": "other"})).await.ok(201);
        assert_eq!(made["scopes"], json!(["*"]));
        let other = owner.with_token(&made["token"]);
        other.get("/api/v1/me").await.ok(200);
        let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
        assert_eq!(owner.delete(&path).await.status, 204);
        assert_eq!(owner.delete(&path).await.status, 204, "again is as good as once");
        assert_eq!(other.get("/api/v1/me").await.code(), "token_invalid");
    });
}

#[test]
fn a_suspended_person_is_out_at_once() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Owner).await;
        ada.get("/api/v1/keys").await.ok(200);
        owner
            .patch("/api/v1/users/ada", json!({"status": "suspended"}))
            .await
            .ok(200);
        let reply = ada.get("/api/v1/keys").await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (403, "person_suspended")
        );
        owner
            .patch("/api/v1/users/ada", json!({"status": "active", "role": "auditor"}))
            .await
            .ok(200);
        assert_eq!(
            ada.get("/api/v1/keys").await.code(),
            "token_invalid",
            "and stays revoked"
        );
        let ada = app.narrowed(&ada, &["*"]).await;
        ada.get("/api/v1/keys").await.ok(200);
        assert_eq!(ada.post("/api/v1/keys", json!({"name": "k"})).await.code(), "forbidden");
    });
}

#[test]
fn a_narrowed_token_does_only_what_it_says() {
    test(async |app| {
        let owner = app.owner().await;
        let reader = app.narrowed(&owner, &["keys.read", "tokens.create"]).await;
        reader.get("/api/v1/keys").await.ok(200);
        assert_eq!(
            reader.post("/api/v1/keys", json!({"name": "k"})).await.code(),
            "forbidden"
        );
        assert_eq!(reader.get("/api/v1/users").await.code(), "forbidden");
        let me = reader.get("/api/v1/me").await.ok(200);
        assert_eq!(me["scopes"], json!(["keys.read", "tokens.create"]));
        let allowed: Vec<_> = me["allowed"].as_array().unwrap().iter().map(|a| &a["action"]).collect();
        assert_eq!(allowed, ["keys.read", "tokens.create"]);

        // Nor does it give what it has not.
        for scopes in [
            json!(["*"]),
            json!(["keys.create"]),
            json!(["keys.read", "budgets.write"]),
        ] {
            let reply = reader
                .post("/api/v1/tokens", json!({"name": "t", "scopes": scopes}))
                .await;
            assert_eq!(reply.problem(), ("beyond_authority".into(), vec!["/scopes".into()]));
        }
        let made = reader.post("/api/v1/tokens", json!({"name": "t"})).await.ok(201);
        assert_eq!(
            made["scopes"],
            json!(["keys.read", "tokens.create"]),
            "the same if nothing is said"
        );
    });
}

#[test]
fn a_rotated_token_works_on_until_the_overlap_is_over() {
    test(async |app| {
        let (owner, ada) = (app.owner().await, app.person("ada", Role::Member).await);
        let made = ada
            .post(
                "/api/v1/tokens",
                json!({"name": "job", "scopes": ["keys.read", "tokens.create"], "expires_in": "7d"}),
            )
            .await
            .ok(201);
        let old = ada.with_token(&made["token"]);
        app.clock.advance(6 * 86_400);
        let path = format!("/api/v1/tokens/{}/rotate", made["id"].as_str().unwrap());
        let rotated = old.post(&path, json!({"overlap": "1h"})).await.ok(201);
        let new = ada.with_token(&rotated["token"]);
        assert_eq!((&rotated["name"], &rotated["scopes"]), (&made["name"], &made["scopes"]));
        assert_eq!(rotated["expires_at"], "2026-12-03T12:00:00Z");
        for client in [&old, &new] {
            client.get("/api/v1/keys").await.ok(200);
        }
        app.clock.advance(3_600);
        assert_eq!(old.get("/api/v1/keys").await.code(), "token_invalid");
        new.get("/api/v1/keys").await.ok(200);
        assert_eq!(new.post(&path, json!({})).await.code(), "revoked");

        // Nobody rotates what they could not have made.
        let wide = ada.post("/api/v1/tokens", json!({"name": "wide"})).await.ok(201);
        let path = format!("/api/v1/tokens/{}/rotate", wide["id"].as_str().unwrap());
        assert_eq!(new.post(&path, json!({})).await.code(), "beyond_authority");
        assert_eq!(
            app.person("eve", Role::Member)
                .await
                .post(&path, json!({}))
                .await
                .code(),
            "not_found"
        );
        assert_eq!(
            owner.post(&path, json!({"overlap": "8d"})).await.problem().1,
            ["/overlap"]
        );
        // Whoever could go into ada's workspaces with it does not get it.
        assert_eq!(owner.post(&path, json!({})).await.problem().1, ["/scopes"]);
    });
}
