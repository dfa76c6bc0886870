//! Reads the repository's files: those that git knows, and new ones that it does not ignore.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

use super::SourceFile;

/// The repository's text files.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    /// In the order of their paths.
    pub(crate) files: Vec<SourceFile>,
}

impl Tree {
    /// Whether a file or directory stands at this path from the root.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }
}

/// Reads all text files; what is not UTF-8 is left out.
pub(crate) fn read(root: &Path) -> anyhow::Result<Tree> {
    // A clone that another account made (as build machines do) is not suspicious here: its code is being built anyway.
    let output = Command::new("git")
        .args([
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("git ls-files did not start")?;
    ensure!(
        output.status.success(),
        "git ls-files failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let names = String::from_utf8(output.stdout).context("a path is not UTF-8")?;
    let mut files = Vec::new();
    for path in names.split('\0').filter(|path| !path.is_empty()) {
        let full = root.join(path);
        // A file that was deleted and not yet committed is still listed; a link is checked where it leads.
        if !full.is_file() || full.is_symlink() {
            continue;
        }
        let bytes = fs::read(&full).with_context(|| format!("{path} cannot be read"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(SourceFile {
                path: path.to_owned(),
                text,
            });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Tree {
        root: root.to_owned(),
        files,
    })
}
