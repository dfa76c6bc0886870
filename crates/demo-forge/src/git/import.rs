//! A repository with its first commits, made from files.

use std::path::Path;

use super::{Git, GitError};
use crate::seed::SeedCommit;

impl Git {
    /// Makes an empty repository.
    pub(crate) async fn init(&self, repository: &Path, default_branch: &str) -> Result<(), GitError> {
        let mut arguments = vec!["init".to_owned(), "--quiet".to_owned(), "--bare".to_owned()];
        // No template: a repository has no hooks and nothing of this machine's settings.
        arguments.push("--template=".to_owned());
        arguments.push(format!("--initial-branch={default_branch}"));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.output(Some(repository), &arguments, b"").await.map(drop)
    }

    /// Commits files to a branch, one commit after the other. The same commits get the same ids each time.
    pub(crate) async fn import(&self, repository: &Path, branch: &str, commits: &[SeedCommit]) -> Result<(), GitError> {
        let stream = stream(branch, commits);
        self.output(Some(repository), &["fast-import", "--quiet", "--done"], &stream)
            .await
            .map(drop)
    }
}

/// What `git fast-import` reads. Lengths go before contents, so that no content is taken for a command.
fn stream(branch: &str, commits: &[SeedCommit]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line = |bytes: &[u8]| {
        out.extend_from_slice(bytes);
        out.push(b'\n');
    };
    let word = |text: &str| text.replace(['\n', '\r', '<', '>', '\0'], " ");
    for commit in commits {
        line(format!("commit refs/heads/{branch}").as_bytes());
        let who = format!(
            "{} <{}> {} +0000",
            word(&commit.author),
            word(&commit.email),
            commit.seconds
        );
        line(format!("author {who}").as_bytes());
        line(format!("committer {who}").as_bytes());
        line(format!("data {}", commit.message.len()).as_bytes());
        line(commit.message.as_bytes());
        for file in &commit.files {
            let mode = if file.executable { "100755" } else { "100644" };
            let path = file
                .path
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            line(format!("M {mode} inline \"{path}\"").as_bytes());
            line(format!("data {}", file.content.len()).as_bytes());
            line(file.content.as_bytes());
        }
        line(b"");
    }
    line(b"done");
    out
}
