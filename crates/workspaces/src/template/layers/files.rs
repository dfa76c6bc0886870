//! The directories that a layer is made in.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, lchown};
use std::path::Path;

use crate::remove::remove;
use crate::template::package::File;

/// The directory that becomes the layer.
pub(super) const OPT: &str = "opt";
/// The directory that is the script's home.
pub(super) const HOME: &str = "home";
/// Where the script finds the template's files, and their place in [`OPT`].
pub(super) const INSIDE: &str = "/opt/.template";
const TEMPLATE: &str = ".template";

/// Makes them, with the files that the script may read, for the account that it runs as.
pub(super) fn prepare(new: &Path, files: &[(String, File)], owner: Option<u32>) -> io::Result<()> {
    remove(new)?;
    DirBuilder::new().recursive(true).mode(0o700).create(new)?;
    let opt = new.join(OPT);
    fs::create_dir(&opt)?;
    fs::create_dir(new.join(HOME))?;
    let template = opt.join(TEMPLATE);
    fs::create_dir(&template)?;
    for (path, file) in files {
        let path = template.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, &file.content)?;
        let mode = if file.executable { 0o755 } else { 0o644 };
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
    }
    if let Some(owner) = owner {
        own(&opt, owner)?;
    }
    Ok(())
}

/// Makes a layer of what the script left: nobody's but ours, readable for everybody, and without privileges. Answers with the
/// bytes of its files.
pub(super) fn finish(new: &Path) -> io::Result<u64> {
    let opt = new.join(OPT);
    remove(&opt.join(TEMPLATE))?;
    let root = rustix::process::geteuid().is_root();
    let (mut bytes, mut linked) = (0, HashSet::new());
    // Not by recursion: how deep a script nests directories is its own affair.
    let mut left = vec![opt];
    while let Some(path) = left.pop() {
        let about = fs::symlink_metadata(&path)?;
        let directory = about.is_dir();
        let size = settle(&path, root)?;
        // A file of several names is there once.
        if about.nlink() == 1 || linked.insert(about.ino()) {
            bytes += size;
        }
        if directory {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        }
    }
    Ok(bytes)
}

fn own(path: &Path, owner: u32) -> io::Result<()> {
    lchown(path, Some(owner), Some(owner))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            own(&entry?.path(), owner)?;
        }
    }
    Ok(())
}

/// Other workspaces' accounts read it, so it must be readable for all; `0o755` or `0o644` and what the script added to that.
fn settle(path: &Path, root: bool) -> io::Result<u64> {
    if root {
        lchown(path, Some(0), Some(0))?;
    }
    let about = fs::symlink_metadata(path)?;
    let mode = about.permissions().mode();
    if about.is_dir() {
        fs::set_permissions(path, Permissions::from_mode(mode & 0o777 | 0o755))?;
    } else if about.is_file() {
        let execute = if mode & 0o111 == 0 { 0 } else { 0o111 };
        fs::set_permissions(path, Permissions::from_mode(mode & 0o777 | 0o444 | execute))?;
        return Ok(about.len());
    } else if !about.is_symlink() {
        // Sockets and pipes of a build mean nothing to anybody after it.
        fs::remove_file(path)?;
    }
    Ok(0)
}
