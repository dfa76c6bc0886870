//! `bailey templates`, with and without a server.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::online::start;
use crate::support::{Place, Server};

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    let mut names: Vec<_> = items.iter().map(|item| item["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_template_is_begun_and_checked_without_a_server() {
    let place = Place::new();
    let ended = place.run(&["templates", "init", "mine"]);
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (0, "1 file in mine; change them, then `bailey templates push mine`\n")
    );
    assert_eq!(
        place.ok(&["templates", "validate", "mine"]),
        "mine is a valid template: 1 file\n"
    );
    let made = place.json(&["templates", "init", "other", "--from", "web-ide"]);
    assert_eq!(made["from"], "web-ide");
    assert!(made["files"].as_array().unwrap().contains(&json!("template.toml")));
    let good = place.json(&["templates", "validate", "other"]);
    assert_eq!((&good["valid"], &good["faults"]), (&json!(true), &json!([])));
    assert_eq!(good["digest"].as_str().unwrap().len(), 64);

    let again = place.run(&["templates", "init", "mine"]);
    assert_eq!(
        (again.code, again.stderr.as_str()),
        (
            1,
            "error: mine: the directory is not empty\nhint: name a directory that is not there yet, or an empty one\n"
        )
    );
    let unknown = place.run(&["templates", "init", "new", "--from", "windows"]);
    assert_eq!(
        unknown.stderr,
        "error: there is no starter `windows`\nhint: use one of agent, agent-governed, agent-open, shell, web-ide\n"
    );
    assert!(!place.path().join("new").exists());
}

#[test]
fn faults_have_a_place_that_can_be_opened() {
    let place = Place::new();
    fs::create_dir(place.path().join("bad")).unwrap();
    place.write(
        "bad/template.toml",
        "description = 1\n\nicn = \"x\"\n[base]\ninstall = \"install.sh\"\n",
    );
    let ended = place.run(&["templates", "validate", "bad"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (
            1,
            "",
            "error: bad is no valid template: 2 faults\n  \
             bad/template.toml:1:15: description: must be a string, and is a number\n  \
             bad/template.toml:3:1: icn: is not known here; did you mean `icon`?\n"
        )
    );
    let ended = place.run(&["templates", "validate", "bad", "--output", "json"]);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &told["valid"]), (1, &json!(false)));
    assert_eq!(
        told["faults"][1],
        json!({"file": "template.toml", "line": 3, "column": 1, "path": "icn", "message": "is not known here; did you mean `icon`?"})
    );
    place.write("bad/template.toml", "");
    std::os::unix::fs::symlink("/etc/passwd", place.path().join("bad/link")).unwrap();
    let ended = place.run(&["templates", "validate", "bad"]);
    assert!(
        ended.stderr.contains("\n  bad/link: is a symbolic link"),
        "{}",
        ended.stderr
    );
    let ended = place.run(&["templates", "validate", "nowhere"]);
    assert!(
        ended.stderr.contains("\n  nowhere: No such file or directory"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_template_is_pushed_promoted_taken_back_pulled_and_deleted() {
    let (place, _server) = start();
    assert_eq!(
        names(&place.json(&["templates", "list"])),
        ["agent", "agent-governed", "agent-open", "shell", "web-ide"]
    );
    place.ok(&["templates", "init", "mine"]);
    let push = |more: &[&str]| place.ok(&[&["templates", "push", "mine"], more].concat());
    assert_eq!(push(&["--dry-run"]), "mine is valid; nothing was stored\n");
    assert_eq!(push(&["--message", "first"]), "mine v1 is made, and in force\n");
    assert_eq!(push(&[]), "mine v1 has this content already, and is in force\n");
    place.write(
        "mine/template.toml",
        "description = \"Two\"\n[[parameters]]\nname = \"tags\"\ntype = \"list\"\ndefault = []\n",
    );
    assert_eq!(push(&["--no-promote"]), "mine v2 is made, and not in force\n");
    assert_eq!(
        place.ok(&["templates", "promote", "mine", "2"]),
        "mine v2 is in force\n"
    );
    assert_eq!(place.ok(&["templates", "rollback", "mine"]), "mine v1 is in force\n");
    let versions = place.ok(&["templates", "versions", "mine"]);
    let lines: Vec<&str> = versions.lines().collect();
    assert!(
        lines[0].starts_with("VERSION  IN FORCE  LAYER  MADE (UTC)"),
        "{versions}"
    );
    assert!(
        lines[1].starts_with("      2  -  ") && lines[2].starts_with("      1  yes"),
        "{versions}"
    );
    assert!(lines[2].contains("owner") && lines[2].ends_with("first"), "{versions}");
    let shown = place.ok(&["templates", "show", "mine", "--version", "2"]);
    assert!(
        shown.contains("leads out to  the gate alone") && shown.contains("tags       list"),
        "{shown}"
    );
    let shown = place.ok(&["templates", "show", "shell"]);
    assert!(
        shown.contains("from              starter") && shown.contains("grows"),
        "{shown}"
    );

    place.ok(&["templates", "pull", "mine", "back", "--version", "2"]);
    assert_eq!(
        fs::read_to_string(place.path().join("back/template.toml")).unwrap(),
        fs::read_to_string(place.path().join("mine/template.toml")).unwrap()
    );
    let pulled = place.json(&["templates", "pull", "web-ide", "ide"]);
    assert_eq!(
        place.json(&["templates", "validate", "ide"])["digest"],
        pulled["digest"]
    );
    let occupied = place.run(&["templates", "pull", "mine", "back"]);
    assert!(
        occupied
            .stderr
            .starts_with("error: back: the directory is not empty\nhint: "),
        "{}",
        occupied.stderr
    );
    let none = place.run(&["templates", "pull", "mine", "third", "--version", "3"]);
    assert!(none.code == 1 && none.stderr.contains("not_found") && !place.path().join("third").exists());

    place.ok(&["templates", "delete", "mine"]);
    let gone = place.run(&["templates", "show", "mine"]);
    assert!(gone.stderr.contains("explains `not_found`"), "{}", gone.stderr);
}

#[test]
fn a_push_that_is_refused_says_what_is_wrong() {
    let (place, _server) = start();
    fs::create_dir(place.path().join("My Template")).unwrap();
    place.write("My Template/template.toml", "");
    let ended = place.run(&["templates", "push", "My Template"]);
    assert!(
        ended
            .stderr
            .starts_with("error: `My Template` is not a name of 1 to 32")
            && ended.stderr.ends_with("hint: give the template a name with --name\n"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        place.ok(&["templates", "push", "My Template", "--name", "good"]),
        "good v1 is made, and in force\n"
    );
    place.write("My Template/template.toml", "icn = 1\n");
    let ended = place.run(&["templates", "push", "My Template", "--name", "good"]);
    assert!(
        ended
            .stderr
            .contains("\n  My Template/template.toml:1:1: icn: is not known here"),
        "{}",
        ended.stderr
    );
}

#[test]
fn list_parameters_are_written_with_commas() {
    let (place, _server) = start();
    fs::create_dir(place.path().join("t")).unwrap();
    place.write(
        "t/template.toml",
        "[[parameters]]\nname = \"models\"\ntype = \"list\"\ndefault = []\nmutable = true\n\
         [[parameters]]\nname = \"release\"\ntype = \"string\"\ndefault = \"1\"\nmutable = true\n",
    );
    place.ok(&["templates", "push", "t"]);
    let made = place.json(&[
        "create",
        "t",
        "dev",
        "--no-wait",
        "--parameter",
        "models=a,b",
        "--parameter",
        "release=2",
    ]);
    assert_eq!(made["parameters"], json!({"models": ["a", "b"], "release": "2"}));
}

/// Waits until a template is in force with this description.
fn wait_for(place: &Place, name: &str, description: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let ended = place.run(&["templates", "show", name, "--output", "json"]);
        let shown: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
        if shown["description"] == description {
            return;
        }
        assert!(
            Instant::now() < end,
            "{name} is not {description}: {} {}",
            ended.stdout,
            ended.stderr
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_folder_of_templates_is_applied_and_survives_a_lost_database() {
    let mut place = Place::new();
    fs::create_dir_all(place.path().join("folder/team")).unwrap();
    fs::create_dir_all(place.path().join("folder/broken")).unwrap();
    place.write("folder/team/template.toml", "description = \"one\"\n");
    place.write("folder/broken/template.toml", "description = \n");
    place.write("bailey.toml", "[templates]\nfolder = \"folder\"\nstarters = false\n");
    let up = |place: &mut Place| {
        let server = Server::start(place);
        let token = place.ok(&["admin", "token", "create", "--user", "owner", "--data-dir", "data"]);
        place.set("BAILEY_URL", &server.url.clone());
        place.set("BAILEY_TOKEN", token.trim());
        server
    };
    let server = up(&mut place);
    assert_eq!(
        names(&place.json(&["templates", "list"])),
        ["team"],
        "the broken one stops nobody"
    );
    place.write("folder/team/template.toml", "description = \"two\"\n");
    wait_for(&place, "team", "two");
    place.write("folder/broken/template.toml", "description = \"mended\"\n");
    wait_for(&place, "broken", "mended");
    let refused = place.run(&["templates", "push", "folder/team"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("change it there") && refused.stderr.contains("template_managed"),
        "{}",
        refused.stderr
    );
    assert_eq!(server.stop(), Some(0));
    fs::remove_dir_all(place.path().join("data")).unwrap();
    let _server = up(&mut place);
    assert_eq!(names(&place.json(&["templates", "list"])), ["broken", "team"]);
}
