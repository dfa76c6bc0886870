//! Install scripts.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

fn install(directory: &std::path::Path, script: &str, timeout: u64) -> Output {
    install_for(directory, script, timeout, Duration::MAX)
}

/// The same; after `wanted_for` its standard input ends.
fn install_for(directory: &std::path::Path, script: &str, timeout: u64, wanted_for: Duration) -> Output {
    let path = |name: &str| directory.join(name);
    for name in ["home", "opt"] {
        std::fs::create_dir_all(path(name)).unwrap();
        std::os::unix::fs::chown(path(name), Some(730_000), Some(730_000)).unwrap();
    }
    let request = json!({
        "script": script,
        "name": "layer",
        "state_dir": path(directory.file_name().unwrap().to_str().unwrap()),
        "sandbox": {
            "root": null, "layers": [], "home": {"directory": path("home")}, "host_id": 730_000,
            "limits": {"cpu_milli": null, "memory": null, "processes": null, "disk": null, "io_bytes": null},
            "allow_missing": [], "certificates": [], "network": "host", "install": path("opt"),
        },
        "environment": {"npm_config_registry": "http://127.0.0.1:1"},
        "timeout": timeout,
    });
    let mut agent = Command::new(env!("CARGO_BIN_EXE_bailey-agent"))
        .arg("layer")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = agent.stdin.take().unwrap();
    input.write_all(request.to_string().as_bytes()).unwrap();
    if wanted_for < Duration::MAX {
        std::thread::sleep(wanted_for);
        drop(input);
        return agent.wait_with_output().unwrap();
    }
    let output = agent.wait_with_output().unwrap();
    drop(input);
    output
}

#[test]
fn a_script_fills_opt_and_its_output_and_status_come_through() {
    let directory = tempfile::tempdir().unwrap();
    let script = "mkdir /opt/bin; echo $npm_config_registry >/opt/bin/tool; echo out; echo err >&2";
    let done = install(directory.path(), script, 20);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(
        (text(&done.stdout), text(&done.stderr)),
        ("out\n".to_owned(), "err\n".to_owned())
    );
    assert!(done.status.success());
    let tool = std::fs::read_to_string(directory.path().join("opt/bin/tool")).unwrap();
    assert_eq!(tool, "http://127.0.0.1:1\n");
    // The first command that fails ends it.
    assert_eq!(install(directory.path(), "false; true", 20).status.code(), Some(1));
    assert_eq!(install(directory.path(), "sleep 60", 1).status.code(), Some(124));
    assert_eq!(install(directory.path(), "echo x >/usr/x", 20).status.code(), Some(2));
}

#[test]
fn a_script_that_nobody_wants_any_more_ends() {
    let directory = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let script = "sleep 60; touch /opt/done";
    let ended = install_for(directory.path(), script, 120, Duration::from_secs(1));
    assert_eq!(ended.status.code(), Some(125));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(!directory.path().join("opt/done").exists());
}
