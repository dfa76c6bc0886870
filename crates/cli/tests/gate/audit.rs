//! The audit log of a real server: kill -9 between an intent and its change, the command line's own chain, and proof offline.

use serde_json::Value;

use crate::world::World;

fn entries(world: &mut World, action: &str) -> Vec<Value> {
    let listed = world.server.json(&["audit", "list", "--action", action]).unwrap();
    listed["items"].as_array().unwrap().clone()
}

#[test]
fn kill_nine_between_the_intent_and_the_change_leaves_one_outcome_and_no_change() {
    let mut world = World::new("");
    world.server.set_env("BAILEY_FAIL_AT", None);
    world.server.start().unwrap();
    world.server.token().unwrap();
    world.server.stop().unwrap();
    world.server.set_env("BAILEY_FAIL_AT", Some("audit.intent:1"));
    world.server.start().unwrap();
    let lost = world.server.run(&["groups", "create", "--name", "infra"]).unwrap();
    assert!(!lost.status.success(), "the server is killed before it answers");
    world.server.wait_ended().unwrap();
    world.server.set_env("BAILEY_FAIL_AT", None);
    world.server.start().unwrap();
    let entries = entries(&mut world, "groups.create");
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["outcome"], "unknown");
    assert_eq!(entries[0]["resource"]["name"], "infra");
    let groups = world.server.json(&["groups", "list"]).unwrap();
    assert_eq!(groups["items"].as_array().unwrap().len(), 0, "nothing was changed");
    let report = world.server.json(&["audit", "verify"]).unwrap();
    assert_eq!(report["sound"], true, "{report}");
}

#[test]
fn an_export_is_proven_offline_and_an_altered_one_is_not() {
    let mut world = World::new("").start();
    let made = world.server.run(&["groups", "create", "--name", "infra"]).unwrap();
    assert!(made.status.success(), "{made:?}");
    let admin = entries(&mut world, "admin.token_create");
    assert_eq!(admin[0]["actor"]["name"], "command line", "{admin:?}");
    assert_eq!(admin[0]["outcome"], "done");
    // Signed at the end, too.
    world.server.stop().unwrap();
    world.server.start().unwrap();
    let export = world.server.run(&["audit", "export"]).unwrap();
    assert!(export.status.success(), "{export:?}");
    let text = String::from_utf8(export.stdout).unwrap();
    let dir = world.server.data_dir();
    let file = dir.join("export.jsonl");
    let path = file.to_str().unwrap().to_owned();
    let anchors = dir.join("audit-anchors.jsonl");
    let anchors = anchors.to_str().unwrap().to_owned();
    let data_dir = dir.to_str().unwrap().to_owned();
    let key = world.server.run(&["audit", "key", "--data-dir", &data_dir]).unwrap();
    let key = String::from_utf8(key.stdout).unwrap().trim().to_owned();
    assert_eq!(key.len(), 64, "{key}");

    let verify = |world: &mut World, text: &str| {
        std::fs::write(&file, text).unwrap();
        let done = world
            .server
            .run(&[
                "audit",
                "verify",
                &path,
                "--anchors",
                &anchors,
                "--key",
                &key,
                "--output",
                "json",
            ])
            .unwrap();
        let report: Value = serde_json::from_slice(&done.stdout).unwrap_or(Value::Null);
        (done.status.success(), report)
    };
    let (sound, report) = verify(&mut world, &text);
    assert!(sound && report["sound"] == true, "{report}");
    assert!(
        report["reached"]["seq"].as_u64().is_some_and(|seq| seq >= 2),
        "{report}"
    );

    let (sound, report) = verify(&mut world, &text.replace("\"infra\"", "\"other\""));
    assert!(!sound);
    assert_eq!(report["first_fault"]["kind"], "altered", "{report}");
    let without: String = text
        .lines()
        .filter(|line| !line.contains("\"groups.create\""))
        .flat_map(|line| [line, "\n"])
        .collect();
    let (sound, report) = verify(&mut world, &without);
    assert!(!sound);
    assert_eq!(report["first_fault"]["kind"], "missing", "{report}");
}
