//! Invitations, and the people they make.

use bailey_core::authz::Role;
use serde_json::json;

use crate::harness::{Client, test};
use crate::sign_in::{PASSWORD, sign_in};

#[test]
fn an_invitation_makes_a_person_once() {
    test(async |app| {
        let owner = app.owner().await;
        owner.post("/api/v1/groups", json!({"name": "dev"})).await.ok(201);
        let ask = json!({"name": "eve", "role": "template-admin", "groups": ["dev"], "expires_in": "2d"});
        let made = app.browse(&owner).await.post("/api/v1/invitations", ask).await.ok(201);
        let link = made["link"].as_str().unwrap();
        let token = link.strip_prefix("http://localhost:7080/invitation#").unwrap();
        assert_eq!(made["groups"][0]["name"], "dev");
        let list = owner.get("/api/v1/invitations").await.ok(200);
        assert_eq!(list["items"][0]["id"], made["id"]);
        assert!(!list.to_string().contains(token) && !list.to_string().contains("link"));

        let accept = async |token: &str, password: &str| {
            let body = json!({"token": token, "password": password, "display_name": "Eve"});
            app.browser().post("/api/v1/invitations/accept", body).await
        };
        assert_eq!(accept(token, "short").await.problem().1, ["/password"]);
        let reply = accept(token, PASSWORD).await;
        let me = app.browser().keep(&reply).get("/api/v1/me").await.ok(200);
        assert_eq!(
            (&me["user"]["name"], &me["user"]["display_name"]),
            (&json!("eve"), &json!("Eve"))
        );
        assert_eq!(
            (&me["user"]["role"], &me["groups"][0]["name"]),
            (&json!("template-admin"), &json!("dev"))
        );
        assert_eq!(accept(token, PASSWORD).await.code(), "link_invalid");
        assert_eq!(owner.get("/api/v1/invitations").await.ok(200)["items"], json!([]));
        sign_in(&app.browser(), "eve", PASSWORD, None).await.ok(200);
        let again = owner.post("/api/v1/invitations", json!({"name": "eve"})).await;
        assert_eq!(again.code(), "name_taken");
    });
}

#[test]
fn an_invitation_falls_with_whoever_made_it_and_with_time() {
    test(async |app| {
        let (owner, second) = (app.owner().await, app.person("second", Role::Owner).await);
        let invite = async |by: &Client, name: &str| {
            let made = by.post("/api/v1/invitations", json!({ "name": name })).await.ok(201);
            let token = made["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
            (token, made["id"].as_str().unwrap().to_owned())
        };
        let accept = async |token: &str| {
            let body = json!({"token": token, "password": PASSWORD});
            app.browser().post("/api/v1/invitations/accept", body).await
        };
        let (token, _) = invite(&second, "a").await;
        owner
            .patch("/api/v1/users/second", json!({"role": "member"}))
            .await
            .ok(200);
        assert_eq!(accept(&token).await.code(), "link_invalid");
        let (token, id) = invite(&owner, "b").await;
        let path = format!("/api/v1/invitations/{id}");
        assert_eq!(owner.delete(&path).await.status, 204);
        assert_eq!(owner.delete(&path).await.status, 204);
        assert_eq!(accept(&token).await.code(), "link_invalid");
        let (token, _) = invite(&owner, "c").await;
        app.clock.advance(7 * 86_400);
        assert_eq!(accept(&token).await.code(), "link_invalid");
        for (field, value) in [("expires_in", "31d"), ("expires_in", "never"), ("name", "A b")] {
            let mut ask = json!({"name": "d"});
            ask[field] = json!(value);
            assert_eq!(
                owner.post("/api/v1/invitations", ask).await.problem().1,
                [format!("/{field}")]
            );
        }
        let ask = json!({"name": "d", "groups": ["none"]});
        assert_eq!(owner.post("/api/v1/invitations", ask).await.problem().1, ["/groups/0"]);
        let narrow = app.narrowed(&owner, &["people.write"]).await;
        let ask = json!({"name": "d", "role": "auditor"});
        assert_eq!(narrow.post("/api/v1/invitations", ask).await.code(), "beyond_authority");
    });
}
