//! Pipes to processes inside.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open};
use tokio::net::unix::pipe::{Receiver, Sender};

/// A pipe that the process reads: what we write to, and the process's end.
pub(crate) fn to_process() -> io::Result<(Sender, OwnedFd)> {
    let (theirs, ours) = io::pipe()?;
    Ok((Sender::from_owned_fd(nonblocking(ours.into())?)?, theirs.into()))
}

/// A pipe that the process writes: what we read from, and the process's end.
pub(crate) fn from_process() -> io::Result<(Receiver, OwnedFd)> {
    let (ours, theirs) = io::pipe()?;
    Ok((Receiver::from_owned_fd(nonblocking(ours.into())?)?, theirs.into()))
}

/// An input without anything in it.
pub(crate) fn nothing() -> io::Result<OwnedFd> {
    Ok(open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// Our end only: the flag belongs to the open file, and the two ends of a pipe are two.
fn nonblocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok(fd)
}
