//! Mounts, made detached and then attached, so that no path is looked up twice.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

use super::sys::{MountAttributes, set_mount_attributes};

/// What is shared with the host or is data alone: no setuid programs, no device nodes.
pub(super) const PLAIN: MountAttributes = MountAttributes::NO_SUID.and(MountAttributes::NO_DEVICES);
/// The same, read-only.
pub(super) const READ_ONLY: MountAttributes = PLAIN.and(MountAttributes::READ_ONLY);

/// A copy of the mounts at a path, not attached anywhere. The path itself may be no symbolic link.
pub(super) fn copy(path: &Path, attributes: MountAttributes) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let mount = open_tree(CWD, path, flags)?;
    set_mount_attributes(&mount, attributes, true)?;
    Ok(mount)
}

/// A new file system, not attached anywhere.
pub(super) fn new(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        if value.is_empty() {
            fsconfig_set_flag(context.as_fd(), *key)?;
        } else {
            fsconfig_set_string(context.as_fd(), *key, *value)?;
        }
    }
    fsconfig_create(context.as_fd())?;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// Attaches a mount. A symbolic link at the end of the path is not followed.
pub(super) fn attach(mount: impl AsFd, at: &Path) -> io::Result<()> {
    move_mount(mount.as_fd(), c"", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(())
}

/// Shows a file or directory at another place as well; `at` is made, and its parent must be ours alone.
pub(super) fn bind(source: &Path, at: &Path, attributes: MountAttributes) -> io::Result<()> {
    let mount = copy(source, attributes)?;
    if rustix::fs::fstat(&mount).map(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode))?
        == rustix::fs::FileType::Directory
    {
        std::fs::create_dir(at)?;
    } else {
        File::create_new(at)?;
    }
    attach(mount, at)
}
