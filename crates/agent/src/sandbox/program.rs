//! This program's own file, to be run inside.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags, fchmod, fcntl_add_seals, memfd_create, open};
use rustix::io::Errno;

/// Of Linux 6.3: whether the file can be executed does not change any more. rustix does not name it.
const SEAL_EXECUTION: SealFlags = SealFlags::from_bits_retain(0x20);

/// Opens a program so that it can be executed inside, where it has no name, and not be changed from there.
///
/// Whoever runs a program reaches its file by `/proc/PID/exe`. Where Bailey runs as root, that file is not the person's. For
/// an ordinary user, though, the person has the same id on the host, and could change the file's mode: what is run is then a
/// sealed copy in memory, that goes when the last process that runs it does.
///
/// # Errors
/// Where the file cannot be opened, or not be copied.
pub fn program(path: &Path) -> io::Result<OwnedFd> {
    let read = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = open(path, read, Mode::empty())?;
    if rustix::process::geteuid().is_root() {
        return Ok(file);
    }
    let copy = in_memory().map_err(|error| {
        let advice = "an ordinary user's Bailey needs `vm.memfd_noexec` to be 0 or 1";
        io::Error::new(
            io::Error::from(error).kind(),
            format!("cannot make a program in memory ({advice}): {error}"),
        )
    })?;
    let mut copy = File::from(copy);
    io::copy(&mut File::from(file), &mut copy)?;
    fchmod(&copy, Mode::from_bits_retain(0o555))?;
    seal(&copy)?;
    // Not the descriptor that wrote it: what is open for writing is not executed.
    Ok(open(
        format!("/proc/self/fd/{}", copy.as_raw_fd()),
        read,
        Mode::empty(),
    )?)
}

fn in_memory() -> rustix::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match memfd_create("bailey-agent", flags | MemfdFlags::EXEC) {
        // Before Linux 6.3 all of them can be executed, and there is no flag for it.
        Err(Errno::INVAL) => memfd_create("bailey-agent", flags),
        made => made,
    }
}

fn seal(file: impl AsFd) -> rustix::io::Result<()> {
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    match fcntl_add_seals(&file, seals | SEAL_EXECUTION) {
        Err(Errno::INVAL) => fcntl_add_seals(&file, seals),
        sealed => sealed,
    }
}
