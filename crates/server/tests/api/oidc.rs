//! Signing in by way of identity providers: against one that does what it should until one thing of it is changed.

mod github;
mod link;
mod mapping;
mod matrix;
mod over;

use axum::body::Body;
use bailey_store::{LedgerReach, ListPage, SessionFilter};
use bailey_testkit::idp::{CLIENT, Idp, SECRET};
use http::Request;
use serde_json::{Value, json};

use crate::harness::{Client, Reply, T0, TestApp, test_with};

/// The origin of the server under test.
const HOME: &str = "http://localhost:7080";
const SESSION: &str = "__Host-bailey-session";
const FLOW: &str = "__Host-bailey-flow";

/// A provider whose clock stands where the application's does.
fn idp() -> Idp {
    Idp::start(T0.seconds())
}

/// The configuration of one provider.
fn provider(name: &str, idp: &Idp, more: &str) -> String {
    format!(
        "[[sign_in.providers]]\nname = \"{name}\"\ndisplay_name = \"Acme\"\nkind = \"oidc\"\nissuer = \"{}\"\n\
         client_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n{more}\n",
        idp.issuer()
    )
}

/// Opens an address with a browser that has these cookies.
async fn go(app: &TestApp, url: &str, cookies: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(url.strip_prefix(HOME).unwrap_or(url));
    let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !pairs.is_empty() {
        request = request.header("cookie", pairs.join("; "));
    }
    app.browser().navigate(request.body(Body::empty()).unwrap()).await
}

fn location(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.text);
    reply.headers["location"].to_str().unwrap().to_owned()
}

/// The value that an answer gives a cookie; `None` = it says nothing of it.
fn cookie(reply: &Reply, name: &str) -> Option<String> {
    let lines = reply.headers.get_all("set-cookie").iter();
    let values = lines.filter_map(|line| {
        let line = line.to_str().unwrap();
        assert!(line.contains("; Secure; HttpOnly; SameSite=Lax"), "{line}");
        let value = line.strip_prefix(name)?.strip_prefix('=')?;
        Some(value.split(';').next().unwrap().to_owned())
    });
    values.fold(None, |_, value| Some(value))
}

/// Somebody who is on their way back from a provider.
struct Visit {
    /// Where the provider sent the browser.
    url: String,
    flow: String,
}

/// Sends a browser to a provider, where somebody signs in.
async fn visit(app: &TestApp, idp: &Idp, path: &str, cookies: &[(&str, &str)]) -> Visit {
    let sent = go(app, path, cookies).await;
    let flow = cookie(&sent, FLOW).unwrap_or_else(|| panic!("{:?}", sent.headers));
    let url = idp.sign_in(&location(&sent)).unwrap();
    Visit { url, flow }
}

/// Signs somebody in at the provider `name`.
async fn sign_in_at(app: &TestApp, idp: &Idp, name: &str) -> Reply {
    let visit = visit(app, idp, &format!("/auth/{name}/start"), &[]).await;
    go(app, &visit.url, &[(FLOW, &visit.flow)]).await
}

/// The browser of whoever signed in.
#[track_caller]
fn signed_in(app: &TestApp, reply: &Reply) -> Client {
    assert_eq!(location(reply), "/", "{}", reply.text);
    assert_eq!(cookie(reply, FLOW).as_deref(), Some(""), "it is used");
    let session = cookie(reply, SESSION);
    Client {
        cookie: Some(session.filter(|value| !value.is_empty()).unwrap()),
        ..app.browser()
    }
}

/// The sessions that are good.
async fn sessions(app: &TestApp) -> usize {
    let filter = SessionFilter {
        person: None,
        reach: LedgerReach::All,
        now: app.gate.clock().now(),
        idle_seconds: 1_800,
    };
    app.store
        .sessions_list(&filter, ListPage::first(100))
        .await
        .unwrap()
        .0
        .len()
}

/// Nobody was signed in, and the page says why.
async fn refused(app: &TestApp, reply: &Reply, code: &str, what: &str) {
    assert_eq!(location(reply), format!("/sign-in?error={code}"), "{what}");
    assert_eq!(cookie(reply, SESSION), None, "{what}");
    assert_eq!(sessions(app).await, 0, "{what}");
    assert!(!app.store.any_identity().await.unwrap(), "{what}");
}

/// Somebody has claimed the installation, and is not signed in.
async fn claim(app: &TestApp) {
    let owner = app.store.person_by_name("owner").await.unwrap().unwrap();
    app.store.password_set(owner.id, "no hash", T0).await.unwrap();
}

/// Moves the clocks of both.
fn advance(app: &TestApp, idp: &Idp, seconds: i64) {
    app.clock.advance(seconds);
    idp.behave(|b| b.now += seconds);
}

async fn me(browser: &Client) -> Value {
    browser.get("/api/v1/me").await.ok(200)
}

fn groups(me: &Value) -> Vec<&str> {
    me["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_stranger_becomes_a_person_and_comes_back_as_them() {
    let idp = idp();
    test_with(
        &provider("acme", &idp, "[sign_in.providers.groups]\ndev = \"dev\""),
        async |app| {
            claim(&app).await;
            let options = app.nobody().get("/api/v1/sign-in").await.ok(200);
            assert_eq!(
                options["providers"],
                json!([{"name": "acme", "display_name": "Acme", "kind": "oidc"}])
            );
            assert_eq!(options["sign_up"], true);
            let first = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
            let ada = me(&first).await;
            assert_eq!(
                (&ada["user"]["name"], &ada["user"]["role"]),
                (&json!("ada"), &json!("member"))
            );
            assert_eq!(ada["user"]["display_name"], "Ada Lovelace");
            assert_eq!(ada["user"]["email"], "ada@example.com");
            assert_eq!(groups(&ada), ["dev"]);
            // Their name and address changed there; who they are did not.
            idp.behave(|b| {
                b.person["preferred_username"] = json!("countess");
                b.person["email"] = json!("countess@example.com");
            });
            let second = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
            assert_eq!(me(&second).await["user"]["id"], ada["user"]["id"]);
            // Somebody else of the same name is somebody else.
            idp.behave(|b| {
                b.person["sub"] = json!("another");
                b.person["preferred_username"] = json!("ada");
            });
            let other = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
            assert_eq!(me(&other).await["user"]["name"], "ada-2");
        },
    );
}

#[test]
fn an_address_links_nobody() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        let owner = app.owner().await;
        owner
            .patch("/api/v1/users/owner", json!({"email": "ada@example.com"}))
            .await
            .ok(200);
        let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        assert_ne!(me(&browser).await["user"]["id"], json!(owner.id));
    });
}

#[test]
fn two_providers_at_once_and_neither_answers_for_the_other() {
    let (first, second) = (idp(), idp());
    let text = provider("first", &first, "") + &provider("second", &second, "");
    test_with(&text, async |app| {
        claim(&app).await;
        // An answer of the second for a flow of the first, at either address.
        let asked = visit(&app, &first, "/auth/first/start", &[]).await;
        let other = visit(&app, &second, "/auth/second/start", &[]).await;
        let query = |visit: &Visit| visit.url.split_once('?').unwrap().1.to_owned();
        for (url, flow) in [
            (format!("/auth/second/callback?{}", query(&asked)), &asked.flow),
            (format!("/auth/second/callback?{}", query(&other)), &asked.flow),
            (format!("/auth/first/callback?{}", query(&other)), &asked.flow),
        ] {
            refused(&app, &go(&app, &url, &[(FLOW, flow)]).await, "sign_in_stale", &url).await;
        }
        // The same subject is two people: each issuer speaks for its own.
        let ada = signed_in(&app, &sign_in_at(&app, &first, "first").await);
        let eve = signed_in(&app, &sign_in_at(&app, &second, "second").await);
        assert_ne!(me(&ada).await["user"]["id"], me(&eve).await["user"]["id"]);
    });
}

#[test]
fn who_is_let_in_and_who_may_sign_up() {
    let idp = idp();
    let listed = "allowed_domains = [\"example.com\"]\nallowed_groups = [\"dev\", \"ops\"]";
    test_with(&provider("acme", &idp, listed), async |app| {
        claim(&app).await;
        for (change, code) in [
            (json!({"email": "ada@example.com.evil.example"}), "sign_in_not_allowed"),
            (json!({"email": "ada@evil.example@example.com"}), "email_not_verified"),
            (json!({"email_verified": false}), "email_not_verified"),
            (json!({"email": null}), "email_not_verified"),
            (json!({"groups": ["sales"]}), "sign_in_not_allowed"),
            (json!({"groups": null}), "sign_in_not_allowed"),
        ] {
            idp.reset();
            idp.behave(|b| {
                for (name, value) in change.as_object().unwrap() {
                    b.person[name] = value.clone();
                }
            });
            idp.change(|_, claims| claims.retain(|_, value| !value.is_null()));
            refused(&app, &sign_in_at(&app, &idp, "acme").await, code, &change.to_string()).await;
        }
        idp.reset();
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
    });
    for closed in ["sign_up = false", ""] {
        let text = if closed.is_empty() {
            "[sign_in]\nsign_up = false\n"
        } else {
            ""
        };
        test_with(&format!("{text}{}", provider("acme", &idp, closed)), async |app| {
            claim(&app).await;
            refused(&app, &sign_in_at(&app, &idp, "acme").await, "sign_up_closed", closed).await;
            assert_eq!(app.nobody().get("/api/v1/sign-in").await.ok(200)["sign_up"], false);
        });
    }
}

#[test]
fn the_first_owner_comes_by_mapping_or_by_claiming() {
    let idp = idp();
    test_with(
        &provider("acme", &idp, "[sign_in.providers.roles]\nbosses = \"owner\""),
        async |app| {
            refused(
                &app,
                &sign_in_at(&app, &idp, "acme").await,
                "not_claimed",
                "nobody claimed it",
            )
            .await;
            idp.behave(|b| b.person["groups"] = json!(["bosses"]));
            let browser = signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
            assert_eq!(me(&browser).await["user"]["role"], "owner");
            assert_eq!(app.nobody().get("/api/v1/sign-in").await.ok(200)["claimed"], true);
        },
    );
}

#[test]
fn the_way_back_is_one_of_ones_own() {
    let idp = idp();
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        for (asked, to) in [
            ("/workspaces%3Fa=b", "/workspaces?a=b"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/%5Cevil.example", "/"),
        ] {
            let visit = visit(&app, &idp, &format!("/auth/acme/start?return={asked}"), &[]).await;
            let back = go(&app, &visit.url, &[(FLOW, &visit.flow)]).await;
            assert_eq!(location(&back), to);
        }
        let unknown = go(&app, "/auth/nobody/start?return=/keys", &[]).await;
        assert_eq!(location(&unknown), "/sign-in?error=provider_unknown&return=%2Fkeys");
    });
}

#[test]
fn nothing_of_a_providers_is_in_the_database_as_it_is() {
    let idp = idp();
    idp.behave(|b| b.refreshes = true);
    test_with(&provider("acme", &idp, ""), async |app| {
        claim(&app).await;
        signed_in(&app, &sign_in_at(&app, &idp, "acme").await);
        let database = app.database();
        let holds = |text: &str| database.windows(text.len()).any(|w| w == text.as_bytes());
        assert!(holds("248289761001"), "it is the database");
        for secret in ["refresh-", "eyJhbGci", "access-"] {
            assert!(!holds(secret), "{secret}");
        }
    });
}
