//! INV-BUD-9: nobody writes their own limit, spend, role or routes by any field of any endpoint.

use std::collections::BTreeSet;

use bailey_core::authz::{Action, Reach, Role};
use serde_json::{Value, json};

use crate::harness::{Client, TestApp, test};
use crate::table::{committed, operations, request};

/// Fields of records that are nobody's to write, and words that other products took.
const FIELDS: &[&str] = &[
    "id",
    "key",
    "token",
    "hash",
    "public_id",
    "secret",
    "spend",
    "spent",
    "posted",
    "overrun",
    "leased",
    "left",
    "usage",
    "cost",
    "limit",
    "limits",
    "budgets",
    "max_budget",
    "budget_id",
    "soft_budget",
    "routes",
    "allowed_routes",
    "provider",
    "role",
    "roles",
    "user_role",
    "is_admin",
    "admin",
    "status",
    "state",
    "blocked",
    "scopes",
    "permissions",
    "reach",
    "person",
    "user_id",
    "owner",
    "created_by",
    "created_at",
    "revoked_at",
    "rotated_at",
    "window_start",
    "resets_at",
    "org",
    "team",
    "charged_group",
    "groups",
    "members",
    "subject",
    "period",
    "__proto__",
    "$set",
];

/// The fields that an operation's body has, by the committed description.
fn known(api: &Value, operation: &Value) -> Option<BTreeSet<String>> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let schema = api.pointer(schema.as_str()?.strip_prefix('#')?)?;
    assert_eq!(schema["additionalProperties"], json!(false), "{schema}");
    Some(schema["properties"].as_object()?.keys().cloned().collect())
}

/// A body that is right but for what is put into it.
fn base(operation: &str) -> Value {
    match operation {
        "POST /api/v1/users" | "POST /api/v1/groups" | "POST /api/v1/keys" | "POST /api/v1/tokens" => {
            json!({"name": "new"})
        }
        "POST /api/v1/workspaces" => json!({"template": "shell"}),
        "POST /api/v1/budgets" => {
            json!({"subject": {"kind": "organization"}, "limit": "1", "period": "day"})
        }
        "PATCH /api/v1/budgets/{id}" => json!({"limit": "1"}),
        _ => json!({}),
    }
}

/// Every field name that the description has anywhere.
fn all_fields(api: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get("properties") {
                    found.extend(properties.keys().cloned());
                }
                object.values().for_each(|value| walk(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(&api["components"]["schemas"], &mut found);
    found
}

#[test]
fn a_field_that_an_operation_does_not_have_is_refused_by_name() {
    test(async |app| {
        let owner = app.owner().await;
        // Some operations take a session.
        let browser = app.browse(&owner).await;
        let api = committed();
        let mut fields = all_fields(&api);
        fields.extend(FIELDS.iter().map(|field| (*field).to_owned()));
        assert!(fields.len() > 150, "{}", fields.len());
        let mut tried = 0;
        for (name, operation) in operations(&api) {
            let Some(known) = known(&api, &operation) else { continue };
            for field in fields.iter().filter(|f| !known.contains(*f)) {
                let (method, path) = request(&name);
                let mut body = base(&name);
                body[field] = json!("1");
                let reply = browser.call(method, &path, Some(&body)).await;
                let pointer = format!("/{field}");
                assert_eq!(
                    reply.problem(),
                    ("invalid_fields".into(), vec![pointer]),
                    "{name} {field}"
                );
                tried += 1;
            }
        }
        assert!(tried > 4_000, "{tried}");
        let subject = json!({"kind": "organization", "limit": "1"});
        for (path, body, pointer) in [
            (
                "keys",
                json!({"name": "x", "models": {"tiers": ["$"], "routes": ["m"]}}),
                "/models/routes",
            ),
            (
                "keys",
                json!({"name": "x", "budget": {"limit": "1", "period": "day", "spent": "0"}}),
                "/budget/spent",
            ),
            (
                "keys",
                json!({"name": "x", "budget": [{"limit": "1", "period": "day", "id": "b"}]}),
                "/budget/0/id",
            ),
            (
                "budgets",
                json!({"subject": subject, "limit": "1", "period": "day"}),
                "/subject/limit",
            ),
        ] {
            let reply = owner.post(&format!("/api/v1/{path}"), body.clone()).await;
            assert_eq!(
                reply.problem(),
                ("invalid_fields".into(), vec![pointer.into()]),
                "{body}"
            );
        }
        assert_eq!(owner.get("/api/v1/keys").await.ok(200)["items"], json!([]));
    });
}

async fn refused(client: &Client, method: &str, path: &str, body: Value) {
    let reply = client.call(method.parse().unwrap(), path, Some(&body)).await;
    let code = reply.code();
    assert!(
        ["beyond_authority", "forbidden", "invalid_fields", "not_found"].contains(&code.as_str()),
        "{method} {path} {body}: {code}"
    );
    assert!(reply.status.is_client_error());
}

#[test]
fn a_member_raises_nothing_of_their_own() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        for name in ["rich", "poor"] {
            owner.post("/api/v1/groups", json!({"name": name})).await.ok(201);
            owner.put(&format!("/api/v1/groups/{name}/members/ada")).await.ok(200);
        }
        owner
            .patch("/api/v1/users/ada", json!({"charged_group": "poor"}))
            .await
            .ok(200);
        let before = ada.key("k").await;
        let id = before["id"].as_str().unwrap();
        let path = format!("/api/v1/keys/{id}");
        let create = "/api/v1/keys";
        let own = before["budgets"][0]["id"].as_str().unwrap();
        let budget = format!("/api/v1/budgets/{own}");
        let subject = json!({"kind": "key", "id": id});
        for (method, path, body) in [
            ("POST", create, json!({"name": "x", "budget": "20.000000001/day"})),
            ("POST", create, json!({"name": "x", "rpm": 61})),
            ("POST", create, json!({"name": "x", "rpm": null})),
            ("POST", create, json!({"name": "x", "expires_in": "31d"})),
            ("POST", create, json!({"name": "x", "expires_in": "never"})),
            (
                "POST",
                create,
                json!({"name": "x", "expires_at": "2099-01-01T00:00:00Z"}),
            ),
            ("POST", create, json!({"name": "x", "models": {"tiers": ["$$$"]}})),
            ("POST", create, json!({"name": "x", "models": {"tiers": []}})),
            ("POST", create, json!({"name": "x", "person": "owner"})),
            (
                "POST",
                create,
                json!({"name": "x", "person": "usr_00000000000000000000000000000000"}),
            ),
            ("POST", create, json!({"name": "x", "group": "rich"})),
            (
                "POST",
                create,
                json!({"name": "x", "workspace": "ws_00000000000000000000000000000001"}),
            ),
            ("POST", create, json!({"name": "x", "scope": "ci", "rpm": 121})),
            ("PATCH", &path, json!({"budget": "20.01/day"})),
            ("PATCH", &path, json!({"rpm": 61})),
            ("PATCH", &path, json!({"rpm": null})),
            ("PATCH", &path, json!({"expires_in": "31d"})),
            ("PATCH", &path, json!({"expires_in": "never"})),
            ("PATCH", &path, json!({"models": {"tiers": []}})),
            ("PATCH", &path, json!({"models": {"tiers": ["$", "$$", "$$$"]}})),
            ("PATCH", &path, json!({"group": "rich"})),
            ("PATCH", &budget, json!({"limit": "1000"})),
            ("DELETE", &budget, json!({})),
            (
                "POST",
                "/api/v1/budgets",
                json!({"subject": subject, "limit": "1000", "period": "month"}),
            ),
            ("POST", "/api/v1/users", json!({"name": "mallory", "role": "owner"})),
            ("PATCH", "/api/v1/users/ada", json!({"role": "owner"})),
            ("PATCH", "/api/v1/users/ada", json!({"charged_group": "rich"})),
            ("PATCH", "/api/v1/users/ada", json!({"charged_group": null})),
            ("POST", "/api/v1/groups", json!({"name": "mine"})),
            ("DELETE", "/api/v1/groups/poor", json!({})),
            ("PUT", "/api/v1/groups/rich/members/ada", json!({})),
            ("DELETE", "/api/v1/groups/poor/members/ada", json!({})),
            ("PATCH", "/api/v1/organization", json!({"display_name": "Mine"})),
            ("POST", "/api/v1/tokens", json!({"name": "x", "person": "owner"})),
        ] {
            refused(&ada, method, path, body).await;
        }
        let after = ada.get(&path).await.ok(200);
        let mut before = before;
        before.as_object_mut().unwrap().remove("key");
        assert_eq!(after, before);
        assert_eq!(fields_len(&ada, "/api/v1/keys").await, 1);
        assert_eq!(owner.get("/api/v1/users/ada").await.ok(200)["role"], "member");
    });
}

/// All that decides what somebody may do and have, as those see it who see everything.
async fn authority(app: &TestApp, owner: &Client, ada: &Client, key: &str) -> Value {
    let holder = app.store.holder(ada.id.parse().unwrap()).await.unwrap().unwrap();
    let get = async |path: &str| owner.get(path).await.ok(200);
    let person = get("/api/v1/users/ada").await;
    let key = get(&format!("/api/v1/keys/{key}")).await;
    let me = ada.get("/api/v1/me").await.ok(200);
    json!({
        "role": person["role"], "status": person["status"], "charged": person["charged_group"], "groups": person["groups"],
        "holder": format!("{:?} {:?}", holder.groups, holder.grants),
        "allowed": me["allowed"], "scopes": me["scopes"],
        "quota": ada.get("/api/v1/me/quota").await.ok(200)["limits"].as_array().unwrap().iter()
            .map(|limit| (limit["what"].clone(), limit["limit"].clone(), limit["from"].clone())).collect::<Vec<_>>(),
        "key": [&key["budgets"], &key["group"], &key["workspace"], &key["scope"], &key["person"], &key["expires_at"]],
        "budgets": get("/api/v1/budgets?kind=person&id=ada").await["items"],
        "group": get("/api/v1/groups/poor").await,
        "roles": get("/api/v1/roles").await, "grants": get("/api/v1/grants").await,
        "access": get("/api/v1/templates/plain/access").await,
        "organization": get("/api/v1/organization").await,
    })
}

/// Values that would be more, in each form that a field may have.
fn greedy() -> Vec<Value> {
    vec![
        json!("owner"),
        json!(1_000_000_000),
        json!(null),
        json!(true),
        json!(false),
        json!(["*"]),
        json!(["owner"]),
        json!("999999/day"),
        json!("never"),
        json!({"kind": "person", "id": "ada"}),
        json!({"workspaces": 1_000_000}),
        json!({"tiers": [], "names": []}),
        json!([{"action": "budgets.write", "reach": "all"}]),
    ]
}

#[test]
fn no_known_field_of_any_operation_gives_a_member_more() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        app.template("plain", "[base]\nroot = \"host\"\n").await;
        owner.post("/api/v1/groups", json!({"name": "poor"})).await.ok(201);
        owner.put("/api/v1/groups/poor/members/ada").await.ok(200);
        let limits = json!({"quota": {"workspaces": 3}, "models": ["small"]});
        owner.patch("/api/v1/groups/poor", limits).await.ok(200);
        owner
            .patch("/api/v1/users/ada", json!({"charged_group": "poor"}))
            .await
            .ok(200);
        app.role("big", &[(Action::BudgetWrite, Reach::All)]).await;
        let budget = json!({"subject": {"kind": "person", "id": "ada"}, "limit": "5", "period": "day"});
        let budget = owner.post("/api/v1/budgets", budget).await.ok(201)["id"].clone();
        let key = ada.key("mine").await["id"].as_str().unwrap().to_owned();
        let own = |path: &str| {
            let resource = path.split('/').nth(3).unwrap_or_default();
            let id = match resource {
                "keys" => key.as_str(),
                "budgets" => budget.as_str().unwrap(),
                "users" => "ada",
                "groups" => "poor",
                "roles" => "big",
                "templates" => "plain",
                _ => "nothing",
            };
            path.replace("{id}", id)
                .replace("{person}", "ada")
                .replace("{number}", "1")
                .replace("{app}", "terminal")
        };
        let before = authority(&app, &owner, &ada, &key).await;
        let (api, mut tried) = (committed(), 0);
        for (name, operation) in operations(&api) {
            let Some(known) = known(&api, &operation) else { continue };
            let (method, path) = name.split_once(' ').unwrap();
            for field in &known {
                for value in greedy() {
                    let mut body = base(&name);
                    body[field.as_str()] = value;
                    let reply = ada.call(method.parse().unwrap(), &own(path), Some(&body)).await;
                    assert!(reply.status.as_u16() < 500, "{name} {body}: {}", reply.text);
                    tried += 1;
                }
            }
            let after = authority(&app, &owner, &ada, &key).await;
            assert_eq!(after, before, "{name}");
        }
        assert!(tried > 1_000, "{tried}");
        // What they made by it has what everyone's has.
        let keys = ada.get("/api/v1/keys?limit=1000").await.ok(200);
        for key in keys["items"].as_array().unwrap() {
            let daily = key["budgets"]
                .as_array()
                .unwrap()
                .iter()
                .any(|budget| budget["resets_at"].is_string());
            assert!(daily || key["scope"] != "user", "{key}");
            assert_ne!(key["models"]["tiers"], json!([]), "{key}");
            assert_eq!(key["person"]["name"], "ada");
        }
        for token in ada.get("/api/v1/tokens?limit=1000").await.ok(200)["items"]
            .as_array()
            .unwrap()
        {
            assert_eq!(token["person"], json!(ada.id));
        }
    });
}

async fn fields_len(client: &Client, path: &str) -> usize {
    client.get(path).await.ok(200)["items"].as_array().unwrap().len()
}

#[test]
fn what_an_administrator_lowered_stays_lowered() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        let key = ada.key("k").await;
        let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
        owner
            .patch(
                &path,
                json!({"rpm": 5, "budget": "1/day", "models": {"names": ["mock"]}}),
            )
            .await
            .ok(200);
        for body in [
            json!({"rpm": 6}),
            json!({"rpm": 60}),
            json!({"budget": "2/day"}),
            json!({"models": {"names": []}}),
            json!({"models": {"names": ["mock", "other"]}}),
        ] {
            assert_eq!(
                ada.patch(&path, body.clone()).await.code(),
                "beyond_authority",
                "{body}"
            );
        }
        let changed = ada
            .patch(&path, json!({"rpm": 4, "budget": ["0.50/day", "2/month"], "tpm": 10}))
            .await
            .ok(200);
        assert_eq!(
            (&changed["rpm"], &changed["tpm"]),
            (&json!(4), &json!(10)),
            "everyone may lower their own"
        );
        assert_eq!(changed["budgets"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn a_narrowed_token_of_an_owner_gives_no_role() {
    test(async |app| {
        let owner = app.owner().await;
        app.person("ada", Role::Member).await;
        let clerk = app
            .narrowed(&owner, &["people.write", "people.read", "tokens.create", "keys.create"])
            .await;
        clerk.post("/api/v1/users", json!({"name": "bob"})).await.ok(201);
        for role in ["owner", "auditor", "template-admin"] {
            let made = clerk.post("/api/v1/users", json!({"name": "eve", "role": role})).await;
            assert_eq!(
                made.problem(),
                ("beyond_authority".into(), vec!["/role".into()]),
                "{role}"
            );
            let changed = clerk.patch("/api/v1/users/ada", json!({"role": role})).await;
            assert_eq!(changed.code(), "beyond_authority", "{role}");
        }
        // Without `budgets.write` in the token, limits are the defaults even for an owner.
        let key = clerk
            .post("/api/v1/keys", json!({"name": "k", "budget": "21/day"}))
            .await;
        assert_eq!(key.code(), "beyond_authority");
    });
}
