//! Second factors: codes of an authenticator, and recovery codes.

use serde_json::json;

use crate::harness::{Client, test};
use crate::sign_in::{PASSWORD, authenticator, claimed, second_factor, sign_in};

#[test]
fn a_second_factor_is_asked_for_and_each_code_is_good_once() {
    test(async |app| {
        let browser = claimed(&app, "owner").await;
        let path = "/api/v1/me/second-factor";
        let wrong = browser.post(path, json!({"password": "not the password"})).await;
        assert_eq!(wrong.problem(), ("invalid_fields".into(), vec!["/password".into()]));
        assert_eq!(
            browser
                .post(&format!("{path}/confirm"), json!({"code": "000000"}))
                .await
                .code(),
            "already_exists"
        );
        let (secret, codes, renewed) = second_factor(&app, &browser).await;
        assert_eq!(
            browser.get("/api/v1/me").await.code(),
            "session_ended",
            "its secret is another one now"
        );
        assert_eq!(renewed.get("/api/v1/me").await.ok(200)["second_factor"], true);
        assert_eq!(
            renewed.post(path, json!({"password": PASSWORD})).await.code(),
            "already_exists"
        );

        let asked = sign_in(&app.browser(), "owner", PASSWORD, None).await;
        assert!(!asked.headers.contains_key("set-cookie"));
        assert_eq!(asked.ok(200), json!({"signed_in": false, "second_factor": true}));
        let now = app.gate.clock().now();
        let used = sign_in(&app.browser(), "owner", PASSWORD, Some(&authenticator(&secret, now))).await;
        assert_eq!(used.code(), "sign_in_refused", "it confirmed the authenticator already");
        app.clock.advance(60);
        let now = app.gate.clock().now();
        let code = authenticator(&secret, now);
        assert_eq!(
            sign_in(&app.browser(), "owner", "not the password", Some(&code))
                .await
                .code(),
            "sign_in_refused"
        );
        sign_in(&app.browser(), "owner", PASSWORD, Some(&code)).await.ok(200);
        assert_eq!(
            sign_in(&app.browser(), "owner", PASSWORD, Some(&code)).await.code(),
            "sign_in_refused"
        );
        let typed = codes[0].to_uppercase().replace('-', " ");
        sign_in(&app.browser(), "owner", PASSWORD, Some(&typed)).await.ok(200);
        assert_eq!(
            sign_in(&app.browser(), "owner", PASSWORD, Some(&codes[0])).await.code(),
            "sign_in_refused"
        );

        let remove = async |password: &str, code: &str| {
            let body = json!({"password": password, "code": code});
            renewed.call(http::Method::DELETE, path, Some(&body)).await
        };
        assert_eq!(remove("not the password", &codes[1]).await.problem().1, ["/password"]);
        assert_eq!(remove(PASSWORD, "000000").await.problem().1, ["/code"]);
        let removed = remove(PASSWORD, &codes[1]).await;
        assert_eq!(removed.status, 204);
        assert_eq!(
            renewed.keep(&removed).get("/api/v1/me").await.ok(200)["second_factor"],
            false
        );
        sign_in(&app.browser(), "owner", PASSWORD, None).await.ok(200);
    });
}

#[test]
fn a_recovery_code_signs_in_once_among_32_at_once() {
    test(async |app| {
        let browser = claimed(&app, "owner").await;
        let (_, codes, _) = second_factor(&app, &browser).await;
        // From as many addresses, so that nothing but the code itself stands between them.
        let browsers: Vec<Client> = (0..32).map(|n| app.browser().at(100 + n)).collect();
        let tries = browsers.iter().map(|b| sign_in(b, "owner", PASSWORD, Some(&codes[3])));
        let replies = futures_util::future::join_all(tries).await;
        let good = replies.iter().filter(|r| r.headers.contains_key("set-cookie")).count();
        let refused = replies.iter().filter(|r| r.status == 401).count();
        assert_eq!((good, refused), (1, 31));
    });
}

#[test]
fn guessed_codes_slow_down_and_recovery_codes_work_all_the_same() {
    test(async |app| {
        let browser = claimed(&app, "owner").await;
        let (_, codes, _) = second_factor(&app, &browser).await;
        let mut limited = false;
        for n in 0..12 {
            let reply = sign_in(&app.browser().at(100 + n), "owner", PASSWORD, Some("000000")).await;
            limited |= reply.code() == "sign_in_limited";
        }
        assert!(limited);
        sign_in(&app.browser(), "owner", PASSWORD, Some(&codes[0]))
            .await
            .ok(200);
    });
}
