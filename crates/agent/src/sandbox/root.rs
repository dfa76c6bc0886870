//! The file system inside: a small one in memory, with the host's or an archive's directories in it, read-only.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use bailey_api::agent::{GIT_SOCKET, Network, SandboxSpec};
use rustix::mount::{MountAttrFlags, MountPropagationFlags, UnmountFlags, mount_change, unmount};

use super::mounts::{PLAIN, READ_ONLY, attach, bind, copy, new};
use super::protocol::{Failure, Setup, Step};
use super::sys::{MountAttributes, set_mount_attributes};
use super::{etc, home, proc};

const MIB: u64 = 1024 * 1024;
/// What counts as the limit where memory is not limited.
const UNLIMITED: u64 = 4096 * MIB;
/// Files in memory outlive the processes that wrote them, and the kernel takes them from nobody. So all places for them and System
/// V shared memory together have twelve of these parts of the memory limit: 6 `/tmp`, 2 each `/var/tmp` and `/dev/shm`, 1 each
/// `/run` and shared memory.
pub(super) const PARTS: u64 = 16;
/// Names at the top that are made here, whatever an archive says.
const OURS: &[&str] = &[
    "dev",
    "etc",
    "home",
    "opt",
    "proc",
    "run",
    "sys",
    "tmp",
    "var",
    "old",
    "lost+found",
];
/// Names at the top that are taken from the host: no more than what a merged `/usr` needs.
const HOST: &[&str] = &["bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr"];
const NO_SUID_NO_DEVICES: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);
/// The most terminals open at once. All of a machine's are counted together (`kernel.pty.max`), and one workspace must not have
/// them all.
const TERMINALS: &str = "128";
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

/// Makes the root and moves into it. `owner` is 1000 inside as this process sees it. Answers with the listener at which git asks
/// for user names and passwords, unless this is for installing.
pub(super) fn enter(setup: &Setup, owner: u32) -> Result<Option<OwnedFd>, Failure> {
    let spec = &setup.spec;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).step("make mounts private")?;
    // Opened first: the new root may come to lie over them.
    let home = home::open(&spec.home, owner)?;
    let certificates = etc::read_certificates(&spec.certificates)?;

    let root = setup.attach.as_path();
    let memory = new(
        "tmpfs",
        &[("mode", "0755"), ("size", "16m"), ("nr_inodes", "16k")],
        NO_SUID_NO_DEVICES,
    )
    .step("make the root")?;
    attach(&memory, root).step("attach the root")?;
    system(spec.root.as_deref(), root)?;
    etc::make(setup, root, &certificates)?;
    devices(root).step("make /dev")?;
    writable(spec, root, owner)?;
    directory(&root.join("home/dev"), 0o755)
        .and_then(|()| attach(home, &root.join("home/dev")))
        .step("mount the home directory")?;
    optional(spec, root)?;
    proc::make(root)?;
    let git = if host_network(spec) {
        None
    } else {
        Some(git_socket(root).step("make the socket for git")?)
    };
    set_mount_attributes(&memory, READ_ONLY, false).step("make the root read-only")?;
    pivot(root).step("leave the host's root")?;
    Ok(git)
}

/// A socket that nobody inside can put another one in the place of: its directory is part of the root, which is read-only.
fn git_socket(root: &Path) -> io::Result<OwnedFd> {
    let path = root.join(GIT_SOCKET.trim_start_matches('/'));
    if let Some(parent) = path.parent() {
        directory(parent, 0o755)?;
        // The path from the host's root may be longer than an address of a socket.
        std::env::set_current_dir(parent)?;
    }
    let name = path.file_name().map(Path::new).ok_or(io::ErrorKind::InvalidInput)?;
    let listener = UnixListener::bind(name)?;
    listener.set_nonblocking(true)?;
    // Whoever connects needs leave to write.
    fs::set_permissions(name, fs::Permissions::from_mode(0o666))?;
    Ok(listener.into())
}

fn pivot(root: &Path) -> io::Result<()> {
    std::env::set_current_dir(root)?;
    // The old root comes to lie over the new one, and is taken away from there.
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    std::env::set_current_dir("/")
}

/// The directories that programs are in.
fn system(archive: Option<&Path>, root: &Path) -> Result<(), Failure> {
    let source = archive.unwrap_or(Path::new("/"));
    let wanted = |name: &str| match archive {
        Some(_) => !OURS.contains(&name),
        None => HOST.contains(&name),
    };
    show(source, root, wanted).step_with(|| format!("show {} inside", source.display()))
}

/// Shows entries of a directory in another one, which is ours: links as links, all else as read-only mounts.
pub(super) fn show(source: &Path, target: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_str().is_some_and(&wanted) {
            continue;
        }
        let (from, to) = (entry.path(), target.join(&name));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
        } else if kind.is_dir() || kind.is_file() {
            bind(&from, &to, READ_ONLY)?;
        }
    }
    Ok(())
}

pub(super) fn directory(path: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path)
}

pub(super) fn memory_limit(spec: &SandboxSpec) -> u64 {
    spec.limits.memory.unwrap_or(UNLIMITED)
}

/// A file system in memory that belongs to the person inside.
fn memory(at: &Path, bytes: u64, mode: &str, owner: u32, exec: bool) -> io::Result<()> {
    let owner = owner.to_string();
    let size = bytes.to_string();
    // An inode costs kernel memory too.
    let inodes = (bytes / 4096).clamp(1024, 1 << 20).to_string();
    let options = [
        ("mode", mode),
        ("size", &size),
        ("nr_inodes", &inodes),
        ("uid", &owner),
        ("gid", &owner),
    ];
    let mut attributes = NO_SUID_NO_DEVICES;
    if !exec {
        attributes |= MountAttrFlags::MOUNT_ATTR_NOEXEC;
    }
    directory(at, 0o755)?;
    attach(new("tmpfs", &options, attributes)?, at)
}

fn writable(spec: &SandboxSpec, root: &Path, owner: u32) -> Result<(), Failure> {
    let part = memory_limit(spec) / PARTS;
    let places: [(&str, u64, &str, bool); 3] = [
        ("tmp", 6 * part, "1777", true),
        ("run", part.min(64 * MIB), "0755", true),
        ("dev/shm", (2 * part).min(512 * MIB), "1777", false),
    ];
    for (path, bytes, mode, exec) in places {
        memory(&root.join(path), bytes, mode, owner, exec).step_with(|| format!("mount /{path}"))?;
    }
    let var = root.join("var");
    directory(&var, 0o755)
        .and_then(|()| match &spec.root {
            Some(archive) if archive.join("var").symlink_metadata().is_ok_and(|var| var.is_dir()) => {
                show(&archive.join("var"), &var, |name| {
                    !["tmp", "run", "lock"].contains(&name)
                })
            }
            _ => directory(&var.join("lib"), 0o755),
        })
        .and_then(|()| symlink("../run", var.join("run")))
        .step("make /var")?;
    memory(&var.join("tmp"), 2 * part, "1777", owner, true).step("mount /var/tmp")
}

/// `/opt`: layers over each other, or the directory that a layer is installed into.
fn optional(spec: &SandboxSpec, root: &Path) -> Result<(), Failure> {
    let opt = root.join("opt");
    if let Some(install) = &spec.install {
        return directory(&opt, 0o755)
            .and_then(|()| attach(copy(install, PLAIN)?, &opt))
            .step("mount /opt for installing");
    }
    match spec.layers.as_slice() {
        [] => directory(&opt, 0o755).step("make /opt"),
        [layer] => bind(layer, &opt, READ_ONLY).step_with(|| format!("mount the layer {}", layer.display())),
        layers => directory(&opt, 0o755)
            .and_then(|()| attach(overlay(layers)?, &opt))
            .step("mount layers"),
    }
}

/// Directories over each other, read-only; the last of them is on top.
fn overlay(layers: &[PathBuf]) -> io::Result<OwnedFd> {
    let mut lower = String::new();
    for layer in layers.iter().rev() {
        let path = layer
            .to_str()
            .filter(|path| !path.contains([':', '\\', ',']))
            .ok_or_else(|| io::Error::other("a layer's path has a character that overlayfs cannot take"))?;
        if !lower.is_empty() {
            lower.push(':');
        }
        lower.push_str(path);
    }
    new(
        "overlay",
        &[("lowerdir", &lower)],
        NO_SUID_NO_DEVICES | MountAttrFlags::MOUNT_ATTR_RDONLY,
    )
}

/// `/dev`: the few nodes that programs need, and terminals of its own.
fn devices(root: &Path) -> io::Result<()> {
    let dev = root.join("dev");
    directory(&dev, 0o755)?;
    let node = MountAttributes::NO_SUID.and(MountAttributes::NO_EXECUTION);
    for name in DEVICES {
        bind(&Path::new("/dev").join(name), &dev.join(name), node)?;
    }
    directory(&dev.join("pts"), 0o755)?;
    let terminals = new(
        "devpts",
        &[
            ("newinstance", ""),
            ("ptmxmode", "0666"),
            ("mode", "0620"),
            ("max", TERMINALS),
        ],
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC,
    )?;
    attach(terminals.as_fd(), &dev.join("pts"))?;
    symlink("pts/ptmx", dev.join("ptmx"))?;
    symlink("/proc/self/fd", dev.join("fd"))?;
    for (name, number) in [("stdin", 0), ("stdout", 1), ("stderr", 2)] {
        symlink(format!("/proc/self/fd/{number}"), dev.join(name))?;
    }
    Ok(())
}

/// Whether what is inside resolves names as the host does.
pub(super) fn host_network(spec: &SandboxSpec) -> bool {
    spec.network == Network::Host
}
