//! Cloning a repository into a workspace: `git` runs there, as the workspace's user, with what its credential helper gives it. Bailey's
//! own token stays here.

use std::collections::BTreeMap;
use std::time::Duration;

use bailey_api::agent::{ExecStart, Purpose};
use bailey_api::frame::{ExecFrame, MAX_PAYLOAD};
use bailey_core::authz::Action;
use bailey_forges::branch::is_safe;
use bailey_forges::forge::ProjectKey;
use bailey_forges::markdown::one_line;
use bailey_store::TicketRun;
use serde_json::json;

use super::Trouble;
use crate::app::{App, AppError, workspace_resource};
use crate::audit::Change;

/// The longest that cloning may take.
const PATIENCE: Duration = Duration::from_mins(10);
/// What is kept of the end of what git says, in bytes.
const KEPT: usize = 2_048;
/// The longest reason, in characters.
const REASON: usize = 400;
/// The status that the script ends with where it would be the same again.
const IN_THE_WAY: i32 = 3;
/// What git says where the forge does not let it in. It would be the same again.
const REFUSALS: [&str; 5] = [
    "could not read Username",
    "could not read Password",
    "Authentication failed",
    "not found",
    "The requested URL returned error: 403",
];
/// What runs in the workspace. Done again it changes nothing: a clone that is there stays, and one that was cut off is removed.
const SCRIPT: &str = include_str!("clone.sh");

impl App {
    /// Clones a run's repository and checks its branch out. The inner error is for people: it would be the same again.
    pub(super) async fn clone_into(&self, run: &TicketRun) -> Result<Result<(), String>, Trouble> {
        let record = self.store().connection_get(run.new.key.connection).await?;
        let Some(record) = record else {
            return Ok(Err("the connection was deleted".to_owned()));
        };
        let work = self.work_of(record).await?;
        let project = work.forge.project(ProjectKey::Id(run.new.key.project)).await?;
        let Some(project) = project else {
            return Ok(Err("the project is not there any more".to_owned()));
        };
        let Some(base) = project.default_branch.filter(|branch| is_safe(branch)) else {
            return Ok(Err("the repository is empty".to_owned()));
        };
        if !is_below(&project.clone_url, &work.record.base_url) {
            return Ok(Err("the forge names an address that is not its own".to_owned()));
        }
        let command = [
            "sh",
            "-c",
            SCRIPT,
            "bailey-clone",
            &project.clone_url,
            &folder(&run.new.key.path),
            &run.new.branch,
            &base,
        ];
        let start = ExecStart {
            command: command.map(str::to_owned).into(),
            directory: None,
            environment: BTreeMap::from([("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned())]),
            timeout: Some(PATIENCE.as_secs()),
        };
        Ok(self.run_inside(run, start, &project.clone_url).await?)
    }

    async fn run_inside(&self, run: &TicketRun, start: ExecStart, url: &str) -> Result<Result<(), String>, AppError> {
        let caller = self.caller_of(run, Action::WorkspaceAccess).await?;
        let Some(caller) = caller else {
            return Ok(Err(format!("{} may not go into workspaces", run.new.assignee_name)));
        };
        let workspace = self.workspace_within(&caller, run.new.workspace).await?;
        let change = Change::new("tickets.clone", workspace_resource(&workspace))
            .after(&json!({ "run": run.new.id, "repository": url, "branch": run.new.branch }));
        let entry = caller.record_open(change).await?;
        match self.exchange(run, start).await {
            Ok((0, _)) => {
                entry.end();
                Ok(Ok(()))
            }
            Ok((status, said)) => {
                let why = match one_line(&said, REASON) {
                    said if said.is_empty() => format!("git ended with status {status}"),
                    said => said,
                };
                entry.fail(why.clone());
                if status == IN_THE_WAY || is_refusal(&said) {
                    return Ok(Err(why));
                }
                // The network, the forge, or another clone of a server that was killed: it is tried again.
                Err(AppError::Forge(why))
            }
            Err(error) => {
                entry.fail(error.to_string());
                Err(error)
            }
        }
    }

    /// Runs a command inside; answers with its status and the end of what it said on standard error.
    async fn exchange(&self, run: &TicketRun, start: ExecStart) -> Result<(i32, String), AppError> {
        let away = || {
            let name = run.new.workspace_name.clone();
            AppError::Stream(crate::streams::StreamError::NotConnected(name))
        };
        let whole = async {
            let opened = self.fleet().links().open(run.new.workspace, Purpose::Exec(start)).await;
            let (mut frames, mut writer) = bailey_link::frames(opened.map_err(|_| away())?, 64 * MAX_PAYLOAD);
            // The command may have ended already.
            let _ = writer.send(&ExecFrame::StdinEnd.encode()).await;
            let mut said: Vec<u8> = Vec::new();
            while let Some(frame) = frames.next().await.map_err(|_| away())? {
                match ExecFrame::decode(&frame) {
                    Ok(ExecFrame::Stderr(bytes)) => {
                        said.extend_from_slice(&bytes);
                        let early = said.len().saturating_sub(KEPT);
                        said.drain(..early);
                    }
                    Ok(ExecFrame::Exited { status }) => {
                        return Ok((status, String::from_utf8_lossy(&said).into_owned()));
                    }
                    _ => {}
                }
            }
            Err(away())
        };
        match tokio::time::timeout(PATIENCE + Duration::from_secs(5), whole).await {
            Ok(done) => done,
            Err(_) => Err(away()),
        }
    }
}

fn is_refusal(said: &str) -> bool {
    REFUSALS.iter().any(|refusal| said.contains(refusal))
}

/// The folder of a repository in its workspace's home: the last part of its path.
pub(super) fn folder(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = last.chars().filter(|c| allowed(*c)).take(64).collect();
    match name.trim_start_matches(['.', '-']) {
        "" => "repository".to_owned(),
        name => name.to_owned(),
    }
}

/// Whether a repository's address is below its forge's, and nothing but an address: no user, no option.
fn is_below(url: &str, base_url: &str) -> bool {
    let rest = url.strip_prefix(base_url).and_then(|rest| rest.strip_prefix('/'));
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.+/".contains(&b);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(allowed) && !rest.contains(".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_plain_name() {
        for (path, name) in [
            ("demo/greeter", "greeter"),
            ("g/.git", "git"),
            ("g/-x", "x"),
            ("g/..", "repository"),
            ("g/$(id);x", "idx"),
        ] {
            assert_eq!(folder(path), name);
        }
    }

    #[test]
    fn a_repository_is_below_its_forge() {
        let base = "https://git.example/lab";
        assert!(is_below("https://git.example/lab/g/p.git", base));
        for url in [
            "https://git.example/lab",
            "https://git.example/labs/g/p.git",
            "https://git.example.evil/lab/g/p.git",
            "https://user@git.example/lab/g/p.git",
            "https://git.example/lab/../x",
            "https://git.example/lab/a b",
            "ext::sh -c id",
            "--upload-pack=x",
        ] {
            assert!(!is_below(url, base), "{url}");
        }
    }
}
