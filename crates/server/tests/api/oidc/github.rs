//! GitHub, limited to organizations.

use bailey_testkit::idp::{CLIENT, Idp, SECRET};
use serde_json::{Value, json};

use super::{claim, groups, idp, me, refused, sign_in_at, signed_in};
use crate::harness::test_with;

fn github(idp: &Idp) -> String {
    format!(
        "[[sign_in.providers]]\nname = \"github\"\nkind = \"github\"\nbase_url = \"{}\"\nclient_id = \"{CLIENT}\"\n\
         client_secret = \"{SECRET}\"\norganizations = [\"acme\"]\n\
         [sign_in.providers.roles]\n\"acme/admins\" = \"template-admin\"\n[sign_in.providers.groups]\nacme = \"everyone\"\n",
        idp.issuer()
    )
}

fn says(idp: &Idp, state: &str, teams: &Value) {
    idp.behave(|b| {
        b.github.insert(
            "user".to_owned(),
            json!({"id": 583_231, "login": "Octo-Cat", "name": null}),
        );
        let emails = json!([
            {"email": "old@example.com", "primary": false, "verified": true},
            {"email": "octo@example.com", "primary": true, "verified": true},
        ]);
        b.github.insert("user/emails".to_owned(), emails);
        // More than one page.
        let mut memberships: Vec<Value> = (0..100)
            .map(|n| json!({"state": "active", "organization": {"login": format!("other-{n}")}}))
            .collect();
        memberships.push(json!({"state": state, "organization": {"login": "acme"}}));
        b.github.insert("user/memberships/orgs".to_owned(), json!(memberships));
        b.github.insert("user/teams".to_owned(), teams.clone());
    });
}

#[test]
fn members_of_the_organization_are_let_in() {
    let idp = idp();
    test_with(&github(&idp), async |app| {
        claim(&app).await;
        says(
            &idp,
            "pending",
            &json!([{"slug": "admins", "organization": {"login": "acme"}}]),
        );
        refused(
            &app,
            &sign_in_at(&app, &idp, "github").await,
            "sign_in_not_allowed",
            "only invited",
        )
        .await;
        says(
            &idp,
            "active",
            &json!([{"slug": "admins", "organization": {"login": "another"}}]),
        );
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "github").await);
        let octo = me(&browser).await;
        assert_eq!(
            (&octo["user"]["name"], &octo["user"]["email"]),
            (&json!("octo-cat"), &json!("octo@example.com"))
        );
        assert_eq!(
            (octo["user"]["role"].as_str(), groups(&octo)),
            (Some("member"), vec!["everyone"])
        );
        says(
            &idp,
            "active",
            &json!([{"slug": "admins", "organization": {"login": "acme"}}]),
        );
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "github").await);
        assert_eq!(me(&browser).await["user"]["role"], "template-admin");
        let identities = browser.get("/api/v1/me/identities").await.ok(200);
        assert_eq!(identities[0]["subject"], "583231");
        // Nothing of GitHub's lasts for a time that a session would have to follow, and it has no page for signing out.
        assert_eq!(browser.post("/api/v1/sign-out", json!({})).await.status, 204);
    });
}

#[test]
fn a_github_that_does_not_answer_or_knows_nobody_lets_nobody_in() {
    let idp = idp();
    test_with(&github(&idp), async |app| {
        claim(&app).await;
        refused(
            &app,
            &sign_in_at(&app, &idp, "github").await,
            "provider_unavailable",
            "it knows nobody",
        )
        .await;
        says(&idp, "active", &json!([]));
        idp.behave(|b| drop(b.github.remove("user/memberships/orgs")));
        refused(
            &app,
            &sign_in_at(&app, &idp, "github").await,
            "provider_unavailable",
            "no memberships",
        )
        .await;
    });
}
