//! Git, by its own program: each part of a command is an argument of its own, and what comes from the model stands where it can be
//! no option.

use std::time::Duration;

use super::run::{ended, exec};
use super::{Bench, Done, Request};
use crate::workspace::WorkspaceError;

const LOCAL_LIMIT: Duration = Duration::from_mins(2);
const PUSH_LIMIT: Duration = Duration::from_mins(5);

/// Commits are the person's, and say that they did not write them alone. The address is nobody's.
const CO_AUTHOR: &str = "Co-authored-by: Bailey agent <agent@bailey.invalid>";

/// What every command begins with: no pager, and nothing that waits for somebody at a keyboard.
const GIT: [&str; 4] = ["git", "--no-pager", "-c", "core.askPass=true"];

/// The commands of a request, to be run one after the other.
fn commands(request: &Request) -> Vec<Vec<String>> {
    let git = |parts: &[&str], more: &[String]| -> Vec<String> {
        let fixed = GIT.iter().chain(parts).map(|part| (*part).to_owned());
        fixed.chain(more.iter().cloned()).collect()
    };
    match request {
        Request::GitStatus => vec![git(&["status", "--short", "--branch"], &[])],
        Request::GitDiff { staged, base, paths } => {
            // Programs that a repository names for showing differences are not run.
            let mut parts = vec!["diff", "--no-ext-diff", "--no-textconv", "--no-color"];
            if *staged {
                parts.push("--cached");
            }
            let range = base.as_ref().map(|base| format!("{base}...HEAD"));
            let mut more: Vec<String> = range.into_iter().collect();
            more.push("--".to_owned());
            more.extend(paths.iter().cloned());
            vec![git(&parts, &more)]
        }
        Request::GitCommit { message, paths } => {
            let add = if paths.is_empty() {
                git(&["add", "--all"], &[])
            } else {
                git(&["add", "--all", "--"], paths)
            };
            let mut more = vec![format!("--trailer={CO_AUTHOR}"), format!("--message={message}")];
            if !paths.is_empty() {
                more.push("--".to_owned());
                more.extend(paths.iter().cloned());
            }
            vec![add, git(&["commit"], &more)]
        }
        Request::GitPush { branch } => {
            let target = branch
                .as_ref()
                .map_or_else(|| "HEAD".to_owned(), |branch| format!("HEAD:refs/heads/{branch}"));
            vec![git(&["push", "--set-upstream", "origin"], &[target])]
        }
        _ => Vec::new(),
    }
}

pub(super) async fn git(request: &Request, bench: &mut Bench<'_>) -> Result<Done, WorkspaceError> {
    let limit = if matches!(request, Request::GitPush { .. }) {
        PUSH_LIMIT
    } else {
        LOCAL_LIMIT
    };
    let mut done = Done::error("This is nothing for git.");
    for argv in commands(request) {
        let (exit, output) = exec(bench, argv, None, limit).await?;
        if exit.status != 0 || exit.timed_out {
            return Ok(ended(exit, &output, limit));
        }
        done = Done::ok(if output.is_empty() {
            "[done; nothing was said]".to_owned()
        } else {
            output
        });
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_writes_is_no_option() {
        let commit = Request::GitCommit {
            message: "--amend; rm -rf ~".to_owned(),
            paths: vec!["--all".to_owned()],
        };
        let commands = commands(&commit);
        let tail = |argv: &[String]| argv[GIT.len()..].to_vec();
        assert_eq!(tail(&commands[0]), ["add", "--all", "--", "--all"]);
        assert_eq!(
            tail(&commands[1]),
            [
                "commit",
                &format!("--trailer={CO_AUTHOR}"),
                "--message=--amend; rm -rf ~",
                "--",
                "--all"
            ]
        );
        let diff = Request::GitDiff {
            staged: false,
            base: Some("main".to_owned()),
            paths: vec!["-p".to_owned()],
        };
        let argv = &super::commands(&diff)[0];
        assert_eq!(tail(argv)[4..], ["main...HEAD", "--", "-p"]);
        let push = Request::GitPush {
            branch: Some("x".to_owned()),
        };
        assert_eq!(tail(&super::commands(&push)[0])[3..], ["HEAD:refs/heads/x"]);
    }
}
