//! Linking identities to people, and removing them.

use axum::body::Body;
use bailey_core::authz::Role;
use http::Request;
use serde_json::json;

use super::{FLOW, SESSION, advance, claim, cookie, go, idp, location, me, provider, sign_in_at, signed_in, visit};
use crate::harness::{Client, Reply, TestApp, test_with};
use crate::sign_in::{PASSWORD, claimed};

const START: &str = "/auth/acme/start?link=true&return=/profile";

async fn link(app: &TestApp, idp: &bailey_testkit::idp::Idp, browser: &Client) -> Reply {
    let session = browser.cookie.clone().unwrap();
    let visit = visit(app, idp, START, &[(SESSION, &session)]).await;
    go(app, &visit.url, &[(SESSION, &session), (FLOW, &visit.flow)]).await
}

#[test]
fn somebody_who_just_showed_who_they_are_links_an_identity() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        let browser = claimed(&app, "owner").await;
        let linked = link(&app, &idp, &browser).await;
        assert_eq!(location(&linked), "/profile");
        assert_eq!(cookie(&linked, SESSION), None, "the session stays as it is");
        let identities = browser.get("/api/v1/me/identities").await.ok(200);
        assert_eq!(identities[0]["subject"], "248289761001");
        assert_eq!(
            (&identities[0]["provider"], &identities[0]["login"]),
            (&json!("acme"), &json!("ada"))
        );
        // From now on it signs them in.
        let other = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(me(&other).await["user"]["name"], "owner");
        assert_eq!(me(&other).await["user"]["role"], "owner", "linking takes nothing away");
        assert_eq!(
            location(&link(&app, &idp, &browser).await),
            "/profile",
            "again is as good as once"
        );
        // Removing it ends what began with it, and not the session that asks.
        let path = format!("/api/v1/me/identities/{}", identities[0]["id"].as_str().unwrap());
        assert_eq!(browser.delete(&path).await.status, 204);
        assert_eq!(browser.delete(&path).await.code(), "not_found");
        assert_eq!(other.get("/api/v1/me").await.code(), "session_ended");
        me(&browser).await;
    });
}

#[test]
fn an_identity_is_one_persons_and_the_last_way_in_stays() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let ada = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        let identities = ada.get("/api/v1/me/identities").await.ok(200);
        let path = format!("/api/v1/me/identities/{}", identities[0]["id"].as_str().unwrap());
        assert_eq!(ada.delete(&path).await.code(), "last_way_in");
        let eve = app.person("eve", Role::Member).await;
        let eve = app.browse(&eve).await;
        assert_eq!(eve.delete(&path).await.code(), "not_found");
        assert_eq!(location(&link(&app, &idp, &eve).await), "/profile?error=identity_taken");
        assert_eq!(eve.get("/api/v1/me/identities").await.ok(200), json!([]));
        me(&ada).await;
    });
}

#[test]
fn linking_asks_who_it_is_and_only_of_ones_own_pages() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        let browser = claimed(&app, "owner").await;
        assert_eq!(location(&go(&app, START, &[]).await), "/profile?error=session_ended");
        advance(&app, &idp, 300);
        let session = browser.cookie.clone().unwrap();
        let late = go(&app, START, &[(SESSION, &session)]).await;
        assert_eq!(location(&late), "/profile?error=confirmation_required");
        assert_eq!(cookie(&late, FLOW), None);
        let wrong = browser
            .post("/api/v1/me/confirm", json!({"password": "not the password"}))
            .await;
        assert_eq!(wrong.problem().1, ["/password"]);
        let confirmed = browser.post("/api/v1/me/confirm", json!({"password": PASSWORD})).await;
        assert_eq!(confirmed.status, 204);
        let renewed = browser.keep(&confirmed);
        assert_eq!(
            browser.get("/api/v1/me").await.code(),
            "session_ended",
            "the secret is another one"
        );
        let session = renewed.cookie.clone().unwrap();
        // A page of somebody else's sends the browser there.
        let request = Request::get(START)
            .header("cookie", format!("{SESSION}={session}"))
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document");
        let foreign = app.browser().navigate(request.body(Body::empty()).unwrap()).await;
        assert_eq!(location(&foreign), "/profile?error=origin_refused");
        // Whoever signed in meanwhile is not who began it.
        let begun = visit(&app, &idp, START, &[(SESSION, &session)]).await;
        let eve = app.person("eve", Role::Member).await;
        let eve = app.browse(&eve).await.cookie.unwrap();
        let other = go(&app, &begun.url, &[(SESSION, &eve), (FLOW, &begun.flow)]).await;
        assert_eq!(location(&other), "/profile?error=session_ended");
        assert_eq!(location(&link(&app, &idp, &renewed).await), "/profile");
    });
}
