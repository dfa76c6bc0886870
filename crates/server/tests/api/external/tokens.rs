//! Tokens of linked accounts, as git in a workspace asks for them over its agent's link.

use std::time::Duration;

use bailey_api::agent::{CredentialAsk, FromServer, GitCredential, Purpose};
use bailey_core::WorkspaceId;
use bailey_core::authz::Role;
use bailey_link::PurposeError;
use bailey_testkit::idp::{CANARY, Forge};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::{LIST, actions, configured, link, nothing_leaked, recorded, until};
use crate::agents::{Link, Running, dial};
use crate::harness::{Client, TestApp, test_with};

const PLAIN: &str = "display_name = \"Plain\"\n[base]\nroot = \"host\"\n";

fn host(forge: &Forge) -> String {
    forge.base_url().strip_prefix("http://").unwrap().to_owned()
}

fn ask(host: &str) -> CredentialAsk {
    CredentialAsk {
        scheme: "http".to_owned(),
        host: host.to_owned(),
        username: None,
        refused: false,
    }
}

/// Asks as an agent does for git: the credential, none, or why there is none.
async fn asked(link: &Link, ask: CredentialAsk) -> Result<Option<GitCredential>, String> {
    match link.open(&Purpose::Credential(ask)).await {
        Ok(mut stream) => {
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            Ok(serde_json::from_str(&text).unwrap())
        }
        Err(PurposeError::Refused(why)) => Err(why),
        Err(error) => panic!("{error}"),
    }
}

async fn token(link: &Link, forge: &Forge) -> String {
    let credential = asked(link, ask(&host(forge))).await.unwrap().unwrap();
    assert_eq!(credential.username, "oauth2");
    credential.password.0
}

/// Ada, her browser, and a link of a workspace of hers.
struct World {
    ada: Client,
    browser: Client,
    running: Running,
    workspace: WorkspaceId,
    link: Link,
}

async fn world(app: &TestApp) -> World {
    app.template("plain", PLAIN).await;
    let ada = app.person("ada", Role::Member).await;
    let browser = app.browse(&ada).await;
    let running = app.run().await;
    let workspace = app.workspace(&ada, "plain", "one").await;
    let link = dial(running.addr, app.sim.token(workspace).unwrap().expose(), "bulk")
        .await
        .unwrap();
    World {
        ada,
        browser,
        running,
        workspace,
        link,
    }
}

#[test]
fn git_gets_the_owners_token_for_that_host_and_nothing_for_others() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let world = world(&app).await;
        let at = host(&forge);
        let why = asked(&world.link, ask(&at)).await.unwrap_err();
        assert!(why.contains("no account at") && why.contains("profile page"), "{why}");
        link(&app, &forge, &world.browser, "work").await;
        let credential = asked(&world.link, ask(&at)).await.unwrap().unwrap();
        assert_eq!(credential.username, "oauth2");
        assert!(forge.behave(|conduct| conduct.good()) == [credential.password.0.clone()]);
        assert!(credential.expires_at.is_some());
        let name = |name: &str| CredentialAsk {
            username: Some(name.to_owned()),
            ..ask(&at)
        };
        assert!(asked(&world.link, name("ada")).await.unwrap().is_some());
        assert_eq!(
            asked(&world.link, name("bob")).await.unwrap(),
            None,
            "it is somebody else's"
        );
        let port = at.rsplit_once(':').unwrap().1;
        for other in [
            "127.0.0.1",
            "localhost",
            "example.com",
            &format!("localhost:{port}"),
            &format!("{at}0"),
        ] {
            assert_eq!(asked(&world.link, ask(other)).await.unwrap(), None, "{other}");
        }
        let https = CredentialAsk {
            scheme: "https".to_owned(),
            ..ask(&at)
        };
        assert_eq!(asked(&world.link, https).await.unwrap(), None);
        // Somebody else's workspace has nothing of hers, whatever it asks.
        let eve = app.person("eve", Role::Member).await;
        let other = app.workspace(&eve, "plain", "two").await;
        let other = dial(world.running.addr, app.sim.token(other).unwrap().expose(), "bulk")
            .await
            .unwrap();
        assert!(asked(&other, ask(&at)).await.is_err());
        // Each one is on the record, without the token.
        let rows = recorded(&app).await;
        let rows: Vec<&Value> = rows
            .iter()
            .filter(|row| row["action"] == "external_accounts.git_token")
            .collect();
        assert_eq!(rows.len(), 2, "{rows:#?}");
        let text = rows[0].to_string();
        assert!(
            text.contains(&world.workspace.to_string()) && text.contains("ada"),
            "{text}"
        );
        nothing_leaked(&app, &world.browser).await;
        let list = world.ada.get(LIST).await.ok(200);
        assert!(list[0]["account"]["last_used_at"].is_string(), "{list}");
    });
}

#[test]
fn a_token_is_replaced_before_its_end_by_one_who_asks_for_all() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let world = world(&app).await;
        link(&app, &forge, &world.browser, "work").await;
        let first = token(&world.link, &forge).await;
        app.clock.advance(7_200 - 301);
        assert_eq!(token(&world.link, &forge).await, first, "it is good for some minutes");
        app.clock.advance(1);
        forge.behave(|conduct| conduct.thinks = Duration::from_millis(100));
        let tokens = futures_util::future::join_all((0..16).map(|_| token(&world.link, &forge))).await;
        assert!(
            tokens.iter().all(|token| *token == tokens[0] && *token != first),
            "{tokens:?}"
        );
        assert_eq!(forge.behave(|conduct| conduct.refreshes()), 1);
        forge.behave(|conduct| conduct.thinks = Duration::ZERO);
        // Again, with the refresh token that came in its place.
        app.clock.advance(7_000);
        assert_ne!(token(&world.link, &forge).await, tokens[0]);
        assert_eq!(forge.behave(|conduct| conduct.refreshes()), 2);
        nothing_leaked(&app, &world.browser).await;
    });
}

#[test]
fn what_a_forge_gave_is_kept_although_whoever_asked_has_gone() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let world = world(&app).await;
        link(&app, &forge, &world.browser, "work").await;
        app.clock.advance(7_000);
        forge.behave(|conduct| conduct.thinks = Duration::from_millis(300));
        let gone = tokio::time::timeout(Duration::from_millis(100), token(&world.link, &forge)).await;
        assert!(gone.is_err());
        until(&forge, |conduct| conduct.refreshes() == 1).await;
        forge.behave(|conduct| conduct.thinks = Duration::ZERO);
        // With the one before, the forge would take everything back.
        token(&world.link, &forge).await;
        assert_eq!(forge.behave(|conduct| conduct.refreshes()), 1);
    });
}

#[test]
fn a_forge_that_takes_its_tokens_no_more_is_to_be_linked_again() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let world = world(&app).await;
        link(&app, &forge, &world.browser, "work").await;
        // While it does not answer, a token that is good yet is handed out.
        app.clock.advance(7_000);
        forge.behave(|conduct| conduct.down = Some(503));
        token(&world.link, &forge).await;
        app.clock.advance(200);
        let why = asked(&world.link, ask(&host(&forge))).await.unwrap_err();
        assert!(why.contains("does not answer"), "{why}");
        forge.behave(|conduct| conduct.down = None);
        token(&world.link, &forge).await;
        // Somebody took the leave back at the forge: git tells that its token was refused.
        forge.behave(bailey_testkit::idp::Conduct::forget_access);
        let refused = CredentialAsk {
            refused: true,
            ..ask(&host(&forge))
        };
        assert_eq!(asked(&world.link, refused.clone()).await.unwrap(), None);
        token(&world.link, &forge).await;
        assert_eq!(world.ada.get(LIST).await.ok(200)[0]["account"]["link_again"], false);
        // That it refused a repository is no reason to look for another one.
        let before = forge.behave(|conduct| conduct.refreshes());
        asked(&world.link, refused.clone()).await.unwrap();
        assert_eq!(forge.behave(|conduct| conduct.refreshes()), before);
        forge.behave(bailey_testkit::idp::Conduct::forget);
        let why = asked(&world.link, refused).await.unwrap_err();
        assert!(why.contains("linked again"), "{why}");
        let why = asked(&world.link, ask(&host(&forge))).await.unwrap_err();
        assert!(why.contains("linked again"), "{why}");
        assert_eq!(world.ada.get(LIST).await.ok(200)[0]["account"]["link_again"], true);
        assert!(actions(&app).await.contains(&"external_accounts.refused".to_owned()));
        // The session before lay unused for too long.
        let browser = app.browse(&world.ada).await;
        link(&app, &forge, &browser, "work").await;
        token(&world.link, &forge).await;
        nothing_leaked(&app, &browser).await;
    });
}

#[test]
fn tokens_of_one_forge_are_never_shown_to_another_of_the_same_name() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let world = world(&app).await;
        link(&app, &forge, &world.browser, "work").await;
        // As it is after the configuration was changed: the account is of another address.
        let person = world.ada.id.parse().unwrap();
        let mut account = app.store.external_account(person, "work").await.unwrap().unwrap();
        account.base_url = "https://before.example".to_owned();
        app.store.external_account_put(&account).await.unwrap();
        let why = asked(&world.link, ask(&host(&forge))).await.unwrap_err();
        assert!(why.contains("linked again"), "{why}");
        let list = world.ada.get(LIST).await.ok(200);
        assert_eq!(list[0]["account"]["link_again"], json!(true));
        let before = forge.behave(|conduct| conduct.asked.len());
        assert_eq!(world.ada.delete(&format!("{LIST}/work")).await.status, 204);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(
            forge.behave(|conduct| conduct.asked.len()),
            before,
            "it is told nothing"
        );
        assert!(!forge.behave(|conduct| conduct.good()).is_empty());
    });
}

#[test]
fn a_suspended_owner_and_a_workspace_that_asks_without_end_get_none() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let world = world(&app).await;
        link(&app, &forge, &world.browser, "work").await;
        for _ in 0..60 {
            assert!(token(&world.link, &forge).await.starts_with(CANARY));
        }
        let why = asked(&world.link, ask(&host(&forge))).await.unwrap_err();
        assert!(why.contains("too often"), "{why}");
        app.clock.advance(60);
        token(&world.link, &forge).await;
        let (owner, secret) = (app.owner().await, app.sim.token(world.workspace).unwrap());
        owner.post("/api/v1/users/ada/suspend", json!({})).await.ok(200);
        let answered = world.link.open(&Purpose::Credential(ask(&host(&forge)))).await;
        assert!(answered.is_err(), "the link is barred or gone");
        let again = dial(world.running.addr, secret.expose(), "bulk").await;
        assert!(again.is_err(), "it does not come back");
    });
}

#[test]
fn commits_are_made_under_the_name_that_the_forge_shows() {
    let forge = Forge::start();
    test_with(&configured("work", "gitlab", &forge), async |app| {
        let world = world(&app).await;
        let committer = async || {
            world.running.agents.leave(world.workspace);
            let token = app.sim.token(world.workspace).unwrap();
            let link = dial(world.running.addr, token.expose(), "interactive").await.unwrap();
            let mut talk = link.talk().await.unwrap();
            talk.hello(true).await;
            match talk.hear().await {
                Some(FromServer::Welcome { committer, .. }) => committer.unwrap(),
                other => panic!("{other:?}"),
            }
        };
        let own = committer().await;
        assert_eq!((own.name.as_str(), own.email), ("ada", None));
        forge.behave(|conduct| conduct.gitlab["name"] = json!("Ada <x>\nL."));
        link(&app, &forge, &world.browser, "work").await;
        let own = committer().await;
        assert_eq!(
            (own.name.as_str(), own.email.as_deref()),
            ("Ada xL.", Some("ada@forge.example"))
        );
    });
}
