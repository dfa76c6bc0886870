//! Branches, commits and files.

use std::path::Path;

use super::{Git, GitError};
use crate::path::{is_branch_name, is_commit_id};

/// One commit, as `git log` is made to write it: fields end with NUL, commits with `\x01`.
const FORMAT: &str = "--format=%H%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x01";

/// A branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) name: String,
    /// The commit at its tip.
    pub(crate) commit: String,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) id: String,
    pub(crate) parents: Vec<String>,
    pub(crate) author_name: String,
    pub(crate) author_email: String,
    pub(crate) authored_at: String,
    pub(crate) committer_name: String,
    pub(crate) committer_email: String,
    pub(crate) committed_at: String,
    pub(crate) message: String,
}

impl Commit {
    /// The first line of the message.
    pub(crate) fn title(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    fn parse(record: &str) -> Option<Self> {
        let mut fields = record.trim_start_matches('\n').splitn(9, '\0').map(str::to_owned);
        Some(Self {
            id: fields.next().filter(|id| is_commit_id(id))?,
            parents: fields
                .next()?
                .split(' ')
                .filter(|id| !id.is_empty())
                .map(str::to_owned)
                .collect(),
            author_name: fields.next()?,
            author_email: fields.next()?,
            authored_at: fields.next()?,
            committer_name: fields.next()?,
            committer_email: fields.next()?,
            committed_at: fields.next()?,
            message: fields.next()?,
        })
    }
}

impl Git {
    /// All branches, by name.
    pub(crate) async fn branches(&self, repository: &Path) -> Result<Vec<Branch>, GitError> {
        let format = "--format=%(refname:lstrip=2)%00%(objectname)";
        let text = self.text(repository, &["for-each-ref", format, "refs/heads"]).await?;
        let branch = |line: &str| {
            let (name, commit) = line.split_once('\0')?;
            let (name, commit) = (name.to_owned(), commit.to_owned());
            Some(Branch { name, commit })
        };
        Ok(text.lines().filter_map(branch).collect())
    }

    /// The commit at a branch's tip.
    pub(crate) async fn branch(&self, repository: &Path, name: &str) -> Result<Option<Branch>, GitError> {
        if !is_branch_name(name) {
            return Ok(None);
        }
        let commit = self
            .verify(repository, &format!("refs/heads/{name}^{{commit}}"))
            .await?;
        let name = name.to_owned();
        Ok(commit.map(|commit| Branch { name, commit }))
    }

    /// The commit that a branch, a tag or a commit id means, in this order.
    pub(crate) async fn resolve(&self, repository: &Path, reference: &str) -> Result<Option<String>, GitError> {
        if is_branch_name(reference) {
            for kind in ["heads", "tags"] {
                let name = format!("refs/{kind}/{reference}^{{commit}}");
                if let Some(commit) = self.verify(repository, &name).await? {
                    return Ok(Some(commit));
                }
            }
        }
        if is_commit_id(reference) {
            return self.verify(repository, &format!("{reference}^{{commit}}")).await;
        }
        Ok(None)
    }

    async fn verify(&self, repository: &Path, revision: &str) -> Result<Option<String>, GitError> {
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", revision];
        let found = self.maybe(repository, &arguments).await?;
        Ok(found.map(|id| id.trim().to_owned()).filter(|id| is_commit_id(id)))
    }

    /// One commit, by its id.
    pub(crate) async fn commit(&self, repository: &Path, id: &str) -> Result<Option<Commit>, GitError> {
        let mut found = self.commits(repository, &[id], 0, 1).await?;
        Ok(found.pop())
    }

    /// At most `most` commits that can be reached from the first of `ids` and not from the others, newest first, without the
    /// first `skip` of them.
    pub(crate) async fn commits(
        &self,
        repository: &Path,
        ids: &[&str],
        skip: usize,
        most: usize,
    ) -> Result<Vec<Commit>, GitError> {
        let (skip, most) = (format!("--skip={skip}"), format!("--max-count={most}"));
        let mut arguments = vec!["log", "--no-color", "--topo-order", FORMAT, &skip, &most];
        let Some(range) = range(ids) else { return Ok(Vec::new()) };
        arguments.extend(range.iter().map(String::as_str));
        arguments.push("--");
        let Some(text) = self.maybe(repository, &arguments).await? else {
            return Ok(Vec::new());
        };
        Ok(text.split('\u{1}').filter_map(Commit::parse).collect())
    }

    /// How many commits there are.
    pub(crate) async fn count(&self, repository: &Path, ids: &[&str]) -> Result<usize, GitError> {
        let mut arguments = vec!["rev-list", "--count"];
        let Some(range) = range(ids) else { return Ok(0) };
        arguments.extend(range.iter().map(String::as_str));
        arguments.push("--");
        let count = self.maybe(repository, &arguments).await?;
        Ok(count.and_then(|count| count.trim().parse().ok()).unwrap_or(0))
    }

    /// The names of a commit's files, at most `most` of them.
    pub(crate) async fn files(&self, repository: &Path, id: &str, most: usize) -> Result<Vec<String>, GitError> {
        if !is_commit_id(id) {
            return Ok(Vec::new());
        }
        let text = self
            .text(repository, &["ls-tree", "-r", "-z", "--name-only", id])
            .await?;
        let names = text.split('\0').filter(|name| !name.is_empty());
        Ok(names.take(most).map(str::to_owned).collect())
    }

    /// A file as it is in a commit.
    pub(crate) async fn file(&self, repository: &Path, id: &str, name: &str) -> Result<Option<Vec<u8>>, GitError> {
        if !is_commit_id(id) || name.contains('\0') {
            return Ok(None);
        }
        match self
            .run(repository, &["cat-file", "blob", &format!("{id}:{name}")])
            .await
        {
            Ok(bytes) => Ok(Some(bytes)),
            Err(GitError::Failed(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The commits of `git log`: nothing but ids ever gets there.
fn range(ids: &[&str]) -> Option<Vec<String>> {
    if ids.is_empty() || !ids.iter().all(|id| is_commit_id(id)) {
        return None;
    }
    let mut range = Vec::with_capacity(ids.len());
    for (at, id) in ids.iter().enumerate() {
        range.push(if at == 0 { (*id).to_owned() } else { format!("^{id}") });
    }
    Some(range)
}
