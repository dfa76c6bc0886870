//! The checks of `xtask tidy`, and what they have in common.

mod clients;
mod edges;
mod links;
mod markers;
mod readmes;
mod rust;
mod sizes;
mod sql;
mod tree;
mod unsafe_code;
mod whitespace;

use std::{fmt, path::Path};

/// A text file of the repository.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// Path from the repository's root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// What stands after the last dot of the file's name; the whole name where there is no dot.
    pub(crate) fn extension(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.rsplit('.').next().unwrap_or(name)
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.extension() == "rs"
    }

    /// Lines that a person wrote, in any language: the files that rules about style apply to.
    pub(crate) fn is_source(&self) -> bool {
        const EXTENSIONS: [&str; 11] = [
            "rs", "sql", "sh", "py", "toml", "yml", "yaml", "ts", "tsx", "Makefile", "run",
        ];
        EXTENSIONS.contains(&self.extension())
    }

    /// Recorded bytes of other programs, which must stay as they came.
    pub(crate) fn is_fixture(&self) -> bool {
        self.path.contains("/fixtures/") || self.path.contains("/snapshots/")
    }
}

/// Whether a finding fails the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Warning,
    Error,
}

/// One broken rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) path: String,
    /// Counted from 1; none where the rule is about the whole file.
    pub(crate) line: Option<usize>,
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn error(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: path.into(),
            line: None,
            message: message.into(),
        }
    }

    pub(crate) fn warning(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(path, message)
        }
    }

    pub(crate) fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        match self.line {
            Some(line) => write!(f, "{severity}: {}:{line}: {}", self.path, self.message),
            None => write!(f, "{severity}: {}: {}", self.path, self.message),
        }
    }
}

/// What all checks together found, in the order of the paths.
#[derive(Debug)]
pub(crate) struct Report {
    /// How many files were read.
    pub(crate) files: usize,
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn errors(&self) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .count()
    }
}

/// Runs every check on the files of the repository at `root`.
///
/// # Errors
/// Where the files cannot be listed or read.
pub(crate) fn run(root: &Path) -> anyhow::Result<Report> {
    let tree = tree::read(root)?;
    let files = &tree.files;
    let mut findings = Vec::new();
    findings.extend(edges::check(files));
    findings.extend(clients::check(files));
    findings.extend(sizes::check(files));
    findings.extend(markers::check(files));
    findings.extend(readmes::check(files));
    findings.extend(sql::check(files));
    findings.extend(unsafe_code::check(files));
    findings.extend(whitespace::check(files));
    findings.extend(links::check(files, &|path| tree.exists(path)));
    findings.sort_by(|a, b| (&a.path, a.line, &a.message).cmp(&(&b.path, b.line, &b.message)));
    Ok(Report {
        files: files.len(),
        findings,
    })
}

/// A file for the checks' own tests.
#[cfg(test)]
fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}
