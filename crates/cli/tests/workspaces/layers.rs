//! Templates that install something, on this machine's kernel: `bailey-agent` must have been built.

mod world;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use world::{World, runs, said};

/// Uses in a start script what the install script made, so that a workspace without it does not start.
const MANIFEST: &str = "[base]\ninstall = \"install.sh\"\ninstall_environment = [\"SLOW\", \"HIDDEN\"]\n\
    [[scripts]]\nname = \"use\"\nrun = \"start\"\nblocking = true\ncommand = \"tool\"\n";

/// Makes a program that says when it was made.
const INSTALL: &str = "echo installing; mkdir /opt/bin; printf '#!/bin/sh\\necho made %s\\n' $(date +%s%N) >/opt/bin/tool\n\
    chmod +x /opt/bin/tool\n";

fn files(install: &str) -> [(&'static str, Vec<u8>); 2] {
    [
        ("template.toml", MANIFEST.as_bytes().to_vec()),
        ("install.sh", install.as_bytes().to_vec()),
    ]
}

fn push(world: &mut World, name: &str, install: &str) {
    let files = files(install);
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(path, content)| (*path, content.as_slice()))
        .collect();
    world.push(name, &files);
}

fn line(log: &[String], beginning: &str) -> String {
    let found = log.iter().find(|line| line.starts_with(beginning));
    found
        .unwrap_or_else(|| panic!("no line begins with {beginning}: {log:#?}"))
        .clone()
}

#[test]
fn two_workspaces_of_one_template_share_a_build_and_both_show_it() {
    let mut world = World::new("");
    world.start();
    push(&mut world, "tools", &format!("sleep 1\n{INSTALL}"));
    assert_eq!(world.layers(), Vec::<String>::new());
    let ids = ["one", "two"].map(|name| world.create("tools", name));
    let logs = ids.each_ref().map(|id| {
        world.until(id, "running");
        world.log(id)
    });
    for log in &logs {
        line(log, "layer: installing");
    }
    // Both run the very same program.
    assert_eq!(line(&logs[0], "script:use: made "), line(&logs[1], "script:use: made "));
    assert_eq!(world.layers().len(), 1);
    let third = world.create("tools", "three");
    world.until(&third, "running");
    assert!(!world.log(&third).iter().any(|line| line.starts_with("layer: ")));
}

#[test]
fn a_script_that_fails_fails_the_build_with_its_last_words_and_leaves_nothing() {
    let mut world = World::new("");
    world.start();
    push(
        &mut world,
        "broken",
        "touch /opt/half; echo no such package >&2; exit 7\n",
    );
    let id = world.create("broken", "dev");
    let found = world.until(&id, "failed");
    let error = found["build"]["error"].as_str().unwrap();
    assert!(
        error.contains("ended with status 7") && error.contains("no such package"),
        "{error}"
    );
    line(&world.log(&id), "layer: no such package");
    assert_eq!(world.layers(), Vec::<String>::new());
    let built = world.run(&["templates", "build", "broken"]);
    assert_eq!(built.status.code(), Some(1), "{}", said(&built));
    assert!(said(&built).contains("no such package"), "{}", said(&built));
    let (_, version) = world.api("GET", "/templates/broken/versions/1", None);
    assert_eq!(version["layer"], "failed", "{version:#}");
    // What is mended is a new version, and a workspace that failed goes on with it.
    push(&mut world, "broken", INSTALL);
    let updated = world.run(&["update", "dev"]);
    assert!(updated.status.success(), "{}", said(&updated));
    world.until(&id, "running");
}

#[test]
fn a_script_that_takes_too_long_is_ended() {
    let mut world = World::new("build_timeout = \"2s\"\n");
    world.start();
    push(&mut world, "slow", "sleep 4711.1\n");
    let id = world.create("slow", "dev");
    let found = world.until(&id, "failed");
    let error = found["build"]["error"].as_str().unwrap();
    assert!(error.contains("took longer than 2 s"), "{error}");
    assert!(!runs("4711.1"));
    assert_eq!(world.layers(), Vec::<String>::new());
}

#[test]
fn a_build_by_hand_shows_its_log_and_is_done_once() {
    let mut world = World::new("");
    world.start();
    push(&mut world, "tools", INSTALL);
    let (_, version) = world.api("GET", "/templates/tools/versions/1", None);
    assert_eq!(version["layer"], "missing");
    let built = world.run(&["templates", "build", "tools"]);
    assert!(
        built.status.success() && said(&built).contains("installing\n"),
        "{}",
        said(&built)
    );
    let (_, version) = world.api("GET", "/templates/tools/versions/1", None);
    assert_eq!(version["layer"], "ready");
    let again = world.run(&["templates", "build", "tools", "--version", "1"]);
    assert!(
        again.status.success() && !said(&again).contains("installing\n"),
        "{}",
        said(&again)
    );
    let shell = world.run(&["templates", "build", "shell"]);
    assert!(
        shell.status.success() && said(&shell).contains("installs nothing"),
        "{}",
        said(&shell)
    );
    assert_eq!(world.layers().len(), 1);
}

#[test]
fn a_script_sees_those_variables_of_the_server_that_its_template_names_and_the_configuration_allows() {
    let mut world = World::new("install_environment = [\"SLOW\", \"OTHER\"]\n");
    for name in ["SLOW", "HIDDEN", "OTHER"] {
        world.server.set_env(name, Some("canary"));
    }
    world.start();
    push(&mut world, "tools", &format!("env\n{INSTALL}"));
    let built = world.run(&["templates", "build", "tools"]);
    let said = said(&built);
    assert!(built.status.success() && said.contains("SLOW=canary\n"), "{said}");
    assert_eq!(said.matches("canary").count(), 1, "{said}");
}

#[test]
fn what_is_pushed_is_built_at_once_where_the_configuration_says_so() {
    let mut world = World::new("build = \"push\"\nstarters = false\n");
    world.start();
    push(&mut world, "tools", INSTALL);
    let began = Instant::now();
    while world.api("GET", "/templates/tools/versions/1/build", None).1["layer"] != "ready" {
        assert!(began.elapsed() < Duration::from_mins(1), "{}", world.server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Dies in the middle of a build; the next server builds it again, and the workspace comes up.
fn dies_at(failpoint: &str, marker: &str) {
    let mut world = World::new("install_environment = [\"SLOW\"]\n");
    world.start();
    push(&mut world, "tools", &format!("sleep ${{SLOW:-0}}\n{INSTALL}"));
    world.server.stop().unwrap();
    if failpoint == "layer.script" {
        // So that it is under way when the server dies.
        world.server.set_env("SLOW", Some(marker));
    }
    world.start_to_fail_at(Some(failpoint));
    let body = serde_json::json!({"template": "tools", "name": "dev"});
    let token = world.server.token().unwrap();
    let addr = world.server.addr().unwrap();
    // The server may die before it has answered.
    let _ = bailey_testkit::http::Call::post("/api/v1/workspaces", &body)
        .bearer(&token)
        .send(addr);
    world.server.wait_ended().unwrap();
    let began = Instant::now();
    while runs(marker) {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the script outlives its server"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        world.layers().iter().all(|name| name.starts_with(".new-")),
        "{:?}",
        world.layers()
    );
    world.server.set_env("SLOW", None);
    world.start_to_fail_at(None);
    let (_, page) = world.api("GET", "/workspaces", None);
    let id = page["items"][0]["id"].as_str().unwrap().to_owned();
    let found = world.until(&id, "running");
    assert_eq!(found["build"]["number"], 1, "the same build goes on: {found:#}");
    assert_eq!(world.layers().len(), 1, "{:?}", world.layers());
}

#[test]
fn killed_while_the_script_runs() {
    dies_at("layer.script", "4712.2");
}

#[test]
fn killed_before_the_layer_is_in_its_place() {
    dies_at("layer.rename", "4713.3");
}

/// A root of `/bin/sh`, `cat` and what they are linked to, as a tar archive.
fn root_archive(directory: &Path) -> Vec<u8> {
    let root = directory.join("root");
    for name in ["usr/bin", "etc", "home/dev", "dev", "opt", "proc", "tmp"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    for name in ["bin", "lib", "lib64"] {
        fs::create_dir_all(root.join("usr").join(name)).unwrap();
        std::os::unix::fs::symlink(format!("usr/{name}"), root.join(name)).unwrap();
    }
    let agent = Path::new(env!("CARGO_BIN_EXE_bailey")).with_file_name("bailey-agent");
    // The agent serves files from inside; one that is built for tests is linked to libraries.
    for program in ["/bin/sh", "/bin/cat", agent.to_str().unwrap()] {
        let output = Command::new("ldd").arg(program).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let libraries = text
            .split_whitespace()
            .filter(|word| word.starts_with('/') && !word.ends_with(':'));
        for path in libraries.chain((!program.ends_with("bailey-agent")).then_some(program)) {
            let target = root.join(path.trim_start_matches('/'));
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(path, target).unwrap();
        }
    }
    fs::write(root.join("etc/motd"), "a root of its own\n").unwrap();
    let archive = directory.join("root.tar");
    let done = Command::new("tar")
        .arg("-cf")
        .arg(&archive)
        .arg("-C")
        .arg(&root)
        .arg(".")
        .status()
        .unwrap();
    assert!(done.success());
    fs::read(archive).unwrap()
}

#[test]
fn a_root_archive_is_unpacked_when_the_first_workspace_needs_it() {
    let mut world = World::new("");
    world.start();
    let archive = root_archive(world.dir.path());
    let manifest = "[base]\nroot = \"archive\"\narchive = \"root.tar\"\n\
        [[scripts]]\nname = \"look\"\nrun = \"start\"\nblocking = true\ncommand = \"cat /etc/motd\"\n";
    world.push(
        "own-root",
        &[("template.toml", manifest.as_bytes()), ("root.tar", archive.as_slice())],
    );
    let (_, version) = world.api("GET", "/templates/own-root/versions/1", None);
    assert_eq!(version["layer"], "missing");
    let id = world.create("own-root", "dev");
    world.until(&id, "running");
    let log = world.log(&id);
    line(&log, "script:look: a root of its own");
    assert_eq!(world.roots().len(), 1);
    assert_eq!(world.layers(), Vec::<String>::new());
}
