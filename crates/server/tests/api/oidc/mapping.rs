//! Roles and groups that a provider gives, and takes.

use bailey_core::authz::{Action, Reach, Role};
use serde_json::json;

use super::{claim, go, groups, idp, me, provider, sign_in_at, signed_in};
use crate::harness::test_with;

const MAPPING: &str = "[sign_in.providers.roles]\nadmins = \"template-admin\"\nbosses = \"owner\"\nreviewers = \"reviewer\"\n\
    [sign_in.providers.groups]\ndev = \"dev\"\nops = \"operations\"";

#[test]
fn groups_and_roles_follow_the_provider_at_each_sign_in() {
    let idp = idp();
    test_with(&provider("acme", &idp, MAPPING), async |app| {
        claim(&app).await;
        let owner = app.owner().await;
        let first = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        let ada = me(&first).await;
        assert_eq!(
            (ada["user"]["role"].as_str(), groups(&ada)),
            (Some("member"), vec!["dev"])
        );
        // A membership that somebody decided here.
        owner.post("/api/v1/groups", json!({"name": "friends"})).await.ok(201);
        for group in ["friends"] {
            owner
                .call(http::Method::PUT, &format!("/api/v1/groups/{group}/members/ada"), None)
                .await;
        }
        idp.behave(|b| b.person["groups"] = json!(["ops", "admins", "unheard-of"]));
        let second = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        let ada = me(&second).await;
        assert_eq!(ada["user"]["role"], "template-admin");
        assert_eq!(groups(&ada), ["friends", "operations"]);
        // What the provider takes away is gone at once, in every session.
        idp.behave(|b| b.person["groups"] = json!([]));
        let third = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        for browser in [&second, &third] {
            let ada = me(browser).await;
            assert_eq!(
                (ada["user"]["role"].as_str(), groups(&ada)),
                (Some("member"), vec!["friends"])
            );
        }
        // What it gave and somebody confirmed here stays.
        idp.behave(|b| b.person["groups"] = json!(["dev"]));
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        owner
            .call(http::Method::PUT, "/api/v1/groups/dev/members/ada", None)
            .await;
        idp.behave(|b| b.person["groups"] = json!([]));
        let last = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(groups(&me(&last).await), ["dev", "friends"]);
    });
}

#[test]
fn a_role_that_somebody_gave_by_hand_is_not_the_providers_to_take() {
    let idp = idp();
    test_with(&provider("acme", &idp, MAPPING), async |app| {
        claim(&app).await;
        let owner = app.owner().await;
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        owner
            .patch("/api/v1/users/ada", json!({"role": "auditor"}))
            .await
            .ok(200);
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(me(&browser).await["user"]["role"], "auditor");
        idp.behave(|b| b.person["groups"] = json!(["bosses"]));
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(me(&browser).await["user"]["role"], "owner");
        idp.behave(|b| b.person["groups"] = json!([]));
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(me(&browser).await["user"]["role"], "auditor");
    });
}

#[test]
fn roles_of_ones_own_making_are_granted_and_taken_back() {
    let idp = idp();
    idp.behave(|b| b.person["groups"] = json!(["reviewers"]));
    test_with(&provider("acme", &idp, MAPPING), async |app| {
        claim(&app).await;
        let owner = app.owner().await;
        let role = json!({"name": "reviewer", "permissions": [{"action": "ledger.read", "reach": "all"}]});
        owner.post("/api/v1/roles", role).await.ok(201);
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        let grants = async || owner.get("/api/v1/grants?person=ada").await.ok(200)["items"].clone();
        let held = grants().await;
        assert_eq!(
            (&held[0]["role"], &held[0]["source"]),
            (&json!("reviewer"), &json!("provider"))
        );
        idp.behave(|b| b.person["groups"] = json!([]));
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(grants().await, json!([]));
    });
}

#[test]
fn the_last_owner_stays_one_and_the_suspended_stay_out() {
    let idp = idp();
    idp.behave(|b| b.person["groups"] = json!(["bosses"]));
    test_with(&provider("acme", &idp, MAPPING), async |app| {
        claim(&app).await;
        let owner = app.owner().await;
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        let ada = me(&browser).await["user"]["id"].as_str().unwrap().to_owned();
        owner
            .patch("/api/v1/users/owner", json!({"role": "member"}))
            .await
            .ok(200);
        idp.behave(|b| b.person["groups"] = json!([]));
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(me(&browser).await["user"]["role"], "owner", "the last one");
        let person = app.store.person_get(owner.id.parse().unwrap()).await.unwrap().unwrap();
        let person = bailey_core::people::Person {
            role: Role::Owner,
            ..person
        };
        app.store.person_update(&person).await.unwrap();
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(me(&browser).await["user"]["role"], "member", "there is another one");
        owner
            .patch(&format!("/api/v1/users/{ada}"), json!({"status": "suspended"}))
            .await
            .ok(200);
        let reply = sign_in_at(&app, &idp, "acme").await;
        assert_eq!(super::location(&reply), "/sign-in?error=person_suspended");
        assert_eq!(super::cookie(&reply, super::SESSION), None);
        assert_eq!(browser.get("/api/v1/me").await.status, 401);
        let _ = go;
    });
}

#[test]
fn a_group_is_not_renamed_into_one_that_a_provider_gives() {
    let idp = idp();
    test_with(&provider("acme", &idp, MAPPING), async |app| {
        claim(&app).await;
        let owner = app.owner().await;
        let mallory = app.person("mallory", Role::Member).await;
        app.role(
            "grouper",
            &[(Action::GroupRead, Reach::All), (Action::GroupWrite, Reach::All)],
        )
        .await;
        let grants = "/api/v1/grants";
        owner
            .post(grants, json!({"role": "grouper", "person": "mallory"}))
            .await
            .ok(201);
        for name in ["admins", "dev", "harmless"] {
            owner.post("/api/v1/groups", json!({ "name": name })).await.ok(201);
        }
        owner
            .post(grants, json!({"role": "owner", "group": "admins"}))
            .await
            .ok(201);
        for (group, name) in [("dev", "dev-old"), ("harmless", "operations"), ("admins", "other")] {
            let reply = mallory
                .patch(&format!("/api/v1/groups/{group}"), json!({ "name": name }))
                .await;
            assert!([403, 422].contains(&reply.status.as_u16()), "{group}: {}", reply.text);
        }
        let reply = mallory
            .patch("/api/v1/groups/harmless", json!({"name": "peaceful"}))
            .await;
        reply.ok(200);
    });
}

#[test]
fn what_a_provider_gives_and_takes_is_in_the_audit_log() {
    let idp = idp();
    test_with(&provider("acme", &idp, MAPPING), async |app| {
        claim(&app).await;
        app.role("reviewer", &[(Action::LedgerRead, Reach::All)]).await;
        let owner = app.owner().await;
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        idp.behave(|b| b.person["groups"] = json!(["ops", "reviewers"]));
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        app.audit.flush().await.unwrap();
        let entries = owner.get("/api/v1/audit?action=users.gifts_by_provider").await.ok(200);
        let entries = entries["items"].as_array().unwrap();
        assert_eq!(entries.len(), 1, "{entries:?}");
        let given = |groups: &[&str], roles: &[&str]| json!({ "provider": "acme", "groups": groups, "roles": roles });
        assert_eq!(
            (&entries[0]["before"], &entries[0]["after"]),
            (&given(&["dev"], &[]), &given(&["operations"], &["reviewer"]))
        );
    });
}
