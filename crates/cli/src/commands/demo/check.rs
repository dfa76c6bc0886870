//! Whether the project's test passes, looked at in a fresh clone.

use std::path::Path;
use std::process::{Command, Output};

use super::PROJECT;
use super::forge::Forge;
use super::place::Place;
use crate::failure::{Explain, Failure};

/// The branch that a ticket's branch begins at.
const MAIN: &str = "main";

/// Sees to it that there is a git to look with.
pub(super) fn can_look() -> Result<(), Failure> {
    let found = Command::new("git").arg("--version").output();
    found
        .doing(|| "cannot run git".to_owned())
        .hint(|| "install git, version 2.38 or newer".to_owned())?;
    Ok(())
}

/// Sees to it that the test fails as long as nobody has worked on it.
pub(super) async fn fails(place: &Place, forge: &Forge) -> Result<(), Failure> {
    match test(place, forge, MAIN).await? {
        Ok(()) => Err(Failure::new(format!(
            "the test of {PROJECT} passes on {MAIN} already, so there is nothing to do"
        ))
        .hint("`bailey demo reset` puts everything back")),
        Err(_) => Ok(()),
    }
}

/// Sees to it that the test passes on a branch.
pub(super) async fn passes(place: &Place, forge: &Forge, branch: &str) -> Result<(), Failure> {
    let passed = test(place, forge, branch).await?;
    passed.map_err(|said| Failure::new(format!("the test fails on the branch {branch}:\n{said}")))
}

/// Clones a branch and runs the test; the inner error is what it said.
async fn test(place: &Place, forge: &Forge, branch: &str) -> Result<Result<(), String>, Failure> {
    let (directory, url) = (place.directory.clone(), format!("{}/{PROJECT}.git", forge.url()));
    let branch = branch.to_owned();
    // It waits for programs, one of which asks the forge that this process is.
    tokio::task::spawn_blocking(move || run(&directory, &url, &branch)).await?
}

fn run(directory: &Path, url: &str, branch: &str) -> Result<Result<(), String>, Failure> {
    let clone = Fresh(directory.join("clone"));
    super::place::remove(&clone.0)?;
    let cloned = Command::new("git")
        .args(["clone", "--quiet", "--depth", "1", "--branch", branch, "--", url])
        .arg(&clone.0)
        .envs([
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ])
        .output()
        .doing(|| "cannot run git".to_owned())?;
    if !cloned.status.success() {
        return Err(Failure::new(format!("cannot clone {url}: {}", said(&cloned))));
    }
    let tested = Command::new("sh").arg("test.sh").current_dir(&clone.0).output();
    let tested = tested.doing(|| "cannot run the test".to_owned())?;
    Ok(if tested.status.success() {
        Ok(())
    } else {
        Err(said(&tested))
    })
}

fn said(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    both.concat().trim().to_owned()
}

/// A directory that goes when it is dropped.
struct Fresh(std::path::PathBuf);

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
