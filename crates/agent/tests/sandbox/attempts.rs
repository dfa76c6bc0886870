//! The program that makes attempts, run outside and inside.

use std::path::PathBuf;
use std::process::Command;

use bailey_agent::sandbox::Sandbox;

use crate::support::{Output, Place, beside_agent, is_root, run};

/// Where the program lies inside.
const INSIDE: &str = "/home/dev/attempt";

pub(crate) fn program() -> PathBuf {
    beside_agent("examples/attempt")
}

/// Puts the program into the home directory, as the person would bring it.
pub(crate) fn bring(place: &Place) {
    std::fs::create_dir_all(place.home()).unwrap();
    std::fs::copy(program(), place.home().join("attempt")).unwrap();
}

pub(crate) fn outside(arguments: &[&str]) -> Output {
    // In a mount namespace of its own, so that a mount that succeeds troubles nobody.
    let output = Command::new("unshare")
        .args(["--mount", "--"])
        .arg(program())
        .args(arguments)
        .output()
        .unwrap();
    Output {
        status: output.status.code().unwrap_or(-1),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

pub(crate) async fn inside(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    run(sandbox, &[&[INSIDE], arguments].concat()).await
}

/// The attempt succeeds outside. Made as root alone: the same attempts are then made from an ordinary user's sandbox.
pub(crate) fn control(arguments: &[&str]) {
    if is_root() {
        let output = outside(arguments);
        assert_eq!(output.status, 0, "control run of {arguments:?}: {}", output.text);
    }
}

/// Succeeds outside, fails inside.
pub(crate) async fn only_outside(sandbox: &Sandbox, arguments: &[&str]) {
    control(arguments);
    let output = inside(sandbox, arguments).await;
    assert_ne!(output.status, 0, "{arguments:?} got out: {}", output.text);
    assert!(!output.text.contains("no such attempt"));
}
