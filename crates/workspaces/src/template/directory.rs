//! Templates in directories of this machine.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::package::{File, Package};
use super::{MAX_FILES, MAX_UNPACKED};

/// Directories that are never part of a template.
const LEFT_OUT: [&str; 3] = [".git", ".hg", ".svn"];
/// How deep directories may nest.
const DEEPEST: usize = 32;

/// A directory cannot be read as a template, or a template not written to it.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something in it has no place in a template.
    #[error("{path}: {why}")]
    Entry {
        /// What it is.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path = path.to_owned();
    move |source| DirectoryError::Io { path, source }
}

impl Package {
    /// Reads a directory. Links and special files are refused, and so is what is larger than a template may be.
    pub fn read(directory: &Path) -> Result<Self, DirectoryError> {
        let mut package = Self::default();
        read(directory, "", DEEPEST, &mut package)?;
        Ok(package)
    }

    /// Writes the files into a directory, which must be empty or not there yet.
    pub fn write(&self, directory: &Path) -> Result<(), DirectoryError> {
        fs::create_dir_all(directory).map_err(failed(directory))?;
        if fs::read_dir(directory).map_err(failed(directory))?.next().is_some() {
            return Err(DirectoryError::Entry {
                path: directory.to_owned(),
                why: "the directory is not empty".to_owned(),
            });
        }
        for (path, file) in self.files() {
            // Every path was checked when it was added: it stays below.
            let path = directory.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed(parent))?;
            }
            let mode = if file.executable { 0o755 } else { 0o644 };
            let mut options = fs::OpenOptions::new();
            let mut out = options
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&path)
                .map_err(failed(&path))?;
            out.write_all(&file.content).map_err(failed(&path))?;
        }
        Ok(())
    }
}

fn read(directory: &Path, below: &str, deeper: usize, package: &mut Package) -> Result<(), DirectoryError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed(directory))? {
        entries.push(entry.map_err(failed(directory))?);
        if entries.len() > MAX_FILES {
            return Err(refuse(directory, format!("a template has at most {MAX_FILES} files")));
        }
    }
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(refuse(&path, "has a name that is no UTF-8"));
        };
        let relative = if below.is_empty() {
            name.to_owned()
        } else {
            format!("{below}/{name}")
        };
        let kind = entry.file_type().map_err(failed(&path))?;
        if kind.is_dir() {
            if LEFT_OUT.contains(&name) {
                continue;
            }
            if deeper == 0 {
                return Err(refuse(&path, format!("lies more than {DEEPEST} directories deep")));
            }
            read(&path, &relative, deeper - 1, package)?;
        } else if kind.is_file() {
            let file = read_file(&path, package.room())?;
            package.add(&relative, file).map_err(|why| refuse(&path, why))?;
        } else if kind.is_symlink() {
            return Err(refuse(
                &path,
                "is a symbolic link; a template has files and directories only",
            ));
        } else {
            return Err(refuse(&path, "is no file; a template has files and directories only"));
        }
    }
    Ok(())
}

fn read_file(path: &Path, room: usize) -> Result<File, DirectoryError> {
    let mut options = fs::OpenOptions::new();
    // What was a file a moment ago may be a link or a pipe by now.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = options
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(failed(path))?;
    let about = file.metadata().map_err(failed(path))?;
    if !about.is_file() {
        return Err(refuse(path, "is no file; a template has files and directories only"));
    }
    let mut content = Vec::new();
    file.take(room as u64 + 1)
        .read_to_end(&mut content)
        .map_err(failed(path))?;
    if content.len() > room {
        return Err(refuse(
            path,
            format!("a template has at most {} MiB", MAX_UNPACKED >> 20),
        ));
    }
    let executable = about.permissions().mode() & 0o111 != 0;
    Ok(File { content, executable })
}

fn refuse(path: &Path, why: impl Into<String>) -> DirectoryError {
    DirectoryError::Entry {
        path: path.to_owned(),
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_comes_back_as_it_was() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(from.path().join("template.toml"), "").unwrap();
        fs::create_dir_all(from.path().join("a/b/.git")).unwrap();
        fs::write(from.path().join("a/b/.git/config"), "x").unwrap();
        fs::write(from.path().join("a/b/run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(from.path().join("a/b/run.sh"), fs::Permissions::from_mode(0o700)).unwrap();
        let package = Package::read(from.path()).unwrap();
        let paths: Vec<_> = package.files().keys().collect();
        assert_eq!(paths, ["a/b/run.sh", "template.toml"]);
        package.write(to.path()).unwrap();
        assert_eq!(Package::read(to.path()).unwrap(), package);
        assert_eq!(Package::read(to.path()).unwrap().digest(), package.digest());
        assert!(matches!(package.write(to.path()), Err(DirectoryError::Entry { .. })));
    }

    #[test]
    fn links_and_pipes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        let said = Package::read(dir.path()).unwrap_err().to_string();
        assert!(said.contains("symbolic link"), "{said}");
        fs::remove_file(dir.path().join("link")).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            dir.path().join("pipe"),
            rustix::fs::FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
        let said = Package::read(dir.path()).unwrap_err().to_string();
        assert!(said.contains("is no file"), "{said}");
    }
}
