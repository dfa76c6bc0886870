//! Custom roles and grants, who may use templates, and limits by group.

use std::time::{Duration, Instant};

use axum::body::Body;
use bailey_core::authz::{Action, Reach, Role};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::harness::{Client, TestApp, fields, test};

const ROLES: &str = "/api/v1/roles";
const GRANTS: &str = "/api/v1/grants";

async fn group(owner: &Client, name: &str, members: &[&str]) {
    owner.post("/api/v1/groups", json!({"name": name})).await.ok(201);
    for member in members {
        owner
            .put(&format!("/api/v1/groups/{name}/members/{member}"))
            .await
            .ok(200);
    }
}

async fn grant(by: &Client, body: Value) -> String {
    let made = by.post(GRANTS, body).await.ok(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn put(client: &Client, path: &str, body: Value) -> crate::harness::Reply {
    client.call(Method::PUT, path, Some(&body)).await
}

#[test]
fn a_role_is_made_granted_changed_and_taken_away() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        app.person("bob", Role::Member).await.key("bobs").await;
        group(&owner, "team", &["ada", "bob"]).await;
        let keys = async || ada.get("/api/v1/keys").await.ok(200)["items"].as_array().unwrap().len();
        assert_eq!(keys().await, 0);
        let body = json!({"name": "lead", "permissions": [{"action": "keys.read", "reach": "group"}]});
        let made = owner.post(ROLES, body.clone()).await.ok(201);
        assert_eq!((&made["name"], &made["built_in"]), (&json!("lead"), &json!(false)));
        assert_eq!(owner.post(ROLES, body).await.code(), "name_taken");
        let to_person = grant(&owner, json!({"role": "lead", "person": "ada"})).await;
        assert_eq!(keys().await, 1, "bob's, from the next request on");
        let again = owner.post(GRANTS, json!({"role": "lead", "person": "ada"})).await;
        assert_eq!(again.code(), "already_exists");
        let shown = ada.get(GRANTS).await.ok(200);
        assert_eq!(
            (&shown["items"][0]["role"], &shown["items"][0]["source"]),
            (&json!("lead"), &json!("manual"))
        );
        assert_eq!(shown["items"][0]["person"]["name"], "ada");
        assert_eq!(owner.delete(&format!("{ROLES}/lead")).await.code(), "role_in_use");
        // A changed role is changed for everyone who holds it.
        owner
            .patch(&format!("{ROLES}/lead"), json!({"permissions": []}))
            .await
            .ok(200);
        assert_eq!(keys().await, 0);
        let wide = json!([{"action": "keys.read", "reach": "all"}]);
        owner
            .patch(&format!("{ROLES}/lead"), json!({"permissions": wide}))
            .await
            .ok(200);
        assert_eq!(keys().await, 1);
        let gone = owner.delete(&format!("{GRANTS}/{to_person}")).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!(keys().await, 0);
        assert_eq!(
            owner.delete(&format!("{ROLES}/lead")).await.status,
            StatusCode::NO_CONTENT
        );
        assert_eq!(ada.get(&format!("{ROLES}/lead")).await.code(), "not_found");
    });
}

#[test]
fn what_is_wrong_with_a_role_is_named() {
    test(async |app| {
        let owner = app.owner().await;
        let pointer = async |permissions: Value| {
            let body = json!({"name": "x", "permissions": permissions});
            owner.post(ROLES, body).await.problem()
        };
        let wrong = |at: &str| ("invalid_fields".to_owned(), vec![at.to_owned()]);
        let one = |action: &str, reach: &str| json!({"action": action, "reach": reach});
        assert_eq!(
            pointer(json!([one("keys.reed", "all")])).await,
            wrong("/permissions/0/action")
        );
        assert_eq!(
            pointer(json!([one("workspaces.access", "all")])).await,
            wrong("/permissions/0")
        );
        assert_eq!(
            pointer(json!([one("people.write", "own")])).await,
            wrong("/permissions/0")
        );
        let twice = json!([one("keys.read", "all"), one("keys.read", "own")]);
        assert_eq!(pointer(twice).await, wrong("/permissions/1"));
        for built_in in ["owner", "member"] {
            let path = format!("{ROLES}/{built_in}");
            assert_eq!(
                owner.patch(&path, json!({"description": "x"})).await.code(),
                "role_built_in"
            );
            assert_eq!(owner.delete(&path).await.code(), "role_built_in");
            let taken = owner.post(ROLES, json!({"name": built_in, "permissions": []})).await;
            assert_eq!(taken.code(), "name_taken");
        }
        for (body, at) in [
            (json!({"role": "nothing", "person": "owner"}), "/role"),
            (json!({"role": "member", "person": "nobody"}), "/person"),
            (json!({"role": "member", "group": "nothing"}), "/group"),
            (json!({"role": "member"}), "/person"),
            (json!({"role": "member", "person": "owner", "group": "x"}), "/person"),
        ] {
            assert_eq!(owner.post(GRANTS, body.clone()).await.problem(), wrong(at), "{body}");
        }
    });
}

#[test]
fn roles_are_listed_in_pages_with_the_built_in_ones_last() {
    test(async |app| {
        let owner = app.owner().await;
        for name in ["a", "b", "c"] {
            app.role(name, &[]).await;
        }
        let mut names = Vec::new();
        let mut path = format!("{ROLES}?limit=2");
        loop {
            let page = owner.get(&path).await.ok(200);
            assert!(page["items"].as_array().unwrap().len() <= 2);
            names.extend(fields(&page, "name"));
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("{ROLES}?limit=2&cursor={cursor}"),
                None => break,
            }
        }
        // Made at the same moment.
        names[..3].sort();
        assert_eq!(names, ["a", "b", "c", "owner", "template-admin", "member", "auditor"]);
        let ada = app.person("ada", Role::Member).await;
        assert_eq!(fields(&ada.get(ROLES).await.ok(200), "name"), ["member"]);
    });
}

/// Somebody who may grant roles and manage people and groups, and little else.
async fn clerk(app: &TestApp) -> Client {
    let all = Reach::All;
    let permissions = [
        (Action::RoleRead, all),
        (Action::RoleWrite, all),
        (Action::PersonRead, all),
        (Action::PersonWrite, all),
        (Action::GroupRead, all),
        (Action::GroupWrite, all),
        (Action::KeyRead, Reach::Group),
    ];
    app.role("clerk", &permissions).await;
    let clerk = app.person("clerk", Role::Member).await;
    grant(&app.owner().await, json!({"role": "clerk", "person": "clerk"})).await;
    clerk
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
fn nobody_gives_more_than_they_have() {
    test(async |app| {
        let (owner, clerk) = (app.owner().await, clerk(&app).await);
        app.person("ada", Role::Member).await;
        group(&owner, "powerful", &[]).await;
        group(&owner, "plain", &["ada"]).await;
        app.role("reader", &[(Action::LedgerRead, Reach::All)]).await;
        app.role("groupies", &[(Action::KeyRead, Reach::Group)]).await;
        let powerful = grant(&owner, json!({"role": "owner", "group": "powerful"})).await;
        let wide = json!([{"action": "ledger.read", "reach": "all"}]);
        let beyond = [
            // By role.
            (
                Method::POST,
                GRANTS.to_owned(),
                json!({"role": "owner", "person": "clerk"}),
                "/role",
            ),
            (
                Method::POST,
                GRANTS.to_owned(),
                json!({"role": "auditor", "person": "ada"}),
                "/role",
            ),
            (
                Method::POST,
                GRANTS.to_owned(),
                json!({"role": "reader", "group": "plain"}),
                "/role",
            ),
            (
                Method::POST,
                "/api/v1/users".into(),
                json!({"name": "eve", "role": "auditor"}),
                "/role",
            ),
            (
                Method::PATCH,
                "/api/v1/users/ada".into(),
                json!({"role": "template-admin"}),
                "/role",
            ),
            // By reach: into groups that somebody may join later.
            (
                Method::POST,
                GRANTS.to_owned(),
                json!({"role": "groupies", "person": "ada"}),
                "/role",
            ),
            (
                Method::POST,
                ROLES.to_owned(),
                json!({"name": "x", "permissions": wide}),
                "/permissions",
            ),
            // What others hold, made wider or taken from them.
            (
                Method::PATCH,
                format!("{ROLES}/reader"),
                json!({"permissions": []}),
                "/permissions",
            ),
            (Method::DELETE, format!("{GRANTS}/{powerful}"), Value::Null, ""),
            // By a group that holds a grant.
            (
                Method::PUT,
                "/api/v1/groups/powerful/members/ada".into(),
                Value::Null,
                "",
            ),
            (
                Method::PUT,
                "/api/v1/groups/powerful/members/clerk".into(),
                Value::Null,
                "",
            ),
            (Method::DELETE, "/api/v1/groups/powerful".into(), Value::Null, ""),
            (
                Method::POST,
                "/api/v1/invitations".into(),
                json!({"name": "eve", "groups": ["plain", "powerful"]}),
                "/groups/1",
            ),
            // Oneself, and what a group says of limits.
            (
                Method::PUT,
                "/api/v1/groups/plain/members/clerk".into(),
                Value::Null,
                "",
            ),
            (
                Method::PATCH,
                "/api/v1/groups/plain".into(),
                json!({"quota": {"running": 99}}),
                "/quota",
            ),
            (
                Method::PATCH,
                "/api/v1/groups/plain".into(),
                json!({"models": null}),
                "/models",
            ),
            (
                Method::PATCH,
                "/api/v1/users/ada".into(),
                json!({"charged_group": "plain"}),
                "/charged_group",
            ),
            // Acting as somebody else.
            (
                Method::POST,
                "/api/v1/tokens".into(),
                json!({"name": "t", "person": "ada"}),
                "/person",
            ),
        ];
        for (method, path, body, at) in beyond {
            let sent = (!body.is_null()).then_some(&body);
            let reply = clerk.call(method.clone(), &path, sent).await;
            let (code, parts) = reply.problem();
            assert!(
                parts.contains(&at.to_owned()),
                "{method} {path} {body}: {code} {parts:?}"
            );
            if at != "/person" {
                assert_eq!(code, "beyond_authority", "{method} {path} {body}");
            }
        }
        assert_eq!(owner.get("/api/v1/users/ada").await.ok(200)["role"], "member");
        let mut held = fields(&owner.get(GRANTS).await.ok(200), "role");
        held.sort();
        assert_eq!(held, ["clerk", "owner"]);
        // What they have they may give.
        grant(&clerk, json!({"role": "member", "person": "ada"})).await;
        clerk.post("/api/v1/users", json!({"name": "eve"})).await.ok(201);
        clerk.put("/api/v1/groups/plain/members/eve").await.ok(200);
    });
}

#[test]
fn by_scope_a_token_gives_no_more_than_it_is_for() {
    test(async |app| {
        let owner = app.owner().await;
        app.person("ada", Role::Member).await;
        app.role("reader", &[(Action::LedgerRead, Reach::All)]).await;
        let narrow = app.narrowed(&owner, &["roles.write", "keys.read"]).await;
        let given = narrow.post(GRANTS, json!({"role": "reader", "person": "ada"})).await;
        assert_eq!(given.problem(), ("beyond_authority".into(), vec!["/role".into()]));
        let wider = app.narrowed(&owner, &["roles.write", "ledger.read"]).await;
        wider
            .post(GRANTS, json!({"role": "reader", "person": "ada"}))
            .await
            .ok(201);
    });
}

#[test]
fn a_token_for_somebody_else_opens_none_of_their_workspaces() {
    test(async |app| {
        let owner = app.owner().await;
        app.person("ada", Role::Member).await;
        let made = owner
            .post("/api/v1/tokens", json!({"name": "t", "person": "ada"}))
            .await
            .ok(201);
        let scopes = made["scopes"].as_array().unwrap();
        assert!(scopes.contains(&json!("keys.read")) && !scopes.contains(&json!("workspaces.access")));
        for scopes in [json!(["*"]), json!(["workspaces.access"])] {
            let body = json!({"name": "t", "person": "ada", "scopes": scopes});
            assert_eq!(owner.post("/api/v1/tokens", body).await.problem().1, ["/scopes"]);
        }
    });
}

#[test]
fn an_invitation_falls_with_the_authority_of_whoever_made_it() {
    test(async |app| {
        let (owner, clerk) = (app.owner().await, clerk(&app).await);
        group(&owner, "plain", &[]).await;
        let body = json!({"name": "eve", "groups": ["plain"]});
        let made = clerk.post("/api/v1/invitations", body).await.ok(201);
        let token = made["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
        // Since then the group has got what the clerk could not give.
        let held = grant(&owner, json!({"role": "auditor", "group": "plain"})).await;
        let accept = json!({"token": token, "password": "correct horse battery"});
        let browser = app.browser();
        let path = "/api/v1/invitations/accept";
        assert_eq!(browser.post(path, accept.clone()).await.code(), "link_invalid");
        owner.delete(&format!("{GRANTS}/{held}")).await;
        browser.post(path, accept).await.ok(200);
    });
}

#[test]
fn a_template_is_there_for_those_who_may_use_it() {
    test(async |app| {
        app.template("plain", "[base]\nroot = \"host\"\n").await;
        app.template("special", "[base]\nroot = \"host\"\n").await;
        let owner = app.owner().await;
        let (ada, bob) = (
            app.person("ada", Role::Member).await,
            app.person("bob", Role::Member).await,
        );
        group(&owner, "team", &["ada"]).await;
        let _running = app.run().await;
        let bobs = app.workspace(&bob, "special", "bobs").await;
        let access = "/api/v1/templates/special/access";
        assert_eq!(bob.get(access).await.ok(200)["everyone"], true);
        assert_eq!(put(&ada, access, json!({"everyone": false})).await.code(), "forbidden");
        let body = json!({"everyone": false, "groups": ["team"], "people": []});
        assert_eq!(put(&owner, access, body.clone()).await.ok(200), body);
        let names = async |who: &Client| {
            let mut names = fields(&who.get("/api/v1/templates").await.ok(200), "name");
            names.sort();
            names
        };
        assert_eq!(names(&ada).await, ["plain", "special"]);
        assert_eq!(names(&bob).await, ["plain"]);
        for rest in [
            "",
            "/versions",
            "/versions/1",
            "/versions/1/archive",
            "/versions/1/build",
            "/access",
        ] {
            let hidden = bob.get(&format!("/api/v1/templates/special{rest}")).await;
            let missing = bob.get(&format!("/api/v1/templates/nothing{rest}")).await;
            assert_eq!(hidden.code(), "not_found", "{rest}");
            assert_eq!(hidden.anonymous(), missing.anonymous(), "{rest}");
        }
        let create = async |who: &Client, template: &str| {
            let body = json!({"template": template, "name": "another"});
            who.post("/api/v1/workspaces", body).await
        };
        let refused = create(&bob, "special").await;
        assert_eq!(refused.problem(), ("invalid_fields".into(), vec!["/template".into()]));
        assert_eq!(refused.anonymous(), create(&bob, "nothing").await.anonymous());
        create(&ada, "special").await.ok(201);
        // What runs goes on; it is not brought up again.
        let path = format!("/api/v1/workspaces/{bobs}");
        assert_eq!(bob.get(&path).await.ok(200)["status"], "running");
        for rest in ["restart", "update"] {
            let reply = bob.post(&format!("{path}/{rest}"), json!({})).await;
            assert_eq!(reply.code(), "template_withdrawn", "{rest}");
        }
        app.begin(&bob, bobs, "stop").await;
        app.until(&bob, bobs, "stopped").await;
        let start = async |who: &Client| who.call(Method::POST, &format!("{path}/start"), None).await;
        assert_eq!(start(&bob).await.code(), "template_withdrawn");
        assert_eq!(
            start(&owner).await.code(),
            "template_withdrawn",
            "it is the owner of the workspace who counts"
        );
        let explained = owner
            .get(&format!(
                "/api/v1/policy/explain?person=bob&action=workspaces.update&resource={bobs}"
            ))
            .await
            .ok(200);
        assert_eq!(explained["allowed"], false, "{explained}");
        let body = json!({"everyone": false, "groups": ["team"], "people": ["bob"]});
        put(&owner, access, body).await.ok(200);
        start(&bob).await.ok(202);
        for (body, at) in [
            (json!({"everyone": false, "groups": ["nothing"]}), "/groups/0"),
            (json!({"everyone": false, "people": ["nobody"]}), "/people/0"),
        ] {
            assert_eq!(put(&owner, access, body).await.problem().1, [at]);
        }
    });
}

#[test]
fn a_group_says_what_its_members_may_have() {
    test(async |app| {
        app.template("plain", "[base]\nroot = \"host\"\n").await;
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        let limit = async |what: &str| {
            let quota = ada.get("/api/v1/me/quota").await.ok(200);
            let limits = quota["limits"].as_array().unwrap().clone();
            limits.into_iter().find(|limit| limit["what"] == what).unwrap()
        };
        assert_eq!(limit("workspaces").await["from"], "organization");
        group(&owner, "interns", &["ada"]).await;
        let body = json!({"quota": {"workspaces": 1}, "models": ["small"]});
        let changed = owner.patch("/api/v1/groups/interns", body).await.ok(200);
        assert_eq!(
            (&changed["quota"], &changed["models"]),
            (&json!({"workspaces": 1}), &json!(["small"]))
        );
        let _running = app.run().await;
        app.workspace(&ada, "plain", "one").await;
        let expected = json!({"what": "workspaces", "used": 1, "limit": 1, "from": "interns"});
        assert_eq!(limit("workspaces").await, expected);
        let second = json!({"template": "plain", "name": "two"});
        assert_eq!(
            ada.post("/api/v1/workspaces", second.clone()).await.code(),
            "quota_exceeded"
        );
        group(&owner, "leads", &["ada"]).await;
        owner
            .patch("/api/v1/groups/leads", json!({"quota": {"workspaces": 2}}))
            .await
            .ok(200);
        assert_eq!(limit("workspaces").await["from"], "leads");
        ada.post("/api/v1/workspaces", second).await.ok(201);
        owner
            .patch("/api/v1/groups/leads", json!({"quota": null}))
            .await
            .ok(200);
        assert_eq!(limit("workspaces").await["limit"], 1);
    });
}

#[test]
fn an_explanation_names_what_decides_and_keeps_secrets() {
    test(async |app| {
        let owner = app.owner().await;
        let (ada, bob) = (
            app.person("ada", Role::Member).await,
            app.person("bob", Role::Member).await,
        );
        group(&owner, "team", &["ada", "bob"]).await;
        app.role("lead", &[(Action::KeyRead, Reach::Group)]).await;
        grant(&owner, json!({"role": "lead", "group": "team"})).await;
        let key = bob.key("bobs").await["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/policy/explain?person=ada&action=keys.read&resource={key}");
        let explained = owner.get(&path).await.ok(200);
        assert_eq!(
            (&explained["allowed"], &explained["reach"]),
            (&json!(true), &json!("group"))
        );
        let sources: Vec<_> = explained["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| &r["source"])
            .collect();
        assert_eq!(sources, ["status", "role", "group", "token", "resource"]);
        assert!(
            explained.to_string().contains("granted to the group `team`"),
            "{explained}"
        );
        // Others than oneself only where one sees what they hold.
        assert_eq!(bob.get(&path).await.code(), "not_found");
        // And of what one does not see nothing is told, whatever the action.
        for unseen in [
            "person:owner",
            "person:nobody",
            "workspace:owner/dev",
            "workspace:nobody/dev",
        ] {
            for action in ["keys.read", "models.read"] {
                let path = format!("/api/v1/policy/explain?action={action}&resource={unseen}");
                assert_eq!(ada.get(&path).await.code(), "not_found", "{path}");
            }
        }
        let own = ada
            .get("/api/v1/policy/explain?action=keys.read&resource=person:ada")
            .await
            .ok(200);
        assert_eq!(own["allowed"], true);
        let narrow = app.narrowed(&ada, &["models.read"]).await;
        let own = narrow.get("/api/v1/policy/explain?action=keys.read").await.ok(200);
        assert_eq!(
            (&own["allowed"], &own["reasons"][3]["source"]),
            (&json!(false), &json!("token"))
        );
        for (query, at) in [
            ("action=keys.reed", "action"),
            ("action=keys.read&resource=moon:1", "resource"),
        ] {
            let reply = ada.get(&format!("/api/v1/policy/explain?{query}")).await;
            assert_eq!(reply.problem(), ("invalid_query".into(), vec![at.into()]));
        }
    });
}

#[test]
fn authority_that_is_taken_away_ends_what_is_open() {
    test(async |app| {
        app.template("plain", "[base]\nroot = \"host\"\n").await;
        let owner = app.owner().await;
        let (ada, bob) = (
            app.person("ada", Role::Member).await,
            app.person("bob", Role::Member).await,
        );
        app.role("watcher", &[(Action::WorkspaceRead, Reach::All)]).await;
        let held = grant(&owner, json!({"role": "watcher", "person": "ada"})).await;
        let running = app.run().await;
        running.agents.silent();
        let body = json!({"template": "plain", "name": "slow"});
        let slow = bob.post("/api/v1/workspaces", body).await.ok(201)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("/api/v1/workspaces/{slow}/builds/1/log");
        let follow = async || {
            let request = Request::get(&path).header("accept", "text/event-stream");
            ada.open(request.body(Body::empty()).unwrap()).await
        };
        let stream = follow().await;
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let began = Instant::now();
        owner.delete(&format!("{GRANTS}/{held}")).await;
        // It is over because the reader may not read on: the build is not.
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.into_body().collect()).await;
        assert!(ended.is_ok(), "{:?}", began.elapsed());
        let build = bob.get(&format!("/api/v1/workspaces/{slow}")).await.ok(200);
        assert_eq!(build["status"], "starting");
        assert_eq!(ada.get(&path).await.code(), "not_found");
    });
}

#[test]
fn a_token_for_somebody_else_includes_nothing_that_they_may_get_some_day() {
    test(async |app| {
        let owner = app.owner().await;
        let (lead, _bob) = (
            app.person("lead", Role::Member).await,
            app.person("bob", Role::Member).await,
        );
        group(&owner, "team", &["lead", "bob"]).await;
        let reach = [Action::TokenCreate, Action::PersonRead, Action::KeyRead].map(|action| (action, Reach::Group));
        app.role("lead", &reach).await;
        grant(&owner, json!({"role": "lead", "person": "lead"})).await;
        let make = async |scopes: serde_json::Value| {
            let body = json!({"name": "for bob", "person": "bob", "scopes": scopes});
            lead.post("/api/v1/tokens", body).await
        };
        for beyond in [
            json!(["roles.write"]),
            json!(["keys.read", "people.write"]),
            json!(["*"]),
        ] {
            let reply = make(beyond).await;
            assert_eq!(reply.problem(), ("beyond_authority".into(), vec!["/scopes".into()]));
        }
        make(json!(["keys.read"])).await.ok(201);
    });
}
