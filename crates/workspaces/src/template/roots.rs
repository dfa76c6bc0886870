//! Root archives: whole file systems, unpacked once and known by the SHA-256 of their archive.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use bailey_runtime::failpoint;
use flate2::read::MultiGzDecoder;

use crate::remove::remove;

/// The most bytes of all files together.
const MAX_BYTES: u64 = 8 << 30;
/// The most entries.
const MAX_ENTRIES: usize = 500_000;
/// Bytes between two questions whether to go on.
const ASK_EVERY: usize = 8 << 20;

/// A root archive cannot be unpacked. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Reading or writing failed.
    #[error("cannot unpack the root archive")]
    Io(#[from] io::Error),
    /// Something in it has no place in a root file system.
    #[error("the root archive is refused: `{path}` {why}")]
    Entry {
        /// The entry.
        path: String,
        /// Why not.
        why: &'static str,
    },
    /// It is too large.
    #[error("the root archive has more than {} GiB or {MAX_ENTRIES} entries", MAX_BYTES >> 30)]
    Large,
}

/// Whether to go on.
type GoOn<'a> = &'a dyn Fn() -> io::Result<()>;

/// A reader that asks every few MiB whether to go on.
struct Watched<'a, R> {
    from: R,
    go_on: GoOn<'a>,
    unasked: usize,
}

impl<'a, R> Watched<'a, R> {
    const fn new(from: R, go_on: GoOn<'a>) -> Self {
        let unasked = ASK_EVERY;
        Self { from, go_on, unasked }
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unasked >= ASK_EVERY {
            (self.go_on)()?;
            self.unasked = 0;
        }
        let read = self.from.read(buffer)?;
        self.unasked += read;
        Ok(read)
    }
}

/// Unpacks an archive (tar, with or without gzip) to `new`, and then puts it at `target` in one step. Devices and pipes are left
/// out: a sandbox has its own `/dev`. `go_on` is asked now and then, and ends it with an error.
pub(super) fn unpack_root(new: &Path, target: &Path, archive: &[u8], go_on: GoOn<'_>) -> Result<(), RootError> {
    remove(new)?;
    fs::create_dir_all(new)?;
    let unpacked = if archive.starts_with(&[0x1f, 0x8b]) {
        unpack(new, Watched::new(MultiGzDecoder::new(archive), go_on))
    } else {
        unpack(new, Watched::new(archive, go_on))
    };
    failpoint::hit("root.rename");
    let done = unpacked.and_then(|()| Ok(super::layers::put(new, target)?));
    // Nothing is there where it was put in its place.
    remove(new)?;
    done
}

fn unpack(into: &Path, archive: impl Read) -> Result<(), RootError> {
    let mut archive = tar::Archive::new(archive);
    let (mut entries, mut left) = (0, MAX_BYTES);
    for entry in archive.entries()? {
        let mut entry = entry?;
        entries += 1;
        if entries > MAX_ENTRIES || entry.size() > left {
            return Err(RootError::Large);
        }
        left -= entry.size();
        let name = entry.path()?.into_owned();
        let refuse = |why| RootError::Entry {
            path: name.to_string_lossy().escape_debug().take(200).collect(),
            why,
        };
        let Some(path) = place(into, &name).map_err(refuse)? else {
            continue;
        };
        let kind = entry.header().entry_type();
        // No setuid: nothing gains a privilege in a sandbox.
        let mode = entry.header().mode()? & 0o777;
        if kind.is_dir() {
            if !real_directory(&path) {
                fs::create_dir(&path)?;
            }
            // Its owner goes on unpacking into it.
            fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o700))?;
        } else if kind.is_file() {
            let mut options = fs::OpenOptions::new();
            let mut out = options.write(true).create_new(true).mode(mode | 0o400).open(&path)?;
            io::copy(&mut entry, &mut out)?;
        } else if kind.is_symlink() {
            let link = entry.link_name()?.ok_or_else(|| refuse("is a link to nowhere"))?;
            std::os::unix::fs::symlink(link, &path)?;
        } else if kind.is_hard_link() {
            let link = entry.link_name()?.ok_or_else(|| refuse("is a link to nowhere"))?;
            let link = place(into, &link).map_err(refuse)?;
            let link = link.ok_or_else(|| refuse("is a hard link to a directory"))?;
            if !fs::symlink_metadata(&link)?.is_file() {
                return Err(refuse("is a hard link to something that is no file"));
            }
            fs::hard_link(&link, &path)?;
        }
    }
    Ok(())
}

/// Where an entry goes; `None` = the top itself. Its parents are made where they are missing, and are never links: what lies
/// behind one could be anywhere.
fn place(into: &Path, name: &Path) -> Result<Option<PathBuf>, &'static str> {
    let mut names = Vec::new();
    for component in name.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::ParentDir | Component::Prefix(_) => return Err("leads out of the root"),
        }
    }
    let Some(last) = names.pop() else {
        return Ok(None);
    };
    let mut path = into.to_owned();
    for name in names {
        path.push(name);
        match fs::symlink_metadata(&path) {
            Ok(about) if about.is_dir() => {}
            Ok(_) => return Err("lies behind something that is no directory"),
            Err(_) => fs::create_dir(&path).map_err(|_| "cannot be put there")?,
        }
    }
    path.push(last);
    Ok(Some(path))
}

fn real_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(fill: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        fill(&mut builder);
        builder.into_inner().unwrap()
    }

    fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header
    }

    #[test]
    fn a_root_is_unpacked_once_and_without_privileges() {
        let bytes = archive(|b| {
            b.append_data(&mut header(tar::EntryType::Directory, 0o555, 0), "usr", &b""[..])
                .unwrap();
            b.append_data(&mut header(tar::EntryType::Regular, 0o4755, 2), "usr/su", &b"hi"[..])
                .unwrap();
            b.append_link(&mut header(tar::EntryType::Symlink, 0o777, 0), "bin", "usr/bin")
                .unwrap();
            b.append_link(&mut header(tar::EntryType::Link, 0o755, 0), "usr/sudo", "usr/su")
                .unwrap();
            b.append_data(&mut header(tar::EntryType::Char, 0o666, 0), "dev/null", &b""[..])
                .unwrap();
        });
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("d");
        unpack_root(&dir.path().join(".new"), &root, &bytes, &|| Ok(())).unwrap();
        assert_eq!(fs::read(root.join("usr/sudo")).unwrap(), b"hi");
        assert_eq!(
            fs::metadata(root.join("usr/su")).unwrap().permissions().mode() & 0o7777,
            0o755
        );
        assert_eq!(fs::read_link(root.join("bin")).unwrap(), Path::new("usr/bin"));
        assert!(!root.join("dev/null").exists());
        // Whoever comes second finds it there, and leaves nothing.
        unpack_root(&dir.path().join(".new"), &root, &bytes, &|| Ok(())).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_written_outside_and_nothing_is_left_of_a_refused_one() {
        let outside = tempfile::tempdir().unwrap();
        let dir = tempfile::tempdir().unwrap();
        for attempt in [
            archive(|b| {
                let link = header(tar::EntryType::Symlink, 0o777, 0);
                b.append_link(&mut link.clone(), "a", outside.path()).unwrap();
                b.append_data(&mut header(tar::EntryType::Regular, 0o644, 1), "a/x", &b"x"[..])
                    .unwrap();
            }),
            archive(|b| {
                let link = header(tar::EntryType::Symlink, 0o777, 0);
                b.append_link(&mut link.clone(), "a", outside.path().join("x")).unwrap();
                b.append_data(&mut header(tar::EntryType::Regular, 0o644, 1), "a", &b"x"[..])
                    .unwrap();
            }),
            archive(|b| {
                let mut raw = header(tar::EntryType::Regular, 0o644, 1);
                raw.as_old_mut().name[..10].copy_from_slice(b"../../oops");
                raw.set_cksum();
                b.append(&raw, &b"x"[..]).unwrap();
            }),
            archive(|b| {
                b.append_link(&mut header(tar::EntryType::Link, 0o644, 0), "p", "/etc/passwd")
                    .unwrap();
            }),
            b"no archive at all".to_vec(),
        ] {
            assert!(unpack_root(&dir.path().join(".new"), &dir.path().join("d"), &attempt, &|| Ok(())).is_err());
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
            assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        }
        assert!(!dir.path().join("../../oops").exists());
    }

    #[test]
    fn unpacking_ends_where_it_must_not_go_on() {
        let bytes = archive(|b| {
            b.append_data(&mut header(tar::EntryType::Regular, 0o644, 1), "f", &b"x"[..])
                .unwrap();
        });
        let dir = tempfile::tempdir().unwrap();
        let full = || Err(io::Error::other("the disk is full"));
        let refused = unpack_root(&dir.path().join(".new"), &dir.path().join("d"), &bytes, &full).unwrap_err();
        let cause = std::error::Error::source(&refused).unwrap().to_string();
        assert_eq!(cause, "the disk is full");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
