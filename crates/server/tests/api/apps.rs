//! Addresses that open apps. What they open is tested beside the proxy.

use std::collections::BTreeMap;

use bailey_core::authz::Role;
use bailey_core::template::{App, Resolved, Sharing, Target};
use bailey_core::workspace::{Build, BuildState, Quota, Transition};
use bailey_core::{BuildId, TemplateId, TemplateVersionId, WorkspaceId};
use bailey_runtime::ids::NewId;
use bailey_store::NewWorkspace;
use serde_json::json;

use crate::harness::{Client, T0, TestApp, test};

#[test]
fn an_address_is_for_the_owner_and_for_those_an_app_is_shared_with() {
    test(async |app| {
        let (ann, admin) = (app.person("ann", Role::Member).await, app.owner().await);
        let auditor = app.person("eve", Role::Auditor).await;
        let workspace = workspace(&app, &ann).await;
        let path = |name: &str| format!("/api/v1/workspaces/{workspace}/apps/{name}/open");
        let open = async |who: &Client, name: &str| {
            let reply = who.post(&path(name), json!({})).await;
            (reply.status.as_u16(), reply.text)
        };
        for name in ["own", "terminal"] {
            let (status, text) = open(&ann, name).await;
            let prefix = format!(r#"{{"url":"http://{name}--work--ann.localhost:7080/.bailey/open?code="#);
            assert!(status == 200 && text.starts_with(&prefix), "{text}");
            assert_eq!(
                open(&admin, name).await.0,
                404,
                "no role leads into another person's workspace"
            );
        }
        assert_eq!(open(&admin, "shared").await.0, 200);
        assert_eq!(open(&ann, "none").await.0, 404);
        assert_eq!(open(&auditor, "shared").await.0, 403);
        let (status, text) = open(&ann, "outside").await;
        assert_eq!(
            (status, text.as_str()),
            (200, r#"{"url":"https://wiki.example/ann/work"}"#)
        );
    });
}

#[test]
fn a_signed_in_browser_opens_apps_and_another_one_signs_in_first() {
    test(async |app| {
        let (ann, bob) = (
            app.person("ann", Role::Member).await,
            app.person("bob", Role::Member).await,
        );
        workspace(&app, &ann).await;
        let location = |reply: &crate::harness::Reply| {
            assert_eq!(reply.status, 303, "{}", reply.text);
            reply.headers["location"].to_str().unwrap().to_owned()
        };
        let path = "/apps/open?app=own--work--ann&return=%2Fa%3Fb";
        let sent = location(&app.browser().get(path).await);
        assert_eq!(
            sent,
            "/sign-in?return=%2Fapps%2Fopen%3Fapp%3Down--work--ann%26return%3D%252Fa%253Fb"
        );
        let browser = app.browse(&ann).await;
        let opened = location(&browser.get(path).await);
        let prefix = "http://own--work--ann.localhost:7080/.bailey/open?code=";
        assert!(
            opened.starts_with(prefix) && opened.ends_with("&return=%2Fa%3Fb"),
            "{opened}"
        );
        let evil = location(&browser.get("/apps/open?app=own--work--ann&return=//evil.example").await);
        assert!(!evil.contains("evil"), "{evil}");
        for (who, label, status) in [
            (&bob, "own--work--ann", 404),
            (&bob, "none--work--ann", 404),
            (&ann, "none--work--ann", 404),
            (&ann, "nonsense", 404),
            (&bob, "shared--work--ann", 303),
        ] {
            let reply = app.browse(who).await.get(&format!("/apps/open?app={label}")).await;
            assert_eq!(reply.status, status, "{} {label}", who.name);
        }
        // Other sites can link to an app, and neither frame nor fetch it.
        let ask = async |mode: &str, dest: &str| {
            let request = http::Request::get(path)
                .header("sec-fetch-site", "cross-site")
                .header("sec-fetch-mode", mode)
                .header("sec-fetch-dest", dest);
            browser.navigate(request.body(axum::body::Body::empty()).unwrap()).await
        };
        location(&ask("navigate", "document").await);
        assert_eq!(ask("navigate", "iframe").await.code(), "origin_refused");
        assert_eq!(ask("no-cors", "image").await.code(), "origin_refused");
    });
}

async fn workspace(app: &TestApp, owner: &Client) -> WorkspaceId {
    let of = |name: &str, sharing, target| App {
        name: name.to_owned(),
        display_name: name.to_owned(),
        icon: String::new(),
        target,
        command: None,
        health: None,
        sharing,
    };
    let outside = Target::External("https://wiki.example/ann/work".to_owned());
    let new = NewWorkspace {
        id: WorkspaceId::new_at(T0),
        owner: owner.id.parse().unwrap(),
        name: "work".to_owned(),
        template: TemplateId::new_at(T0),
        version: TemplateVersionId::new_at(T0),
        parameters: BTreeMap::new(),
        resolved: Resolved {
            apps: vec![
                of("own", Sharing::Owner, Target::Port(1)),
                of("shared", Sharing::Authenticated, Target::Port(2)),
                of("outside", Sharing::Owner, outside),
            ],
            ..Resolved::default()
        },
        auto_stop: None,
        created_at: T0,
    };
    let build = Build {
        id: BuildId::new_at(T0),
        workspace: new.id,
        number: 1,
        transition: Transition::Start,
        state: BuildState::Queued,
        version: new.version,
        initiator: None,
        reason: None,
        error: None,
        created_at: T0,
        started_at: None,
        finished_at: None,
    };
    let quota = Quota {
        workspaces: None,
        running: None,
        cpu_milli: None,
        memory: None,
        disk: None,
    };
    app.store.workspace_create(&new, &build, &quota).await.unwrap();
    new.id
}
