//! Removing directories that somebody else has filled.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::Errno;

/// Removes a directory and all that is in it; nothing happens if it is not there. How deep directories nest does not matter: it
/// neither recurs nor builds long paths, but lifts what lies deeper up, level by level. Links are not followed, and directories
/// that may not be written are removed too.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    if !open_up(CWD, path)? {
        return Ok(());
    }
    let top = directory(CWD, path)?;
    let mut number = 0_u64;
    loop {
        let names = names(&top)?;
        if names.is_empty() {
            break;
        }
        for name in names {
            if unlinked(&top, &name)? {
                continue;
            }
            open_up(top.as_fd(), &name)?;
            let below = directory(top.as_fd(), &name)?;
            for deeper in self::names(&below)? {
                if !unlinked(&below, &deeper)? {
                    open_up(below.as_fd(), &deeper)?;
                    lift(&below, &deeper, &top, &mut number)?;
                }
            }
            gone(rustix::fs::unlinkat(&top, &name, AtFlags::REMOVEDIR))?;
        }
    }
    gone(rustix::fs::rmdir(path))?;
    Ok(())
}

/// Moves a directory up to `top`, under a name that nothing there has.
fn lift(from: &OwnedFd, name: &CStr, top: &OwnedFd, number: &mut u64) -> io::Result<()> {
    loop {
        *number += 1;
        let free = format!(".lifted-{number}");
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(from, name, top, &free, flags) {
            Err(Errno::EXIST) => {}
            // Some file systems cannot refuse to replace; a directory replaces none that has something in it.
            Err(Errno::INVAL) => return Ok(rustix::fs::renameat(from, name, top, &free)?),
            other => return Ok(other?),
        }
    }
}

/// Removes what is no directory; `false` if it is one.
fn unlinked(directory: &OwnedFd, name: &CStr) -> io::Result<bool> {
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::ISDIR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sees to it that a directory can be read and written; `false` if it is not there. The superuser needs nothing of the kind.
fn open_up(at: BorrowedFd<'_>, name: impl rustix::path::Arg + Copy) -> io::Result<bool> {
    let about = match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(about) => about,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if !rustix::process::geteuid().is_root() && Mode::from_raw_mode(about.st_mode) & Mode::RWXU != Mode::RWXU {
        rustix::fs::chmodat(at, name, Mode::RWXU, AtFlags::empty())?;
    }
    Ok(true)
}

fn directory(at: BorrowedFd<'_>, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

fn names(directory: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn gone(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(Errno::NOENT) | Ok(()) => Ok(()),
        // Something came in between: whoever calls looks again, or hears of it.
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn everything_goes_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (target, outside) = (dir.path().join("gone"), dir.path().join("outside"));
        fs::create_dir_all(target.join("a/b/c")).unwrap();
        fs::create_dir_all(target.join(".lifted-1")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        fs::write(target.join("a/b/f"), "").unwrap();
        symlink(&outside, target.join("a/b/link")).unwrap();
        symlink(&outside, target.join("link")).unwrap();
        for closed in ["a/b/c", "a/b", "a"] {
            fs::set_permissions(target.join(closed), fs::Permissions::from_mode(0o500)).unwrap();
        }
        remove(&target).unwrap();
        assert!(!target.exists() && outside.join("kept").exists());
        remove(&target).unwrap();
        // What is no directory is not taken for one.
        assert!(remove(&outside.join("kept")).is_err());
    }

    #[test]
    fn depth_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("deep");
        fs::create_dir(&target).unwrap();
        let mut at = directory(CWD, &target).unwrap();
        for _ in 0..5_000 {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = directory(at.as_fd(), "d").unwrap();
        }
        drop(at);
        remove(&target).unwrap();
        assert!(!target.exists());
    }
}
