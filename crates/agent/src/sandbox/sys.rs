//! System calls that neither rustix nor nix offers as safe functions.
//!
//! `unsafe` stands here because each is a raw system call or an `ioctl`: pointers passed to the kernel are to locals that
//! outlive the call, descriptors are borrowed for it, and the two calls that split a process in two (`clone`, `fork`) are
//! only made by the launcher and init, which have a single thread.
#![expect(unsafe_code, reason = "raw system calls; see above")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::unistd::ForkResult;

/// Attributes of mounts, as `mount_setattr` takes them.
#[derive(Debug, Clone, Copy)]
pub(super) struct MountAttributes(u64);

impl MountAttributes {
    pub(super) const READ_ONLY: Self = Self(libc::MOUNT_ATTR_RDONLY);
    pub(super) const NO_SUID: Self = Self(libc::MOUNT_ATTR_NOSUID);
    pub(super) const NO_DEVICES: Self = Self(libc::MOUNT_ATTR_NODEV);
    pub(super) const NO_EXECUTION: Self = Self(libc::MOUNT_ATTR_NOEXEC);

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Sets attributes on a mount, and with `recursive` on all below it.
pub(super) fn set_mount_attributes(mount: impl AsFd, attributes: MountAttributes, recursive: bool) -> io::Result<()> {
    let set = libc::mount_attr {
        attr_set: attributes.0,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a constant C string and the structure is live for the call; its size is passed.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const set,
            size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// Splits the process: `Some(pid)` in this one, `None` in the new one, which is in the namespaces that `flags` ask for
/// and whose parent is this process's own parent.
pub(super) fn clone_sibling(flags: i32) -> io::Result<Option<i32>> {
    let flags = flags | libc::CLONE_PARENT | libc::SIGCHLD;
    // SAFETY: without CLONE_VM the new process has its own copy of memory and goes on with the same stack, as after fork;
    // the caller has one thread. With all pointers null, their order (which differs between machines) does not matter.
    let pid = check(unsafe {
        libc::syscall(
            libc::SYS_clone,
            libc::c_long::from(flags),
            0_usize,
            0_usize,
            0_usize,
            0_usize,
        )
    })?;
    Ok(i32::try_from(pid).ok().filter(|pid| *pid != 0))
}

/// `fork`: `Some(pid)` in this process, `None` in the new one.
pub(super) fn fork() -> io::Result<Option<i32>> {
    // SAFETY: the caller has one thread, so that no lock can be held by another.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Some(child.as_raw())),
        ForkResult::Child => Ok(None),
    }
}

/// Puts this process into a new user namespace.
pub(super) fn unshare_user() -> io::Result<()> {
    // SAFETY: changes no memory and closes no descriptor.
    check(libc::c_long::from(unsafe { libc::unshare(libc::CLONE_NEWUSER) })).map(drop)
}

/// Ends this process at once, as a forked one must that shares its parent's open files and buffers.
pub(super) fn leave() -> ! {
    // SAFETY: runs no destructor and touches no memory.
    unsafe { libc::_exit(0) }
}

/// Marks all descriptors from `first` on to be closed at `execve`.
pub(super) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: sets a flag only; no descriptor that somebody owns is closed here.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) }).map(drop)
}

/// Gives every signal its default action again; the Rust runtime ignores `SIGPIPE`, and ignoring is inherited.
pub(super) fn default_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: installs no handler. Failures are those of signals that cannot be changed anyway.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// The version of Landlock that the kernel has.
pub(super) fn landlock_version() -> io::Result<i64> {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the kernel reads no structure.
    check(unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0_usize,
            VERSION,
        )
    })
}

/// The number of a loop device that is free now.
pub(super) fn loop_free(control: impl AsFd) -> io::Result<i32> {
    // SAFETY: takes no argument.
    let number = check(libc::c_long::from(unsafe {
        libc::ioctl(control.as_fd().as_raw_fd(), LOOP_CTL_GET_FREE)
    }))?;
    i32::try_from(number).map_err(io::Error::other)
}

/// Ties a file to a loop device, until the last user of the device is gone.
pub(super) fn loop_configure(device: impl AsFd, file: impl AsFd) -> io::Result<()> {
    let config = LoopConfig {
        fd: u32::try_from(file.as_fd().as_raw_fd()).map_err(io::Error::other)?,
        block_size: 0,
        info: LoopInfo {
            words: [0; 5],
            encrypt: [0; 3],
            flags: LO_FLAGS_AUTOCLEAR,
            names: [0; 64 + 64 + 32],
            init: [0; 2],
        },
        reserved: [0; 8],
    };
    // SAFETY: the structure has the kernel's layout and is live for the call.
    check(libc::c_long::from(unsafe {
        libc::ioctl(device.as_fd().as_raw_fd(), LOOP_CONFIGURE, &raw const config)
    }))
    .map(drop)
}

/// The device and inode numbers of the file that a loop device is tied to.
pub(super) fn loop_status(device: impl AsFd) -> io::Result<(u64, u64)> {
    let mut info = LoopInfo {
        words: [0; 5],
        encrypt: [0; 3],
        flags: 0,
        names: [0; 64 + 64 + 32],
        init: [0; 2],
    };
    // SAFETY: the structure has the kernel's layout and is live for the call.
    check(libc::c_long::from(unsafe {
        libc::ioctl(device.as_fd().as_raw_fd(), LOOP_GET_STATUS64, &raw mut info)
    }))?;
    let [device, inode, ..] = info.words;
    Ok((device, inode))
}

const LOOP_GET_STATUS64: libc::Ioctl = 0x4C05;
const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4C82;
const LOOP_CONFIGURE: libc::Ioctl = 0x4C0A;
const LO_FLAGS_AUTOCLEAR: u32 = 4;

/// `struct loop_config` of `linux/loop.h`.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

/// `struct loop_info64`; what is not used here is taken together.
#[repr(C)]
struct LoopInfo {
    words: [u64; 5],
    encrypt: [u32; 3],
    flags: u32,
    names: [u8; 64 + 64 + 32],
    init: [u64; 2],
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}
