//! Signing in with a browser, what keeps a session and what ends it.

use axum::body::Body;
use bailey_core::Timestamp;
use bailey_core::authz::Role;
use bailey_server::bootstrap;
use http::Request;
use ring::hmac;
use serde_json::{Value, json};

use crate::harness::{Client, Reply, TestApp, test};

pub(crate) const PASSWORD: &str = "correct horse battery";
const SIGN_IN: &str = "/api/v1/sign-in/password";

/// A claimed person's browser, signed in.
pub(crate) async fn claimed(app: &TestApp, name: &str) -> Client {
    let now = app.gate.clock().now();
    let token = bootstrap::claim_create(&app.store, now, name).await.unwrap();
    let body = json!({"token": token.expose(), "password": PASSWORD});
    let reply = app.browser().post("/api/v1/claim", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    app.browser().keep(&reply)
}

pub(crate) async fn sign_in(browser: &Client, name: &str, password: &str, code: Option<&str>) -> Reply {
    let mut body = json!({"name": name, "password": password});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    browser.post(SIGN_IN, body).await
}

/// What an authenticator shows: written here a second time, from the RFC.
pub(crate) fn authenticator(secret: &str, now: Timestamp) -> String {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: Vec<usize> = secret
        .chars()
        .flat_map(|c| {
            let value = letters.find(c).unwrap();
            (0..5).rev().map(move |bit| (value >> bit) & 1)
        })
        .collect();
    let byte = |bits: &[usize]| u8::try_from(bits.iter().fold(0, |byte, bit| byte << 1 | bit)).unwrap();
    let bytes: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag = hmac::sign(&key, &(now.seconds() / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Gives a signed-in person a second factor: their secret, their recovery codes, and their browser as it is then.
pub(crate) async fn second_factor(app: &TestApp, browser: &Client) -> (String, Vec<String>, Client) {
    let path = "/api/v1/me/second-factor";
    let made = browser.post(path, json!({"password": PASSWORD})).await.ok(200);
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(made["uri"].as_str().unwrap().contains(&secret));
    let code = authenticator(&secret, app.gate.clock().now());
    let reply = browser.post(&format!("{path}/confirm"), json!({ "code": code })).await;
    let renewed = browser.keep(&reply);
    let codes: Value = reply.ok(200)["recovery_codes"].clone();
    let codes: Vec<String> = serde_json::from_value(codes).unwrap();
    assert_eq!(codes.len(), 10);
    (secret, codes, renewed)
}

#[test]
fn the_first_link_claims_the_owner_once() {
    test(async |app| {
        let options = app.nobody().get("/api/v1/sign-in").await.ok(200);
        assert_eq!(
            options,
            json!({"claimed": false, "password": true, "sign_up": false, "providers": []})
        );
        let token = bootstrap::claim_create(&app.store, app.gate.clock().now(), "owner")
            .await
            .unwrap();
        let browser = app.browser();
        let claim = async |password: &str, name: &str| {
            let body = json!({"token": token.expose(), "password": password, "name": name, "display_name": "Ada"});
            browser.post("/api/v1/claim", body).await
        };
        for bad in ["short", "aaaaaaaaaaaaaaaa", "i am ada.l, hello", &"x1".repeat(65)] {
            assert_eq!(
                claim(bad, "ada.l").await.problem(),
                ("invalid_fields".into(), vec!["/password".into()]),
                "{bad}"
            );
        }
        let reply = claim(PASSWORD, "ada.l").await;
        let browser = browser.keep(&reply);
        assert_eq!(reply.ok(200), json!({"signed_in": true}));
        let me = browser.get("/api/v1/me").await.ok(200);
        assert_eq!(
            (&me["user"]["name"], &me["user"]["role"]),
            (&json!("ada.l"), &json!("owner"))
        );
        assert_eq!(me["session"]["idle_seconds"], 1800);
        assert_eq!((&me["token"], &me["second_factor"]), (&json!(null), &json!(false)));
        assert_eq!(claim(PASSWORD, "ada.l").await.code(), "link_invalid");
        assert_eq!(app.nobody().get("/api/v1/sign-in").await.ok(200)["claimed"], true);
    });
}

#[test]
fn a_link_is_good_for_a_day_and_for_what_it_was_made() {
    test(async |app| {
        let now = app.gate.clock().now();
        let token = bootstrap::claim_create(&app.store, now, "owner").await.unwrap();
        let browser = app.browser();
        let body = json!({"token": token.expose(), "password": PASSWORD});
        assert_eq!(
            browser.post("/api/v1/invitations/accept", body.clone()).await.code(),
            "link_invalid"
        );
        for wrong in [
            "",
            "bli_",
            &format!("{}0", token.expose()),
            &token.expose().replace("bli", "bls"),
        ] {
            let body = json!({"token": wrong, "password": PASSWORD});
            assert_eq!(browser.post("/api/v1/claim", body).await.code(), "link_invalid");
        }
        app.clock.advance(86_400);
        assert_eq!(browser.post("/api/v1/claim", body).await.code(), "link_invalid");
    });
}

#[test]
fn whatever_is_wrong_the_answer_is_the_same() {
    test(async |app| {
        claimed(&app, "owner").await;
        app.person("no-password", Role::Member).await;
        let browser = app.browser();
        let wrong = sign_in(&browser, "owner", "not the password", None).await;
        assert_eq!(wrong.code(), "sign_in_refused");
        assert!(!wrong.headers.contains_key("set-cookie"));
        for (name, password) in [
            ("nobody", PASSWORD),
            ("no-password", PASSWORD),
            ("no-password", ""),
            ("owner", ""),
            ("", ""),
            ("owner", &"x".repeat(5_000)),
        ] {
            let reply = sign_in(&browser.at(7), name, password, None).await;
            assert_eq!(
                (reply.status, reply.anonymous()),
                (wrong.status, wrong.anonymous()),
                "{name}"
            );
        }
        let reply = sign_in(&browser, " Owner ", PASSWORD, None).await;
        browser.keep(&reply).get("/api/v1/me").await.ok(200);
    });
}

#[test]
fn only_who_knows_the_password_learns_of_a_suspension() {
    test(async |app| {
        let owner = app.owner().await;
        app.person("ada", Role::Member).await;
        let browser = claimed(&app, "ada").await;
        owner
            .patch("/api/v1/users/ada", json!({"status": "suspended"}))
            .await
            .ok(200);
        assert_eq!(browser.get("/api/v1/me").await.status, 401, "the session is over");
        assert_eq!(
            sign_in(&browser, "ada", "not the password", None).await.code(),
            "sign_in_refused"
        );
        assert_eq!(
            sign_in(&browser, "ada", PASSWORD, None).await.code(),
            "person_suspended"
        );
        owner
            .patch("/api/v1/users/ada", json!({"status": "active"}))
            .await
            .ok(200);
        assert_eq!(
            browser.get("/api/v1/me").await.code(),
            "session_ended",
            "and stays over"
        );
        sign_in(&browser, "ada", PASSWORD, None).await.ok(200);
    });
}

#[test]
fn a_session_is_new_at_each_sign_in_and_ends_at_sign_out() {
    test(async |app| {
        let first = claimed(&app, "owner").await;
        let reply = sign_in(&first, "owner", PASSWORD, None).await;
        let second = first.keep(&reply);
        assert_ne!(first.cookie, second.cookie);
        assert_eq!(first.get("/api/v1/me").await.code(), "session_ended");
        let out = second.post("/api/v1/sign-out", json!({})).await;
        assert_eq!(out.status, 204);
        assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(second.get("/api/v1/me").await.code(), "session_ended");
    });
}

#[test]
fn a_session_ends_by_rest_and_by_time() {
    test(async |app| {
        let owner = app.owner().await;
        let browser = app.browse(&owner).await;
        app.clock.advance(30 * 60 - 1);
        browser.get("/api/v1/me").await.ok(200);
        app.clock.advance(30 * 60);
        assert_eq!(browser.get("/api/v1/me").await.code(), "session_ended");
        let browser = app.browse(&owner).await;
        for _ in 0..23 {
            app.clock.advance(20 * 60);
            browser.get("/api/v1/me").await.ok(200);
        }
        app.clock.advance(20 * 60);
        assert_eq!(
            browser.get("/api/v1/me").await.code(),
            "session_ended",
            "however busy it was"
        );
    });
}

#[test]
fn what_a_page_asks_by_itself_keeps_no_session_alive() {
    test(async |app| {
        let owner = app.owner().await;
        let (left, used) = (app.browse(&owner).await, app.browse(&owner).await);
        let ask = async |browser: &Client, value: &str| {
            let request = Request::get("/api/v1/me").header("x-bailey-background", value);
            browser.send(request.body(Body::empty()).unwrap()).await
        };
        for _ in 0..2 {
            app.clock.advance(14 * 60);
            ask(&left, "1").await.ok(200);
            ask(&used, "0").await.ok(200);
        }
        app.clock.advance(2 * 60);
        assert_eq!(ask(&left, "1").await.code(), "session_ended");
        // What changes something is somebody's doing, whatever it says.
        let group = Request::post("/api/v1/groups")
            .header("x-bailey-background", "1")
            .header("content-type", "application/json")
            .body(Body::from(json!({"name": "dev"}).to_string()));
        app.clock.advance(14 * 60);
        used.send(group.unwrap()).await.ok(201);
        app.clock.advance(29 * 60);
        used.get("/api/v1/me").await.ok(200);
    });
}

#[test]
fn guessing_slows_down_and_keeps_nobody_out() {
    test(async |app| {
        claimed(&app, "owner").await;
        let (guesser, victim) = (app.browser().at(66), app.browser().at(7));
        for _ in 0..5 {
            assert_eq!(
                sign_in(&guesser, "owner", "not the password", None).await.code(),
                "sign_in_refused"
            );
        }
        let limited = sign_in(&guesser, "owner", PASSWORD, None).await;
        assert_eq!(limited.code(), "sign_in_limited");
        assert_eq!(limited.headers["retry-after"], "1");
        sign_in(&victim, "owner", PASSWORD, None).await.ok(200);
        let mut longest = 0;
        for _ in 0..4 {
            let limited = sign_in(&guesser, "owner", PASSWORD, None).await;
            let wait: i64 = limited.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!(wait > longest);
            longest = wait;
            app.clock.advance(wait);
            assert_eq!(
                sign_in(&guesser, "owner", "not the password", None).await.code(),
                "sign_in_refused"
            );
        }
        sign_in(&victim, "owner", PASSWORD, None).await.ok(200);
        app.clock.advance(60);
        sign_in(&guesser, "owner", PASSWORD, None).await.ok(200);
    });
}

#[test]
fn another_password_ends_the_other_sessions() {
    test(async |app| {
        let browser = claimed(&app, "owner").await;
        let other = app
            .browser()
            .keep(&sign_in(&app.browser(), "owner", PASSWORD, None).await);
        let change = async |current: &str, new: &str| {
            let body = json!({"current": current, "new": new});
            browser
                .call(http::Method::PUT, "/api/v1/me/password", Some(&body))
                .await
        };
        assert_eq!(
            change("not the password", "another long one").await.problem().1,
            ["/current"]
        );
        assert_eq!(change(PASSWORD, "short").await.problem().1, ["/new"]);
        assert_eq!(change(PASSWORD, PASSWORD).await.problem().1, ["/new"]);
        let changed = change(PASSWORD, "another long one").await;
        assert_eq!(changed.status, 204);
        let renewed = browser.keep(&changed);
        renewed.get("/api/v1/me").await.ok(200);
        assert_eq!(browser.get("/api/v1/me").await.code(), "session_ended");
        assert_eq!(other.get("/api/v1/me").await.code(), "session_ended");
        assert_eq!(
            sign_in(&app.browser(), "owner", PASSWORD, None).await.code(),
            "sign_in_refused"
        );
        sign_in(&app.browser(), "owner", "another long one", None).await.ok(200);
    });
}

fn from(lines: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::post(SIGN_IN).header("content-type", "application/json");
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let body = json!({"name": "owner", "password": PASSWORD});
    request.body(Body::from(body.to_string())).unwrap()
}

#[test]
fn nobody_signs_in_where_the_session_would_not_be_kept_or_a_foreign_page_asks() {
    test(async |app| {
        claimed(&app, "owner").await;
        let browser = app.browser();
        let hosted = ("host", "bailey.example.com");
        let (plain, https) = (
            ("origin", "http://bailey.example.com"),
            ("origin", "https://bailey.example.com"),
        );
        assert_eq!(browser.send(from(&[hosted, plain])).await.code(), "https_required");
        assert_eq!(browser.send(from(&[hosted, https])).await.code(), "origin_refused");
        let proto = ("x-forwarded-proto", "https");
        assert_eq!(
            browser.send(from(&[hosted, https, proto])).await.code(),
            "origin_refused",
            "said by a stranger"
        );
        let mut proxied = browser.clone();
        proxied.address = [10, 0, 0, 1].into();
        assert_eq!(proxied.send(from(&[hosted, https, proto])).await.status, 200);
        for foreign in ["http://evil.example", "http://a--b--owner.localhost:7080", "null"] {
            assert_eq!(
                browser.send(from(&[("origin", foreign)])).await.code(),
                "origin_refused"
            );
        }
    });
}

#[test]
fn an_address_that_a_proxy_names_is_the_one_that_counts() {
    test(async |app| {
        claimed(&app, "owner").await;
        let mut proxy = app.browser();
        proxy.address = [10, 0, 0, 1].into();
        let wrong = |address: &str| {
            let mut request = from(&[("x-forwarded-for", address)]);
            *request.body_mut() = Body::from(json!({"name": "owner", "password": "not the password"}).to_string());
            request
        };
        for n in 0..5 {
            let address = format!("203.0.113.{n}, 198.51.100.1");
            assert_eq!(proxy.send(wrong(&address)).await.code(), "sign_in_refused");
        }
        assert_eq!(proxy.send(wrong("198.51.100.1")).await.code(), "sign_in_limited");
        assert_eq!(proxy.send(wrong("198.51.100.2")).await.code(), "sign_in_refused");
        app.clock.advance(1);
        let good = proxy.send(from(&[("x-forwarded-for", "198.51.100.3")])).await;
        let sessions = proxy.keep(&good).get("/api/v1/sessions").await.ok(200);
        assert_eq!(sessions["items"][0]["address"], "198.51.100.3");
    });
}

#[test]
fn people_see_and_end_their_own_sessions_and_owners_all() {
    test(async |app| {
        let (owner, ada) = (app.owner().await, app.person("ada", Role::Member).await);
        let eve = app.person("eve", Role::Member).await;
        let first = app.browse(&ada).await;
        // Lists go by time.
        app.clock.advance(1);
        let second = app.browse(&ada).await;
        let list = first.get("/api/v1/sessions").await.ok(200);
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len(), 2);
        assert_eq!(
            (&items[0]["current"], &items[1]["current"]),
            (&json!(false), &json!(true))
        );
        assert!(!list.to_string().contains(first.cookie.as_ref().unwrap()));
        let path = format!("/api/v1/sessions/{}", items[0]["id"].as_str().unwrap());
        assert_eq!(eve.delete(&path).await.code(), "not_found");
        assert_eq!(eve.get("/api/v1/sessions?person=ada").await.ok(200)["items"], json!([]));
        assert_eq!(eve.get("/api/v1/sessions?person=*").await.ok(200)["items"], json!([]));
        second.get("/api/v1/me").await.ok(200);
        assert_eq!(first.delete(&path).await.status, 204);
        assert_eq!(first.delete(&path).await.status, 204);
        assert_eq!(second.get("/api/v1/me").await.code(), "session_ended");
        let all = owner.get("/api/v1/sessions?person=*").await.ok(200);
        assert_eq!(all["items"][0]["person"]["name"], "ada");
        let path = format!("/api/v1/sessions/{}", all["items"][0]["id"].as_str().unwrap());
        assert_eq!(owner.delete(&path).await.status, 204);
        assert_eq!(first.get("/api/v1/me").await.code(), "session_ended");
    });
}

#[test]
fn the_database_holds_nothing_that_signs_in() {
    test(async |app| {
        let browser = claimed(&app, "owner").await;
        let (secret, codes, renewed) = second_factor(&app, &browser).await;
        let database = app.database();
        let holds = |text: &str| database.windows(text.len()).any(|w| w == text.as_bytes());
        assert!(holds("argon2id"), "it is the database");
        let cookie = renewed.cookie.unwrap();
        for text in [
            PASSWORD,
            &secret,
            &codes[0],
            &codes[0].replace('-', ""),
            &cookie,
            &cookie[21..],
        ] {
            assert!(!holds(text), "{text}");
        }
    });
}

#[test]
fn a_command_line_gets_a_token_for_whoever_allows_it() {
    test(async |app| {
        let ada = app.person("ada", Role::Member).await;
        let browser = app.browse(&ada).await;
        let challenge = bailey_server::login::challenge("verifier");
        let ask = json!({"challenge": challenge, "name": "laptop"});
        let allow = async || {
            let made = browser.post("/api/v1/login-codes", ask.clone()).await.ok(201);
            made["code"].as_str().unwrap().to_owned()
        };
        let redeem = async |code: &str, verifier: &str| {
            let body = json!({"code": code, "verifier": verifier});
            app.nobody().post("/api/v1/login-codes/redeem", body).await
        };
        let code = allow().await;
        assert_eq!(redeem(&code, "another").await.code(), "link_invalid");
        assert_eq!(
            redeem(&code, "verifier").await.code(),
            "link_invalid",
            "one try is all there is"
        );
        let code = allow().await;
        let made = redeem(&code, "verifier").await.ok(201);
        assert_eq!((&made["name"], &made["scopes"]), (&json!("laptop"), &json!(["*"])));
        let me = ada.with_token(&made["token"]).get("/api/v1/me").await.ok(200);
        assert_eq!(me["user"]["name"], "ada");
        assert_eq!(redeem(&code, "verifier").await.code(), "link_invalid");
        let code = allow().await;
        browser.post("/api/v1/sign-out", json!({})).await;
        assert_eq!(
            redeem(&code, "verifier").await.code(),
            "link_invalid",
            "the session is over"
        );
        let browser = app.browse(&ada).await;
        for (field, value) in [("challenge", "short"), ("name", "")] {
            let mut wrong = ask.clone();
            wrong[field] = json!(value);
            assert_eq!(
                browser.post("/api/v1/login-codes", wrong).await.problem().1,
                [format!("/{field}")]
            );
        }
    });
}
