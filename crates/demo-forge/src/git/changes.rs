//! What differs between commits, and what changes branches.

use std::path::Path;

use super::{Git, GitError};
use crate::path::{is_branch_name, is_commit_id};

/// The commit id that stands for none.
pub(crate) const NONE: &str = "0000000000000000000000000000000000000000";
/// Files of a diff that are told.
const MOST_FILES: usize = 1_000;

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) old_path: String,
    pub(crate) new_path: String,
    pub(crate) old_mode: String,
    pub(crate) new_mode: String,
    /// `A`, `D`, `M`, `R`, `T`.
    pub(crate) kind: char,
    /// The hunks, without git's header.
    pub(crate) diff: String,
}

/// How a merge came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Merged {
    /// The commit that the target branch now has.
    At(String),
    /// The two do not go together.
    Conflict,
    /// The target branch moved meanwhile, or one of the two is not there.
    Moved,
}

impl Git {
    /// Where two commits parted.
    pub(crate) async fn merge_base(
        &self,
        repository: &Path,
        one: &str,
        other: &str,
    ) -> Result<Option<String>, GitError> {
        if !is_commit_id(one) || !is_commit_id(other) {
            return Ok(None);
        }
        let base = self.maybe(repository, &["merge-base", one, other]).await?;
        Ok(base.map(|id| id.trim().to_owned()))
    }

    /// What differs between two commits.
    pub(crate) async fn changes(&self, repository: &Path, from: &str, to: &str) -> Result<Vec<Change>, GitError> {
        if !is_commit_id(from) || !is_commit_id(to) {
            return Ok(Vec::new());
        }
        let arguments = |format: &[&'static str]| {
            let mut all = vec!["diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M"];
            all.extend(format);
            all.extend([from, to, "--"]);
            all.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let raw = arguments(&["--raw", "-z", "--abbrev=40"]);
        let raw = self
            .text(repository, &raw.iter().map(String::as_str).collect::<Vec<_>>())
            .await?;
        let patch = arguments(&["--patch"]);
        let patch = self
            .text(repository, &patch.iter().map(String::as_str).collect::<Vec<_>>())
            .await?;
        let mut changes = parse_raw(&raw);
        for (change, diff) in changes.iter_mut().zip(parse_patch(&patch)) {
            change.diff = diff;
        }
        changes.truncate(MOST_FILES);
        Ok(changes)
    }

    /// Makes a branch, if there is none of its name.
    pub(crate) async fn branch_create(&self, repository: &Path, name: &str, commit: &str) -> Result<bool, GitError> {
        self.update_ref(repository, name, commit, NONE).await
    }

    /// Deletes a branch that is at `commit`.
    pub(crate) async fn branch_delete(&self, repository: &Path, name: &str, commit: &str) -> Result<bool, GitError> {
        if !is_branch_name(name) || !is_commit_id(commit) {
            return Ok(false);
        }
        let name = format!("refs/heads/{name}");
        Ok(self
            .maybe(repository, &["update-ref", "-d", &name, commit])
            .await?
            .is_some())
    }

    async fn update_ref(&self, repository: &Path, name: &str, to: &str, from: &str) -> Result<bool, GitError> {
        if !is_branch_name(name) || !is_commit_id(to) {
            return Ok(false);
        }
        let name = format!("refs/heads/{name}");
        Ok(self
            .maybe(repository, &["update-ref", &name, to, from])
            .await?
            .is_some())
    }

    /// Merges a commit into a branch, with a commit of its own.
    pub(crate) async fn merge(
        &self,
        repository: &Path,
        target: &str,
        source: &str,
        message: &str,
        author: (&str, &str),
    ) -> Result<Merged, GitError> {
        let Some(old) = self.branch(repository, target).await? else {
            return Ok(Merged::Moved);
        };
        if !is_commit_id(source) {
            return Ok(Merged::Moved);
        }
        let old = old.commit;
        let merged = self
            .maybe(repository, &["merge-tree", "--write-tree", &old, source])
            .await?;
        let Some(tree) = merged.and_then(|text| text.lines().next().map(str::to_owned)) else {
            return Ok(Merged::Conflict);
        };
        let (name, email) = (format!("user.name={}", author.0), format!("user.email={}", author.1));
        let arguments = [
            "-c",
            &name,
            "-c",
            &email,
            "commit-tree",
            &tree,
            "-p",
            &old,
            "-p",
            source,
            "-m",
            message,
        ];
        let commit = self.text(repository, &arguments).await?.trim().to_owned();
        let moved = self.update_ref(repository, target, &commit, &old).await?;
        Ok(if moved { Merged::At(commit) } else { Merged::Moved })
    }
}

/// `:100644 100644 <id> <id> M\0name\0`, for renames with two names.
fn parse_raw(raw: &str) -> Vec<Change> {
    let mut fields = raw.split('\0');
    let mut changes = Vec::new();
    while let Some(head) = fields.next().and_then(|head| head.strip_prefix(':')) {
        let words: Vec<&str> = head.split(' ').collect();
        let (Some(old_mode), Some(new_mode), Some(kind), Some(path)) = (
            words.first(),
            words.get(1),
            words.get(4).and_then(|word| word.chars().next()),
            fields.next(),
        ) else {
            break;
        };
        let new_path = if matches!(kind, 'R' | 'C') {
            fields.next()
        } else {
            Some(path)
        };
        changes.push(Change {
            old_path: path.to_owned(),
            new_path: new_path.unwrap_or(path).to_owned(),
            old_mode: (*old_mode).to_owned(),
            new_mode: (*new_mode).to_owned(),
            kind,
            diff: String::new(),
        });
    }
    changes
}

/// The hunks of each file. A line of content begins with a space, `+`, `-` or `\`, so that none looks like a header.
fn parse_patch(patch: &str) -> Vec<String> {
    let mut diffs: Vec<String> = Vec::new();
    let mut in_hunks = false;
    for line in patch.split_inclusive('\n') {
        if line.starts_with("diff --git ") {
            diffs.push(String::new());
            in_hunks = false;
        } else if line.starts_with("@@ ") || line.starts_with("Binary files ") {
            in_hunks = true;
        }
        if let Some(diff) = diffs.last_mut().filter(|_| in_hunks) {
            diff.push_str(line);
        }
    }
    diffs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_taken_apart() {
        let id = "a".repeat(40);
        let raw = format!(
            ":100644 100644 {id} {id} M\0greet.py\0:100644 100644 {id} {id} R090\0old name\0new name\0:000000 100644 {id} {id} A\0x\0"
        );
        let changes = parse_raw(&raw);
        assert_eq!(changes.len(), 3);
        assert_eq!((changes[0].kind, changes[0].new_path.as_str()), ('M', "greet.py"));
        assert_eq!(
            (changes[1].old_path.as_str(), changes[1].new_path.as_str()),
            ("old name", "new name")
        );
        assert_eq!((changes[2].kind, changes[2].old_mode.as_str()), ('A', "000000"));
        let patch = "diff --git a/x b/x\nindex 1..2\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-diff --git a b\n+new\ndiff --git a/y b/y\nold mode 1\n";
        assert_eq!(parse_patch(patch), ["@@ -1 +1 @@\n-diff --git a b\n+new\n", ""]);
        assert!(parse_raw("").is_empty() && parse_raw(":").is_empty() && parse_patch("").is_empty());
    }
}
