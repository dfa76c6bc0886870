//! Accounts at forges: linking and unlinking them, against a forge that does what it should until one thing of it is changed.

mod tokens;

use axum::body::Body;
use bailey_core::audit::Line;
use bailey_core::authz::{Role, TokenScopes};
use bailey_testkit::idp::{CANARY, CLIENT, Forge, SECRET};
use http::Request;
use serde_json::{Value, json};

use crate::harness::{Client, Reply, TestApp, test_with};

const HOME: &str = "http://localhost:7080";
const FLOW: &str = "__Host-bailey-flow";
const LIST: &str = "/api/v1/me/external-accounts";

/// The configuration of one forge.
fn configured(name: &str, kind: &str, forge: &Forge) -> String {
    format!(
        "[[external_auth]]\nname = \"{name}\"\nkind = \"{kind}\"\nbase_url = \"{}\"\nclient_id = \"{CLIENT}\"\n\
         client_secret = \"{SECRET}\"\n",
        forge.base_url()
    )
}

fn location(reply: &Reply) -> &str {
    assert_eq!(reply.status, 303, "{}", reply.text);
    reply.headers["location"].to_str().unwrap()
}

/// A link that somebody began: where the forge sent the browser back to, and what the browser keeps.
struct Begun {
    back: String,
    flow: String,
}

/// Begins to link at `name`, and gives leave there.
async fn begin(forge: &Forge, browser: &Client, name: &str) -> Begun {
    let reply = browser.post(&format!("{LIST}/{name}/link"), json!({})).await;
    let flow = reply
        .headers
        .get_all("set-cookie")
        .iter()
        .find_map(|line| line.to_str().unwrap().strip_prefix(&format!("{FLOW}=")))
        .map(|rest| rest.split(';').next().unwrap().to_owned());
    let begun = reply.ok(200);
    let back = forge.give_leave(begun["url"].as_str().unwrap()).unwrap();
    Begun {
        back: back.strip_prefix(HOME).unwrap().to_owned(),
        flow: flow.unwrap(),
    }
}

/// Comes back from the forge with a browser that keeps `flow`.
async fn come_back(app: &TestApp, browser: Option<&Client>, back: &str, flow: Option<&str>) -> Reply {
    let session = browser.map(|browser| format!("__Host-bailey-session={}", browser.cookie.as_deref().unwrap()));
    let flow = flow.map(|flow| format!("{FLOW}={flow}"));
    let cookies: Vec<String> = session.into_iter().chain(flow).collect();
    let mut request = Request::get(back)
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document");
    if !cookies.is_empty() {
        request = request.header("cookie", cookies.join("; "));
    }
    app.browser().send(request.body(Body::empty()).unwrap()).await
}

/// Links an account of somebody at `name`.
async fn link(app: &TestApp, forge: &Forge, browser: &Client, name: &str) {
    let begun = begin(forge, browser, name).await;
    let back = come_back(app, Some(browser), &begun.back, Some(&begun.flow)).await;
    assert_eq!(location(&back), "/profile");
}

/// All that was recorded so far.
async fn recorded(app: &TestApp) -> Vec<Value> {
    app.audit.flush().await;
    let rows = app.store.audit_slice(app.audit.writer(), 0, 1_000).await.unwrap();
    rows.iter()
        .map(|found| Line::Row(Box::new((found.row.clone(), found.content.clone()))).to_text())
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect()
}

/// Nothing that a forge gave is in the audit log or in what the API shows.
async fn nothing_leaked(app: &TestApp, browser: &Client) {
    let log = serde_json::to_string(&recorded(app).await).unwrap();
    assert!(!log.contains(CANARY) && !log.contains(SECRET), "{log}");
    let shown = browser.get(LIST).await.text;
    assert!(!shown.contains(CANARY), "{shown}");
}

async fn actions(app: &TestApp) -> Vec<String> {
    let rows = recorded(app).await;
    let actions = rows.iter().filter_map(|row| row["action"].as_str().map(str::to_owned));
    actions.collect()
}

/// Waits until a forge was told something.
async fn until(forge: &Forge, what: impl Fn(&bailey_testkit::idp::Conduct) -> bool) {
    for _ in 0..1_000 {
        if forge.behave(|conduct| what(conduct)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!(
        "the forge was not told: {:?}",
        forge.behave(|conduct| conduct.asked.clone())
    );
}

#[test]
fn somebody_links_sees_and_unlinks_accounts_of_two_forges() {
    let (gitlab, github) = (Forge::start(), Forge::start());
    let text = configured("work", "gitlab", &gitlab) + &configured("hub", "github", &github);
    test_with(&text, async |app| {
        let ada = app.person("ada", Role::Member).await;
        let browser = app.browse(&ada).await;
        let list = browser.get(LIST).await.ok(200);
        assert_eq!(
            (&list[0]["provider"], &list[0]["kind"], &list[0]["account"]),
            (&json!("work"), &json!("gitlab"), &Value::Null)
        );
        link(&app, &gitlab, &browser, "work").await;
        link(&app, &github, &browser, "hub").await;
        // With a token it is seen, too.
        let list = ada.get(LIST).await.ok(200);
        assert_eq!(list.as_array().unwrap().len(), 2);
        let (work, hub) = (&list[0]["account"], &list[1]["account"]);
        assert_eq!(
            (&work["id"], &work["login"], &work["display_name"], &work["email"]),
            (
                &json!("42"),
                &json!("ada"),
                &json!("Ada Lovelace"),
                &json!("ada@forge.example")
            )
        );
        assert_eq!(work["scopes"], json!(["api", "write_repository"]));
        assert_eq!(
            (&hub["id"], &hub["login"], &hub["display_name"], &hub["scopes"]),
            (
                &json!("583231"),
                &json!("ada-hub"),
                &json!("ada-hub"),
                &json!(["repo", "user:email"])
            )
        );
        assert_eq!(
            (&work["link_again"], &work["last_used_at"]),
            (&json!(false), &Value::Null)
        );
        let owner = app
            .store
            .external_account_owner(&gitlab.base_url(), "42")
            .await
            .unwrap();
        assert_eq!(owner.unwrap().to_string(), ada.id);
        nothing_leaked(&app, &browser).await;
        // Unlinked: gone here, and told to the forges.
        for (name, forge) in [("work", &gitlab), ("hub", &github)] {
            assert_eq!(browser.delete(&format!("{LIST}/{name}")).await.status, 204);
            until(forge, |conduct| {
                conduct.good().is_empty() && !conduct.revoked.is_empty()
            })
            .await;
            assert_eq!(browser.delete(&format!("{LIST}/{name}")).await.code(), "not_found");
        }
        assert_eq!(ada.get(LIST).await.ok(200)[0]["account"], Value::Null);
        let actions = actions(&app).await;
        for action in [
            "me.external_accounts_link_begin",
            "me.external_accounts_link",
            "me.external_accounts_unlink",
        ] {
            assert!(
                actions.iter().filter(|found| *found == action).count() >= 2,
                "{action}: {actions:?}"
            );
        }
        nothing_leaked(&app, &browser).await;
    });
}

#[test]
fn a_forge_that_cannot_be_told_keeps_nobody_from_unlinking() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let ada = app.person("ada", Role::Member).await;
        let browser = app.browse(&ada).await;
        link(&app, &forge, &browser, "work").await;
        forge.behave(|conduct| conduct.down = Some(503));
        // A token that is narrowed is not for this; one that is not will do.
        let narrowed = app.with_scopes(&ada, TokenScopes::Only([].into())).await;
        assert_eq!(
            narrowed.delete(&format!("{LIST}/work")).await.code(),
            "session_required"
        );
        assert_eq!(ada.delete(&format!("{LIST}/work")).await.status, 204);
        assert_eq!(browser.get(LIST).await.ok(200)[0]["account"], Value::Null);
    });
}

#[test]
fn an_answer_counts_once_in_the_browser_and_session_that_began_it() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let (ada, eve) = (
            app.person("ada", Role::Member).await,
            app.person("eve", Role::Member).await,
        );
        let (browser, other) = (app.browse(&ada).await, app.browse(&eve).await);
        let nobody_has_it = async || {
            for of in [&ada, &eve] {
                assert_eq!(of.get(LIST).await.ok(200)[0]["account"], Value::Null);
            }
        };
        // Another browser, which kept nothing.
        let begun = begin(&forge, &browser, "work").await;
        let back = come_back(&app, Some(&other), &begun.back, None).await;
        assert_eq!(location(&back), "/profile?error=sign_in_stale");
        // What another one began, with somebody else's cookie: Eve would have Ada link Eve's account.
        let planted = begin(&forge, &other, "work").await;
        let back = come_back(&app, Some(&browser), &planted.back, Some(&planted.flow)).await;
        assert_eq!(location(&back), "/profile?error=session_ended");
        let back = come_back(&app, Some(&browser), &planted.back, Some(&begun.flow)).await;
        assert_eq!(
            location(&back),
            "/profile?error=sign_in_stale",
            "the state is another one"
        );
        // Nobody is signed in.
        let back = come_back(&app, None, &begun.back, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile?error=session_ended");
        nobody_has_it().await;
        // It was answered already, for better or worse.
        let back = come_back(&app, Some(&browser), &begun.back, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile?error=sign_in_stale");
        // No state, two states, a state that is too old.
        let begun = begin(&forge, &browser, "work").await;
        let (path, query) = begun.back.split_once('?').unwrap();
        let code = query.split('&').find(|pair| pair.starts_with("code=")).unwrap();
        for wrong in [format!("{path}?{code}"), format!("{}&state=x", begun.back)] {
            let back = come_back(&app, Some(&browser), &wrong, Some(&begun.flow)).await;
            assert_eq!(location(&back), "/profile?error=sign_in_stale", "{wrong}");
        }
        app.clock.advance(600);
        let back = come_back(&app, Some(&browser), &begun.back, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile?error=sign_in_stale");
        nobody_has_it().await;
        assert!(
            forge.behave(|conduct| conduct.good().is_empty()),
            "no code was ever redeemed"
        );
        // And as it should be; a second time it is nothing.
        let begun = begin(&forge, &browser, "work").await;
        let back = come_back(&app, Some(&browser), &begun.back, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile");
        let back = come_back(&app, Some(&browser), &begun.back, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile?error=sign_in_stale");
        assert_eq!(ada.get(LIST).await.ok(200)[0]["account"]["login"], "ada");
    });
}

#[test]
fn a_flow_to_a_forge_signs_nobody_in_and_the_other_way_round() {
    let forge = Forge::start();
    let idp = bailey_testkit::idp::Idp::start(crate::harness::T0.seconds());
    let text = configured("acme", "gitlab", &forge)
        + &format!(
            "[[sign_in.providers]]\nname = \"acme\"\nkind = \"oidc\"\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n",
            idp.issuer()
        );
    test_with(&text, async |app| {
        let ada = app.person("ada", Role::Member).await;
        let browser = app.browse(&ada).await;
        let begun = begin(&forge, &browser, "acme").await;
        let crossed = begun.back.replace("/auth/external/acme/", "/auth/acme/");
        let back = come_back(&app, Some(&browser), &crossed, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile?error=sign_in_stale");
        let identities = browser.get("/api/v1/me/identities").await.ok(200);
        assert_eq!(identities, json!([]));
    });
}

#[test]
fn what_a_forge_says_instead_is_told_on_the_page_that_it_was_begun_on() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let ada = app.person("ada", Role::Member).await;
        let browser = app.browse(&ada).await;
        forge.behave(|conduct| conduct.denies = Some("access_denied"));
        let begun = begin(&forge, &browser, "work").await;
        let back = come_back(&app, Some(&browser), &begun.back, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile?error=provider_refused");
        forge.behave(|conduct| conduct.denies = None);
        // A code that it does not know.
        let begun = begin(&forge, &browser, "work").await;
        let forged = begun.back.replace("code=code-", "code=other-");
        let back = come_back(&app, Some(&browser), &forged, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile?error=provider_refused");
        let begun = begin(&forge, &browser, "work").await;
        forge.behave(|conduct| conduct.down = Some(502));
        let back = come_back(&app, Some(&browser), &begun.back, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile?error=provider_unavailable");
        forge.behave(|conduct| conduct.down = None);
        // A user that is none.
        forge.behave(|conduct| conduct.gitlab = json!({"username": "ada"}));
        let begun = begin(&forge, &browser, "work").await;
        let back = come_back(&app, Some(&browser), &begun.back, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile?error=provider_answer_invalid");
        assert_eq!(ada.get(LIST).await.ok(200)[0]["account"], Value::Null);
        // What it was begun for stays what it is.
        let wrong = browser
            .post(&format!("{LIST}/work/link"), json!({"back": "//evil.example"}))
            .await;
        assert_eq!(wrong.problem().1, ["/back"]);
        assert_eq!(
            browser.post(&format!("{LIST}/nobody/link"), json!({})).await.code(),
            "not_found"
        );
        assert_eq!(
            ada.post(&format!("{LIST}/work/link"), json!({})).await.code(),
            "session_required"
        );
        nothing_leaked(&app, &browser).await;
    });
}

#[test]
fn an_account_is_one_persons() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let (ada, eve) = (
            app.person("ada", Role::Member).await,
            app.person("eve", Role::Member).await,
        );
        let (browser, other) = (app.browse(&ada).await, app.browse(&eve).await);
        link(&app, &forge, &browser, "work").await;
        let begun = begin(&forge, &other, "work").await;
        let back = come_back(&app, Some(&other), &begun.back, Some(&begun.flow)).await;
        assert_eq!(location(&back), "/profile?error=external_account_taken");
        assert_eq!(eve.get(LIST).await.ok(200)[0]["account"], Value::Null);
        // What the forge gave for nothing is not good any more; Ada's is.
        until(&forge, |conduct| conduct.good().len() == 1).await;
        // Another account takes the place of the one before, whose tokens go.
        forge.behave(|conduct| conduct.gitlab["id"] = json!(43));
        link(&app, &forge, &browser, "work").await;
        assert_eq!(ada.get(LIST).await.ok(200)[0]["account"]["id"], "43");
        until(&forge, |conduct| conduct.good().len() == 1).await;
        forge.behave(|conduct| conduct.gitlab["id"] = json!(42));
        link(&app, &forge, &other, "work").await;
        assert_eq!(eve.get(LIST).await.ok(200)[0]["account"]["id"], "42");
    });
}

#[test]
fn suspending_somebody_ends_their_accounts() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let (owner, ada) = (app.owner().await, app.person("ada", Role::Member).await);
        let browser = app.browse(&ada).await;
        link(&app, &forge, &browser, "work").await;
        let path = "/api/v1/users/ada/suspend";
        owner.post(path, json!({})).await.ok(200);
        until(&forge, |conduct| {
            conduct.good().is_empty() && !conduct.revoked.is_empty()
        })
        .await;
        let person = ada.id.parse().unwrap();
        assert!(app.store.external_accounts_of(person).await.unwrap().is_empty());
    });
}
