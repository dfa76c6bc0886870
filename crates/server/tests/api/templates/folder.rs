//! Templates that the server's folder has.

use std::fs;

use bailey_core::authz::Role;
use serde_json::{Value, json};

use super::{push, small};
use crate::harness::test;

#[test]
fn what_the_folder_has_is_changed_there() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        push(&admin, "name=mine", &small("mine")).await.ok(201);
        let directory = app.directory.join("team");
        fs::create_dir(&directory).unwrap();
        let write =
            |text: &str| fs::write(directory.join("template.toml"), format!("description = \"{text}\"\n")).unwrap();
        let settle = async || {
            app.folder.look(&app.store, crate::harness::T0).await;
            app.folder.look(&app.store, crate::harness::T0).await
        };
        write("one");
        settle().await;
        write("two");
        settle().await;
        let shown = admin.get("/api/v1/templates/team").await.ok(200);
        assert_eq!(
            (
                &shown["source"],
                &shown["managed"],
                &shown["active"],
                &shown["created_by"]
            ),
            (&json!("folder"), &json!(true), &json!(2), &Value::Null)
        );
        for query in ["name=team", "name=team&dry_run=true"] {
            let refused = push(&admin, query, &small("three")).await;
            assert_eq!(
                (refused.status.as_u16(), refused.code().as_str()),
                (409, "template_managed")
            );
            assert!(refused.text.contains("change it there"), "{}", refused.text);
        }
        assert_eq!(admin.delete("/api/v1/templates/team").await.code(), "template_managed");
        // A version can be taken back while the folder is mended.
        let back = admin.post("/api/v1/templates/team/rollback", json!({})).await.ok(200);
        assert_eq!(back["active"], 1);
        settle().await;
        assert_eq!(admin.get("/api/v1/templates/team").await.ok(200)["active"], 1);
        // Gone from the folder, it is like any other.
        fs::remove_dir_all(&directory).unwrap();
        settle().await;
        assert_eq!(admin.get("/api/v1/templates/team").await.ok(200)["managed"], false);
        push(&admin, "name=team", &small("three")).await.ok(201);
        assert_eq!(admin.delete("/api/v1/templates/team").await.status, 204);
        assert_eq!(admin.delete("/api/v1/templates/mine").await.status, 204);
    });
}
