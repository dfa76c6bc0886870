//! Templates: pushed, read, put in force, taken back, pulled and deleted; and what is refused.

mod build;
mod folder;
mod hostile;

use std::fs;

use axum::body::Body;
use bailey_core::authz::Role;
use bailey_workspaces::template::Package;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::harness::{Client, Reply, fields, test};

const FULL: &str = r#"
display_name = "Full"
description = "Has everything."
icon = "star"
[base]
root = "host"
install = "install.sh"
[[parameters]]
name = "disk"
display_name = "Disk"
description = "How much."
type = "number"
default = 10
min = 2
max = 200
step = 2
monotonic = "increasing"
form = "slider"
mutable = true
[[parameters]]
name = "models"
type = "list"
default = ["a", "b"]
regex = "[a-z]+"
error = "small letters"
[[parameters]]
name = "size"
type = "string"
options = [{ value = "s", name = "Small", description = "Little." }, { value = "l", name = "Large" }]
form = "radio"
[[presets]]
name = "Large"
description = "A lot."
parameters = { disk = 50, size = "l" }
[[apps]]
name = "web"
display_name = "The web"
port = 8080
sharing = "authenticated"
[egress]
allow = [{ host = "*.example.com", port = 443 }]
[browser_only]
enabled = true
[[tasks]]
name = "review"
display_name = "Review"
prompt = "Look."
"#;

/// A template of these files.
pub(crate) fn package(files: &[(&str, &str)]) -> Package {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Package::read(dir.path()).unwrap()
}

fn small(description: &str) -> Package {
    package(&[("template.toml", &format!("description = \"{description}\"\n"))])
}

pub(crate) async fn send(client: &Client, query: &str, media_type: &str, bytes: Vec<u8>) -> Reply {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/api/v1/templates?{query}"));
    let request = request.header("content-type", media_type).body(Body::from(bytes));
    client.send(request.unwrap()).await
}

async fn push(client: &Client, query: &str, package: &Package) -> Reply {
    send(client, query, "application/gzip", package.to_gzip().unwrap()).await
}

#[test]
fn what_is_pushed_is_read_back() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        let ada = app.person("ada", Role::Member).await;
        let full = package(&[("template.toml", FULL), ("install.sh", "true\n")]);
        let pushed = push(&admin, "name=full&message=first%20one", &full).await.ok(201);
        assert_eq!(
            (&pushed["created"], &pushed["digest"]),
            (&json!(true), &json!(full.digest()))
        );
        assert_eq!(pushed["version"]["created_by"]["name"], "tess");
        let id = pushed["template"]["id"].as_str().unwrap();
        let shown = ada.get("/api/v1/templates/full").await.ok(200);
        assert_eq!(ada.get(&format!("/api/v1/templates/{id}")).await.ok(200), shown);
        assert_eq!(shown["content"], pushed["content"]);
        assert_eq!(
            (
                &shown["display_name"],
                &shown["icon"],
                &shown["active"],
                &shown["source"],
                &shown["managed"]
            ),
            (&json!("Full"), &json!("star"), &json!(1), &json!("api"), &json!(false))
        );
        let content = &shown["content"];
        assert_eq!(
            content["parameters"],
            json!([
                {
                    "name": "disk", "display_name": "Disk", "description": "How much.", "type": "number", "default": 10,
                    "options": [], "min": 2.0, "max": 200.0, "step": 2.0, "monotonic": "increasing", "regex": null,
                    "error": null, "mutable": true, "form": "slider",
                },
                {
                    "name": "models", "display_name": "models", "description": "", "type": "list", "default": ["a", "b"],
                    "options": [], "min": null, "max": null, "step": null, "monotonic": null, "regex": "[a-z]+",
                    "error": "small letters", "mutable": content["parameters"][1]["mutable"], "form": "input",
                },
                {
                    "name": "size", "display_name": "size", "description": "", "type": "string", "default": null,
                    "options": [
                        {"value": "s", "name": "Small", "description": "Little."},
                        {"value": "l", "name": "Large", "description": ""},
                    ],
                    "min": null, "max": null, "step": null, "monotonic": null, "regex": null, "error": null,
                    "mutable": content["parameters"][2]["mutable"], "form": "radio",
                },
            ])
        );
        assert_eq!(
            content["presets"],
            json!([{"name": "Large", "description": "A lot.", "parameters": {"disk": 50, "size": "l"}}])
        );
        assert_eq!(content["apps"][0]["sharing"], "authenticated");
        assert_eq!(
            content["tasks"],
            json!([{"name": "review", "display_name": "Review", "description": ""}])
        );
        assert_eq!(content["egress"], json!([{"host": "*.example.com", "port": 443}]));
        assert_eq!(
            (&content["browser_only"], &content["needs_layer"], &content["own_root"]),
            (&json!(true), &json!(true), &json!(false))
        );
        let list = ada.get("/api/v1/templates").await.ok(200);
        assert_eq!(
            (fields(&list, "name"), fields(&list, "description")),
            (vec!["full".to_owned()], vec!["Has everything.".to_owned()])
        );
    });
}

#[test]
fn a_version_is_shown_and_pulled() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        let ada = app.person("ada", Role::Member).await;
        let full = package(&[("template.toml", FULL), ("install.sh", "true\n")]);
        let pushed = push(&admin, "name=full&message=first%20one", &full).await.ok(201);
        let content = &pushed["content"];
        let version = ada.get("/api/v1/templates/full/versions/1").await.ok(200);
        assert_eq!(
            (&version["message"], &version["active"], &version["content"]),
            (&json!("first one"), &json!(true), content)
        );
        let archive = ada.get("/api/v1/templates/full/versions/1/archive").await;
        assert_eq!(archive.headers["content-type"], "application/gzip");
        assert_eq!(
            archive.headers["content-disposition"],
            "attachment; filename=\"full-1.tar.gz\""
        );
        assert_eq!(bailey_workspaces::template::unpack(&archive.bytes).unwrap(), full);
        for missing in [
            "full/versions/2",
            "full/versions/x",
            "full/versions/2/archive",
            "other",
            "other/versions",
        ] {
            assert_eq!(
                ada.get(&format!("/api/v1/templates/{missing}")).await.code(),
                "not_found",
                "{missing}"
            );
        }
    });
}

#[test]
fn versions_count_up_and_one_is_in_force() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        let first = push(&admin, "name=t", &small("one")).await.ok(201);
        assert_eq!(first["template"]["active"], 1);
        // The same content is the same version, however it is packed.
        let mut tar = Vec::new();
        small("one").write_tar(&mut tar).unwrap();
        let again = send(&admin, "name=t&message=again", "application/x-tar", tar)
            .await
            .ok(200);
        assert_eq!(
            (&again["created"], &again["version"]),
            (&json!(false), &first["version"])
        );
        app.clock.advance(1);
        let second = push(&admin, "name=t&promote=false", &small("two")).await.ok(201);
        assert_eq!(
            (&second["version"]["number"], &second["version"]["active"]),
            (&json!(2), &json!(false))
        );
        assert_eq!(second["template"]["active"], 1);
        assert_eq!(admin.get("/api/v1/templates/t").await.ok(200)["description"], "one");

        let early = admin.post("/api/v1/templates/t/rollback", json!({})).await;
        assert_eq!(
            (early.status.as_u16(), early.code().as_str()),
            (409, "no_previous_version")
        );
        let promote = async |number: Value| {
            admin
                .post("/api/v1/templates/t/promote", json!({"version": number}))
                .await
        };
        let promoted = promote(json!(2)).await.ok(200);
        assert_eq!(
            (&promoted["active"], &promoted["previous"], &promoted["description"]),
            (&json!(2), &json!(1), &json!("two"))
        );
        for number in [0_u64, 3, u64::from(u32::MAX) + 2] {
            assert_eq!(
                promote(json!(number)).await.problem(),
                ("invalid_fields".into(), vec!["/version".into()])
            );
        }
        let back = admin
            .call(Method::POST, "/api/v1/templates/t/rollback", None)
            .await
            .ok(200);
        assert_eq!((&back["active"], &back["previous"]), (&json!(1), &json!(2)));
        let versions = admin.get("/api/v1/templates/t/versions").await.ok(200);
        let numbers: Vec<_> = versions["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| (&v["number"], &v["active"]))
            .collect();
        assert_eq!(numbers, [(&json!(2), &json!(false)), (&json!(1), &json!(true))]);
        // Content that was pushed before and is pushed again is in force again, under its old number.
        let renewed = push(&admin, "name=t", &small("two")).await.ok(200);
        assert_eq!(
            (&renewed["created"], &renewed["template"]["active"]),
            (&json!(false), &json!(2))
        );
    });
}

#[test]
fn faults_are_told_all_at_once_with_their_places_and_nothing_is_stored() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        let bad = package(&[(
            "template.toml",
            "description = 1\n\nicn = \"x\"\n[[apps]]\nname = \"web\"\nport = 0\n",
        )]);
        for query in ["name=t", "name=t&dry_run=true"] {
            let reply = push(&admin, query, &bad).await;
            assert_eq!(
                (reply.status.as_u16(), reply.code().as_str()),
                (422, "template_invalid")
            );
            let problem = reply.json();
            assert_eq!(problem["detail"], "nothing was stored: the template has 3 faults");
            let places: Vec<_> = problem["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| {
                    (
                        e["file"].as_str().unwrap(),
                        e["line"].as_u64().unwrap(),
                        e["column"].as_u64().unwrap(),
                    )
                })
                .collect();
            assert_eq!(
                places,
                [
                    ("template.toml", 1, 15),
                    ("template.toml", 3, 1),
                    ("template.toml", 6, 8)
                ]
            );
            assert_eq!(
                problem["errors"][1]["detail"],
                "icn: is not known here; did you mean `icon`?"
            );
        }
        let missing = package(&[("template.toml", "[base]\ninstall = \"install.sh\"\n")]);
        let problem = push(&admin, "name=t", &missing).await.json();
        assert_eq!(
            problem["errors"],
            json!([{"file": "template.toml", "line": 2, "column": 11, "detail": "base.install: there is no file `install.sh` in the template"}])
        );
        let elsewhere = package(&[("shell/template.toml", "")]);
        let problem = push(&admin, "name=t", &elsewhere).await.json();
        assert_eq!(
            problem["errors"],
            json!([{"file": "template.toml", "detail": "is missing; the one in `shell` belongs at the top"}])
        );
        assert_eq!(admin.get("/api/v1/templates").await.ok(200)["items"], json!([]));
        // A version that is there stays in force.
        push(&admin, "name=t", &small("one")).await.ok(201);
        assert_eq!(push(&admin, "name=t", &bad).await.code(), "template_invalid");
        let versions = admin.get("/api/v1/templates/t/versions").await.ok(200);
        assert_eq!(versions["items"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn a_dry_run_stores_nothing() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        let dry = push(&admin, "name=t&dry_run=true", &small("one")).await.ok(200);
        assert_eq!(
            (
                &dry["created"],
                &dry["template"],
                &dry["version"],
                &dry["content"]["description"]
            ),
            (&json!(true), &Value::Null, &Value::Null, &json!("one"))
        );
        assert_eq!(admin.get("/api/v1/templates/t").await.code(), "not_found");
        push(&admin, "name=t", &small("one")).await.ok(201);
        let dry = push(&admin, "name=t&dry_run=true", &small("one")).await.ok(200);
        assert_eq!((&dry["created"], &dry["version"]["number"]), (&json!(false), &json!(1)));
        let dry = push(&admin, "name=t&dry_run=true", &small("two")).await.ok(200);
        assert_eq!((&dry["created"], &dry["template"]["active"]), (&json!(true), &json!(1)));
    });
}

#[test]
fn names_messages_and_unknown_words_are_checked() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        let long = format!("name=t&message={}", "x".repeat(501));
        for (query, parameter) in [
            ("", "name"),
            ("name=", "name"),
            ("name=Shell", "name"),
            ("name=a--b", "name"),
            ("name=..%2fx", "name"),
            (long.as_str(), "message"),
            ("name=t&message=%1b%5b31m", "message"),
            ("name=t&promote=perhaps", "promote"),
            ("name=t&activate=true", "activate"),
        ] {
            let reply = push(&admin, query, &small("one")).await;
            assert_eq!(
                reply.problem(),
                ("invalid_query".into(), vec![parameter.into()]),
                "{query}"
            );
        }
        for media_type in ["application/json", "multipart/form-data", "application/zip"] {
            let reply = send(&admin, "name=t", media_type, small("one").to_gzip().unwrap()).await;
            assert_eq!(reply.code(), "unsupported_media_type", "{media_type}");
        }
        let ada = app.person("ada", Role::Member).await;
        assert_eq!(push(&ada, "name=t", &small("one")).await.code(), "forbidden");
        let reader = app.narrowed(&admin, &["templates.read"]).await;
        assert_eq!(push(&reader, "name=t", &small("one")).await.code(), "forbidden");
        assert_eq!(admin.get("/api/v1/templates").await.ok(200)["items"], json!([]));
    });
}

#[test]
fn lists_come_in_pages_and_are_filtered() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        for name in ["a", "b", "c"] {
            push(&admin, &format!("name={name}"), &small(name)).await.ok(201);
            app.clock.advance(1);
        }
        let first = admin.get("/api/v1/templates?limit=2").await.ok(200);
        assert_eq!(fields(&first, "name"), ["c", "b"]);
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = admin
            .get(&format!("/api/v1/templates?limit=2&cursor={cursor}"))
            .await
            .ok(200);
        assert_eq!(
            (fields(&rest, "name"), &rest["next_cursor"]),
            (vec!["a".to_owned()], &Value::Null)
        );
        let elsewhere = admin
            .get(&format!("/api/v1/templates/a/versions?cursor={cursor}"))
            .await;
        assert_eq!(elsewhere.problem(), ("invalid_query".into(), vec!["cursor".into()]));
        let one = admin.get("/api/v1/templates?name=b&source=api").await.ok(200);
        assert_eq!(fields(&one, "name"), ["b"]);
        assert_eq!(
            admin.get("/api/v1/templates?source=folder").await.ok(200)["items"],
            json!([])
        );
    });
}

#[test]
fn two_who_push_a_new_name_at_once_make_one_template() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        let (one, two) = (small("one"), small("two"));
        let (a, b) = tokio::join!(push(&admin, "name=t", &one), push(&admin, "name=t", &two));
        let mut numbers = [a.ok(201), b.ok(201)].map(|pushed| pushed["version"]["number"].as_u64().unwrap());
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(fields(&admin.get("/api/v1/templates").await.ok(200), "name"), ["t"]);
    });
}

#[test]
fn a_template_is_deleted_when_no_workspace_uses_it() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        push(&admin, "name=t", &small("one")).await.ok(201);
        push(&admin, "name=free", &small("one")).await.ok(201);
        admin
            .post("/api/v1/workspaces", json!({"template": "t", "name": "dev"}))
            .await
            .ok(201);
        let refused = admin.delete("/api/v1/templates/t").await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (409, "template_in_use")
        );
        assert_eq!(admin.delete("/api/v1/templates/free").await.status, 204);
        assert_eq!(admin.delete("/api/v1/templates/free").await.code(), "not_found");
        assert_eq!(fields(&admin.get("/api/v1/templates").await.ok(200), "name"), ["t"]);
        // The name is free again, and its versions count from one.
        let made = push(&admin, "name=free", &small("one")).await.ok(201);
        assert_eq!(made["version"]["number"], 1);
    });
}

#[test]
fn a_template_without_a_version_in_force_makes_no_workspace() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        let made = push(&admin, "name=t&promote=false", &small("one")).await.ok(201);
        assert_eq!(
            (&made["template"]["active"], &made["template"]["display_name"]),
            (&Value::Null, &json!("t"))
        );
        assert_eq!(admin.get("/api/v1/templates/t").await.ok(200)["content"], Value::Null);
        let refused = admin.post("/api/v1/workspaces", json!({"template": "t"})).await;
        assert_eq!(refused.problem(), ("invalid_fields".into(), vec!["/template".into()]));
    });
}
