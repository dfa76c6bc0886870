//! Templates in directories of this machine.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::package::{File, Package};
use super::{MAX_FILES, MAX_UNPACKED};

/// Directories that are never part of a template.
const LEFT_OUT: [&str; 3] = [".git", ".hg", ".svn"];
/// What names begin with that volumes of Kubernetes keep for themselves, such as `..data`.
const SHADOW: &str = "..";
/// How deep directories may nest.
const DEEPEST: usize = 32;
/// The most entries, directories included.
const MAX_ENTRIES: usize = 4 * MAX_FILES;

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
        Self::walk(directory, None)
    }

    /// Reads a directory that an administrator put there, such as a mounted volume: links within it are followed, since
    /// some volumes are made of them. Entries whose names begin with `..` are those volumes' own and left out.
    pub fn read_mounted(directory: &Path) -> Result<Self, DirectoryError> {
        let real = fs::canonicalize(directory).map_err(failed(directory))?;
        Self::walk(&real.clone(), Some(real))
    }

    fn walk(directory: &Path, within: Option<PathBuf>) -> Result<Self, DirectoryError> {
        let mut package = Self::default();
        let mut walk = Walk {
            within,
            entries: 0,
            package: &mut package,
        };
        walk.read(directory, "", DEEPEST)?;
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

/// A walk through a template's directory.
struct Walk<'p> {
    /// Links may lead to what is in here; `None` = there may be none.
    within: Option<PathBuf>,
    /// Entries that were looked at, each as often as links lead to it.
    entries: usize,
    package: &'p mut Package,
}

impl Walk<'_> {
    fn read(&mut self, directory: &Path, below: &str, deeper: usize) -> Result<(), DirectoryError> {
        for entry in entries(directory)? {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(refuse(directory, format!("a template has at most {MAX_FILES} files")));
            }
            let path = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(refuse(&path, "has a name that is no UTF-8"));
            };
            if self.within.is_some() && name.starts_with(SHADOW) {
                continue;
            }
            let relative = if below.is_empty() {
                name.to_owned()
            } else {
                format!("{below}/{name}")
            };
            let kind = entry.file_type().map_err(failed(&path))?;
            let (real, kind) = if kind.is_symlink() {
                let real = self.follow(&path)?;
                let kind = fs::metadata(&real).map_err(failed(&path))?.file_type();
                (real, kind)
            } else {
                (path.clone(), kind)
            };
            if kind.is_dir() {
                if LEFT_OUT.contains(&name) {
                    continue;
                }
                if deeper == 0 {
                    return Err(refuse(&path, format!("lies more than {DEEPEST} directories deep")));
                }
                self.read(&real, &relative, deeper - 1)?;
            } else if kind.is_file() {
                let file = read_file(&real, self.package.room())?;
                self.package.add(&relative, file).map_err(|why| refuse(&path, why))?;
            } else {
                return Err(refuse(&path, "is no file; a template has files and directories only"));
            }
        }
        Ok(())
    }

    /// What a link leads to, where links are allowed.
    fn follow(&self, path: &Path) -> Result<PathBuf, DirectoryError> {
        let Some(within) = &self.within else {
            return Err(refuse(
                path,
                "is a symbolic link; a template has files and directories only",
            ));
        };
        let real = fs::canonicalize(path).map_err(failed(path))?;
        if real.starts_with(within) {
            return Ok(real);
        }
        Err(refuse(path, "is a symbolic link that leads out of the template"))
    }
}

/// What is in a directory, by name.
fn entries(directory: &Path) -> Result<Vec<fs::DirEntry>, DirectoryError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed(directory))? {
        entries.push(entry.map_err(failed(directory))?);
        if entries.len() > MAX_ENTRIES {
            return Err(refuse(directory, format!("a template has at most {MAX_FILES} files")));
        }
    }
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

/// Whether something changed in a directory: two that are equal were taken of the same files, as far as sizes, times and
/// numbers of files tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<u8>);

impl Stamp {
    /// Looks at a directory without reading what is in its files. What cannot be looked at is part of the stamp.
    pub fn of(directory: &Path) -> Self {
        let mut stamper = Stamper {
            within: fs::canonicalize(directory).ok(),
            entries: 0,
            sha: Sha256::new(),
        };
        stamper.walk(directory, DEEPEST);
        Self(stamper.sha.finalize().to_vec())
    }
}

struct Stamper {
    within: Option<PathBuf>,
    entries: usize,
    sha: Sha256,
}

impl Stamper {
    fn walk(&mut self, directory: &Path, deeper: usize) {
        let entries = match entries(directory) {
            Ok(entries) => entries,
            Err(error) => return self.sha.update(error.to_string()),
        };
        for entry in entries {
            self.entries += 1;
            let name = entry.file_name();
            if self.entries > MAX_ENTRIES || LEFT_OUT.iter().any(|left_out| name == *left_out) {
                continue;
            }
            let path = entry.path();
            self.sha.update(path.as_os_str().as_encoded_bytes());
            let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let real = if link { fs::canonicalize(&path).ok() } else { Some(path) };
            // A link that leads out is refused when the template is read; what is there does not matter.
            let inside = |real: &PathBuf| !link || self.within.as_ref().is_some_and(|within| real.starts_with(within));
            let Some(real) = real.filter(inside) else { continue };
            let Ok(about) = fs::metadata(&real) else { continue };
            for number in [about.dev(), about.ino(), about.len(), u64::from(about.mode())] {
                self.sha.update(number.to_be_bytes());
            }
            for number in [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()] {
                self.sha.update(number.to_be_bytes());
            }
            if about.is_dir() && deeper > 0 {
                self.walk(&real, deeper - 1);
            }
        }
    }
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
    /// A directory as Kubernetes mounts a volume of configuration.
    fn mounted(dir: &Path, version: &str, text: &str) {
        let data = dir.join(format!("..{version}"));
        fs::create_dir_all(data.join("sub")).unwrap();
        fs::write(data.join("template.toml"), text).unwrap();
        fs::write(data.join("sub/run.sh"), "x").unwrap();
        let next = dir.join("..data_tmp");
        std::os::unix::fs::symlink(format!("..{version}"), &next).unwrap();
        fs::rename(next, dir.join("..data")).unwrap();
        for name in ["template.toml", "sub"] {
            // There from the first version on.
            let _ = std::os::unix::fs::symlink(format!("..data/{name}"), dir.join(name));
        }
    }

    #[test]
    fn a_mounted_volume_is_read_through_its_links() {
        let dir = tempfile::tempdir().unwrap();
        mounted(dir.path(), "1", "icon = \"a\"\n");
        assert!(Package::read(dir.path()).is_err());
        let package = Package::read_mounted(dir.path()).unwrap();
        let paths: Vec<_> = package.files().keys().collect();
        assert_eq!(paths, ["sub/run.sh", "template.toml"]);
        let before = Stamp::of(dir.path());
        assert_eq!(Stamp::of(dir.path()), before);
        mounted(dir.path(), "2", "icon = \"b\"\n");
        assert_ne!(Stamp::of(dir.path()), before);
        assert_eq!(
            Package::read_mounted(dir.path()).unwrap().manifest(),
            Some("icon = \"b\"\n")
        );
    }

    #[test]
    fn links_that_lead_out_or_around_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, dir.path().join(at)).unwrap();
        link("/etc/passwd", "out");
        let said = Package::read_mounted(dir.path()).unwrap_err().to_string();
        assert!(said.contains("leads out of the template"), "{said}");
        fs::remove_file(dir.path().join("out")).unwrap();
        link(".", "a");
        link(".", "b");
        assert!(Package::read_mounted(dir.path()).is_err());
        let _ = Stamp::of(dir.path());
    }

    #[test]
    fn a_stamp_sees_what_a_size_and_a_time_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("template.toml");
        fs::write(&file, "a").unwrap();
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        let before = Stamp::of(dir.path());
        let other = dir.path().join("new");
        fs::write(&other, "b").unwrap();
        fs::File::options()
            .write(true)
            .open(&other)
            .unwrap()
            .set_modified(time)
            .unwrap();
        fs::rename(&other, &file).unwrap();
        assert_ne!(Stamp::of(dir.path()), before);
    }
}
