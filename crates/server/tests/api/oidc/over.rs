//! Sessions that end with their provider's.

use axum::body::Body;
use bailey_testkit::idp::Idp;
use http::Request;
use serde_json::{Value, json};

use super::{advance, claim, idp, me, provider, sign_in_at, signed_in};
use crate::harness::{Reply, TestApp, test_with};

#[test]
fn a_session_goes_on_while_the_provider_stands_by_it() {
    let idp = idp();
    idp.behave(|b| {
        b.refreshes = true;
        b.lasts = 300;
    });
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        let asked = || idp.behave(|b| b.asked.iter().filter(|asked| *asked == "POST /token").count());
        app.app.renew_provider_sessions().await.unwrap();
        assert_eq!(asked(), 1, "it is not due");
        for turn in 2..6 {
            advance(&app, &idp, 240);
            app.app.renew_provider_sessions().await.unwrap();
            assert_eq!(asked(), turn);
            me(&browser).await;
        }
        // It does not answer: that is no reason to throw anybody out.
        idp.behave(|b| b.down = Some(500));
        advance(&app, &idp, 240);
        app.app.renew_provider_sessions().await.unwrap();
        me(&browser).await;
        idp.behave(|b| {
            b.down = None;
            b.forget_refresh_tokens();
        });
        advance(&app, &idp, 60);
        app.app.renew_provider_sessions().await.unwrap();
        assert_eq!(browser.get("/api/v1/me").await.code(), "session_ended");
    });
}

#[test]
fn a_session_whose_provider_speaks_of_somebody_else_ends() {
    let idp = idp();
    idp.behave(|b| {
        b.refreshes = true;
        b.lasts = 300;
    });
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        idp.behave(|b| b.person["sub"] = json!("another"));
        advance(&app, &idp, 240);
        app.app.renew_provider_sessions().await.unwrap();
        assert_eq!(browser.get("/api/v1/me").await.code(), "session_ended");
    });
}

#[test]
fn without_a_refresh_token_a_session_lasts_as_long_as_the_providers_token() {
    let idp = idp();
    idp.behave(|b| b.lasts = 600);
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        advance(&app, &idp, 599);
        me(&browser).await;
        advance(&app, &idp, 1);
        assert_eq!(browser.get("/api/v1/me").await.code(), "session_ended");
    });
    test_with(&provider("acme", &idp, "follow_token = false"), async |app| {
        claim(&app).await;
        idp.behave(|b| b.now = crate::harness::T0.seconds());
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        advance(&app, &idp, 700);
        me(&browser).await;
    });
}

async fn send(app: &TestApp, token: &str) -> Reply {
    let request =
        Request::post("/auth/acme/backchannel-logout").header("content-type", "application/x-www-form-urlencoded");
    let body = Body::from(format!("logout_token={token}&more=x"));
    app.nobody().send(request.body(body).unwrap()).await
}

#[test]
fn a_provider_ends_its_sessions() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let first = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        idp.behave(|b| b.person["sid"] = json!("session-2"));
        let second = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        let token = idp.logout_token(&json!({}), &json!({"sid": "session-1"}));
        assert_eq!(send(&app, &token).await.status, 200);
        assert_eq!(first.get("/api/v1/me").await.code(), "session_ended");
        me(&second).await;
        assert_eq!(
            send(&app, &token).await.code(),
            "logout_token_invalid",
            "it is good once"
        );
        let all = idp.logout_token(&json!({}), &json!({"sub": "248289761001"}));
        assert_eq!(send(&app, &all).await.status, 200);
        assert_eq!(second.get("/api/v1/me").await.code(), "session_ended");
    });
}

/// The claims and the header of logout tokens that are none.
fn wrong(idp: &Idp) -> Vec<(&'static str, Value, Value)> {
    let now = idp.behave(|b| b.now);
    let sid = json!("session-1");
    vec![
        ("an ID token's type", json!({"typ": "at+jwt"}), json!({"sid": sid})),
        ("not signed", json!({"alg": "none"}), json!({"sid": sid})),
        ("HMAC", json!({"alg": "HS256"}), json!({"sid": sid})),
        ("a key of its own", json!({"jwk": {}}), json!({"sid": sid})),
        ("another key", json!({"kid": "another"}), json!({"sid": sid})),
        (
            "another issuer",
            json!({}),
            json!({"sid": sid, "iss": "https://evil.example"}),
        ),
        ("another audience", json!({}), json!({"sid": sid, "aud": "another"})),
        ("no events", json!({}), json!({"sid": sid, "events": null})),
        (
            "another event",
            json!({}),
            json!({"sid": sid, "events": {"http://evil.example": {}}}),
        ),
        (
            "an event that is no object",
            json!({}),
            json!({"sid": sid,
            "events": {"http://schemas.openid.net/event/backchannel-logout": true}}),
        ),
        ("a nonce", json!({}), json!({"sid": sid, "nonce": "x"})),
        ("too old", json!({}), json!({"sid": sid, "exp": now})),
        ("from the future", json!({}), json!({"sid": sid, "iat": now + 120})),
        ("no id", json!({}), json!({"sid": sid, "jti": null})),
        ("nobody's", json!({}), json!({})),
    ]
}

#[test]
fn what_is_no_logout_token_ends_nothing() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        for (what, header, claims) in wrong(&idp) {
            let token = idp.logout_token(&header, &claims);
            assert_eq!(send(&app, &token).await.code(), "logout_token_invalid", "{what}");
            me(&browser).await;
        }
        for garbage in ["", "a", "a.b.c", "...."] {
            assert_eq!(send(&app, garbage).await.code(), "logout_token_invalid", "{garbage}");
        }
        // One of another session ends nothing either, and is no mistake.
        let token = idp.logout_token(&json!({}), &json!({"sid": "another"}));
        assert_eq!(send(&app, &token).await.status, 200);
        me(&browser).await;
    });
}

#[test]
fn signing_out_leads_to_the_providers_own_page() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        let out = browser.post("/api/v1/sign-out", json!({})).await;
        assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
        let url = out.ok(200)["url"].as_str().unwrap().to_owned();
        assert!(
            url.starts_with(&format!("{}/sign-out?client_id=bailey&", idp.issuer())),
            "{url}"
        );
        assert!(
            url.contains("post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A7080%2Fsign-in"),
            "{url}"
        );
        assert!(url.contains("id_token_hint=eyJ"), "{url}");
        assert_eq!(browser.get("/api/v1/me").await.code(), "session_ended");
    });
}
