//! One thing wrong at a time, each refused and leaving no session; and the good case before and after.

use axum::body::Body;
use bailey_testkit::idp::{Alg, Idp};
use http::Request;
use serde_json::{Map, Value, json};

use super::{
    FLOW, advance, claim, cookie, go, idp, location, me, provider, refused, sessions, sign_in_at, signed_in, visit,
};
use crate::harness::{TestApp, test_with};

const INVALID: &str = "provider_answer_invalid";

type Flip = Box<dyn Fn(&Idp)>;

fn claims(change: impl Fn(&mut Map<String, Value>) + Send + Sync + Clone + 'static) -> Flip {
    Box::new(move |idp| {
        let change = change.clone();
        idp.change(move |_, claims| change(claims));
    })
}

/// Sets a claim of the ID token.
fn set(name: &'static str, value: Value) -> Flip {
    claims(move |claims| drop(claims.insert(name.to_owned(), value.clone())))
}

/// Takes a claim of the ID token away.
fn without(name: &'static str) -> Flip {
    claims(move |claims| drop(claims.remove(name)))
}

/// Moves a time of the ID token to so many seconds from now.
fn time(name: &'static str, seconds: i64) -> Flip {
    claims(move |claims| {
        let now = claims["iat"].as_i64().unwrap();
        claims.insert(name.to_owned(), json!(now + seconds));
    })
}

/// Writes a time of the ID token as text.
fn as_text(name: &'static str) -> Flip {
    claims(move |claims| {
        let text = claims.get(name).or(claims.get("iat")).unwrap().to_string();
        claims.insert(name.to_owned(), json!(text));
    })
}

/// Sets a parameter of the ID token's header.
fn header(name: &'static str, value: Value) -> Flip {
    Box::new(move |idp| {
        let value = value.clone();
        idp.change(move |header, _| drop(header.insert(name.to_owned(), value.clone())));
    })
}

fn signed(alg: Alg) -> Flip {
    Box::new(move |idp| idp.behave(|b| b.alg = alg))
}

fn answer(change: Value) -> Flip {
    Box::new(move |idp| idp.behave(|b| b.answer = change.clone()))
}

fn tokens(change: Value) -> Flip {
    Box::new(move |idp| idp.behave(|b| b.tokens = change.clone()))
}

fn userinfo(change: Value) -> Flip {
    Box::new(move |idp| idp.behave(|b| b.userinfo = change.clone()))
}

/// Spoils the signature.
fn forged() -> Flip {
    Box::new(|idp| idp.behave(|b| b.forges = true))
}

/// What is wrong, how the provider comes to do it, and what is said of it in the audit log.
type Case = (&'static str, Flip, &'static str);

/// What is wrong with whom a token is from and for, and with when it is good.
fn of_claims() -> Vec<Case> {
    let with_slash = claims(|claims| {
        let iss = format!("{}/", claims["iss"].as_str().unwrap());
        claims.insert("iss".to_owned(), json!(iss));
    });
    let not_trusted = claims(|claims| {
        claims.insert("aud".to_owned(), json!(["bailey", "another"]));
        claims.insert("azp".to_owned(), json!("bailey"));
    });
    let two = set("aud", json!(["bailey", "another"]));
    vec![
        (
            "another issuer",
            set("iss", json!("https://evil.example")),
            "Invalid issuer",
        ),
        ("no issuer", without("iss"), "missing field `iss`"),
        ("an issuer with a slash more", with_slash, "Invalid issuer"),
        ("no audience", without("aud"), "must contain `bailey`"),
        (
            "another audience",
            set("aud", json!("another")),
            "must contain `bailey`",
        ),
        ("two audiences without azp", two, "not a trusted audience"),
        ("an audience that is not trusted", not_trusted, "not a trusted audience"),
        ("azp of another client", set("azp", json!("another")), "azp"),
        ("expired", time("exp", 0), "Expired: ID token expired"),
        ("no end", without("exp"), "missing field `exp`"),
        ("the end as text", as_text("exp"), "its tokens cannot be read"),
        ("issued in the future", time("iat", 120), "issued in the future"),
        ("no time of issue", without("iat"), "missing field `iat`"),
        ("the time of issue as text", as_text("iat"), "its tokens cannot be read"),
        ("not good yet", time("nbf", 120), "not good yet (`nbf`)"),
        ("good from as text", as_text("nbf"), "`nbf` is no number"),
    ]
}

/// What is wrong with whom a token is about.
fn of_the_person() -> Vec<Case> {
    let hash = || json!("AAAAAAAAAAAAAAAAAAAAAA");
    let is_no_bool = "its tokens cannot be read";
    vec![
        ("no nonce", without("nonce"), "missing nonce"),
        ("another nonce", set("nonce", json!("another")), "nonce mismatch"),
        ("no subject", without("sub"), "missing field `sub`"),
        ("an empty subject", set("sub", json!("")), "`sub` must have 1 to 255"),
        (
            "a subject that is too long",
            set("sub", json!("x".repeat(256))),
            "`sub` must have 1 to 255",
        ),
        (
            "a subject that is no text",
            set("sub", json!(7)),
            "its tokens cannot be read",
        ),
        ("at_hash of another token", set("at_hash", hash()), "(`at_hash`)"),
        ("c_hash of another code", set("c_hash", hash()), "(`c_hash`)"),
        (
            "email_verified \"true\"",
            set("email_verified", json!("true")),
            is_no_bool,
        ),
        (
            "email_verified \"false\"",
            set("email_verified", json!("false")),
            is_no_bool,
        ),
        ("email_verified 0", set("email_verified", json!(0)), is_no_bool),
        (
            "email_verified null",
            set("email_verified", Value::Null),
            "neither true nor false",
        ),
        (
            "userinfo of another subject",
            userinfo(json!({"sub": "another"})),
            "another subject",
        ),
        (
            "userinfo without a subject",
            userinfo(json!({"sub": null})),
            "`sub` is missing",
        ),
    ]
}

/// What is wrong with the signature and with what carries the token.
fn of_the_rest() -> Vec<Case> {
    let (none, own) = ("Disallowed signature algorithm", "brings its own key");
    let unsigned = "No signature found";
    let (no_key, evil) = ("No matching key", || json!("https://evil.example/keys"));
    vec![
        ("not signed", signed(Alg::None), unsigned),
        ("HMAC with the public key", signed(Alg::HmacWithPublicKey), none),
        ("HMAC with the client's secret", signed(Alg::HmacWithSecret), none),
        ("an algorithm that it does not name", signed(Alg::Ps256), none),
        ("a signature that is wrong", forged(), "Crypto error"),
        ("a key that is not known", header("kid", json!("another")), no_key),
        ("another key's name", header("kid", json!("rs256-1")), no_key),
        ("another algorithm in the header", header("alg", json!("RS256")), no_key),
        ("none in the header", header("alg", json!("none")), unsigned),
        ("a key that it brings along", header("jwk", json!({"kty": "EC"})), own),
        ("an address of keys", header("jku", evil()), own),
        ("an address of certificates", header("x5u", evil()), own),
        ("critical parameters", header("crit", json!(["exp"])), "critical"),
        (
            "an access token's type",
            header("typ", json!("at+jwt")),
            "unsupported JWT type",
        ),
        ("no ID token", tokens(json!({"id_token": null})), "there is no ID token"),
        (
            "an ID token that is none",
            tokens(json!({"id_token": "a.b.c"})),
            "its tokens cannot be read",
        ),
        (
            "another issuer's answer",
            answer(json!({"iss": "https://evil.example"})),
            "comes from the issuer",
        ),
        (
            "the answer names no issuer",
            answer(json!({"iss": null})),
            "does not say which issuer",
        ),
        ("no code", answer(json!({"code": null})), "there is no code"),
    ]
}

/// Why somebody was refused last, as the audit log has it.
async fn reason(app: &TestApp) -> String {
    app.audit.flush().await.unwrap();
    let rows = app.store.audit_slice(app.audit.writer(), 0, 1_000).await.unwrap();
    let last = rows.last().unwrap();
    assert_eq!(last.row.action, "sign_in.provider");
    last.content.as_ref().unwrap().reason.clone().unwrap_or_default()
}

#[test]
fn each_wrong_thing_is_refused_and_leaves_nothing() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let mut for_others = Vec::new();
        for (what, flip, why) in of_claims().into_iter().chain(of_the_person()).chain(of_the_rest()) {
            idp.reset();
            flip(&idp);
            refused(&app, &sign_in_at(&app, &idp, "acme").await, INVALID, what).await;
            let said = reason(&app).await;
            if !said.contains(why) {
                for_others.push(format!("{what}: {said}"));
            }
            // Unknown keys have the keys read once a minute.
            advance(&app, &idp, 61);
        }
        assert!(for_others.is_empty(), "refused, but not for that: {for_others:#?}");
        idp.reset();
        for alg in [Alg::Es256, Alg::Rs256, Alg::EdDsa] {
            idp.behave(|b| b.alg = alg);
            let reply = sign_in_at(&app, &idp, "acme").await;
            assert_eq!(location(&reply), "/", "{alg:?}: {}", reason(&app).await);
            let browser = signed_in(&app, &reply);
            assert_eq!(me(&browser).await["user"]["name"], "ada", "{alg:?}");
        }
        // One audience may stand in a list, and a token may name whom it was given to.
        idp.change(|_, claims| {
            claims.insert("aud".to_owned(), json!(["bailey"]));
            claims.insert("azp".to_owned(), json!("bailey"));
        });
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
    });
}

#[test]
fn an_answer_belongs_to_the_browser_that_asked_and_is_good_once() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let stale = async |reply, what: &str| refused(&app, &reply, "sign_in_stale", what).await;
        let first = visit(&app, &idp, "/auth/acme/start", &[]).await;
        stale(go(&app, &first.url, &[]).await, "no cookie").await;
        let other = visit(&app, &idp, "/auth/acme/start", &[]).await;
        stale(go(&app, &first.url, &[(FLOW, &other.flow)]).await, "another browser's").await;
        stale(go(&app, &first.url, &[(FLOW, "AAAA")]).await, "garbage").await;
        stale(
            go(&app, "/auth/acme/callback", &[(FLOW, &first.flow)]).await,
            "no state",
        )
        .await;
        stale(
            go(&app, &format!("{}&state=x", first.url), &[(FLOW, &first.flow)]).await,
            "two states",
        )
        .await;
        stale(
            go(&app, &format!("{}&code=x", first.url), &[(FLOW, &first.flow)]).await,
            "two codes",
        )
        .await;
        advance(&app, &idp, 600);
        stale(go(&app, &first.url, &[(FLOW, &first.flow)]).await, "too late").await;
        let good = visit(&app, &idp, "/auth/acme/start", &[]).await;
        let done = go(&app, &good.url, &[(FLOW, &good.flow)]).await;
        let browser = signed_in(&app, &done);
        assert_eq!(sessions(&app).await, 1);
        let again = go(&app, &good.url, &[(FLOW, &good.flow)]).await;
        assert_eq!(location(&again), "/sign-in?error=sign_in_stale", "the state is used");
        assert_eq!(sessions(&app).await, 1);
        me(&browser).await;
    });
}

#[test]
fn a_code_that_is_used_or_of_another_flow_gives_nothing() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let code = |url: &str| url.split_once("code=").unwrap().1.split('&').next().unwrap().to_owned();
        let first = visit(&app, &idp, "/auth/acme/start", &[]).await;
        let second = visit(&app, &idp, "/auth/acme/start", &[]).await;
        // The code of one flow, put into the answer to another: PKCE binds it.
        let mixed = second.url.replace(&code(&second.url), &code(&first.url));
        refused(
            &app,
            &go(&app, &mixed, &[(FLOW, &second.flow)]).await,
            "provider_refused",
            "injected",
        )
        .await;
        let third = visit(&app, &idp, "/auth/acme/start", &[]).await;
        idp.behave(|b| b.answer = json!({"error": "access_denied", "code": null}));
        let no = visit(&app, &idp, "/auth/acme/start", &[]).await;
        refused(
            &app,
            &go(&app, &no.url, &[(FLOW, &no.flow)]).await,
            "provider_refused",
            "they said no",
        )
        .await;
        signed_in(&app, &go(&app, &third.url, &[(FLOW, &third.flow)]).await);
    });
}

#[test]
fn a_provider_must_be_who_it_is_configured_to_be() {
    for (what, document) in [
        ("another issuer", json!({"issuer": "https://evil.example"})),
        ("no PKCE", json!({"code_challenge_methods_supported": ["plain"]})),
        (
            "tokens over plain http",
            json!({"token_endpoint": "http://id.example.com/token"}),
        ),
        (
            "keys over plain http",
            json!({"jwks_uri": "http://id.example.com/jwks"}),
        ),
        ("no tokens", json!({"token_endpoint": null})),
    ] {
        let idp = idp();
        idp.behave(|b| {
            for (name, value) in document.as_object().unwrap() {
                b.document[name] = value.clone();
            }
        });
        test_with(&provider("acme", &idp, ""), async |app| {
            claim(&app).await;
            let sent = go(&app, "/auth/acme/start", &[]).await;
            assert_eq!(cookie(&sent, FLOW), None, "{what}");
            refused(&app, &sent, "provider_unavailable", what).await;
        });
    }
}

fn asked_for_keys(idp: &Idp) -> usize {
    idp.behave(|b| b.asked.iter().filter(|asked| *asked == "GET /jwks").count())
}

#[test]
fn keys_are_read_again_when_they_were_changed_and_once_a_minute() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app: TestApp| {
        claim(&app).await;
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(asked_for_keys(&idp), 1);
        idp.rotate();
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(asked_for_keys(&idp), 2);
        idp.rotate();
        for _ in 0..3 {
            let reply = sign_in_at(&app, &idp, "acme").await;
            assert_eq!(location(&reply), format!("/sign-in?error={INVALID}"));
        }
        assert_eq!(asked_for_keys(&idp), 2, "not more often than that");
        advance(&app, &idp, 60);
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_eq!(asked_for_keys(&idp), 3);
    });
}

#[test]
fn a_provider_that_is_down_lets_nobody_in_and_throws_nobody_out() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        let visit = visit(&app, &idp, "/auth/acme/start", &[]).await;
        idp.behave(|b| b.down = Some(503));
        let reply = go(&app, &visit.url, &[(FLOW, &visit.flow)]).await;
        assert_eq!(location(&reply), "/sign-in?error=provider_unavailable");
        me(&browser).await;
        advance(&app, &idp, 3_600);
        let browser = {
            idp.behave(|b| b.down = None);
            signed_in(&app, &sign_in_at(&app, &idp, "acme").await)
        };
        idp.behave(|b| b.down = Some(500));
        advance(&app, &idp, 1_000);
        me(&browser).await;
    });
}

#[test]
fn a_browser_that_keeps_no_cookies_is_told_so() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        let mut browser = app.browser();
        browser.browser = false;
        let request = Request::get("/auth/acme/start").header("host", "bailey.example.com");
        let reply = browser.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(location(&reply), "/sign-in?error=https_required");
    });
}
