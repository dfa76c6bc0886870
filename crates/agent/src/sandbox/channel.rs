//! Messages with descriptors over the control socket, a socket pair that keeps message boundaries.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Descriptors in one message, at most.
const DESCRIPTORS: usize = 8;
/// Bytes of one message, at most. What may be longer travels in a memory file.
const MESSAGE: usize = 32 * 1024;
/// Bytes of a memory file, at most: above what `execve` takes as arguments and environment.
const PAYLOAD: u64 = 16 * 1024 * 1024;

pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
}

impl Message {
    pub(super) fn parse<T: DeserializeOwned>(&self) -> io::Result<T> {
        serde_json::from_slice(&self.bytes).map_err(io::Error::other)
    }

    /// The contents of the memory file that is the first descriptor; the others stay.
    pub(super) fn take_payload<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        if self.descriptors.is_empty() {
            return Err(io::Error::other("a message without its memory file"));
        }
        let mut file = File::from(self.descriptors.remove(0));
        let mut bytes = Vec::new();
        file.rewind()?;
        file.take(PAYLOAD).read_to_end(&mut bytes)?;
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    }
}

pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

/// A memory file with a value as JSON, to be sent as the first descriptor.
pub(super) fn payload(value: &impl Serialize) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("payload", MemfdFlags::CLOEXEC)?);
    let bytes = serde_json::to_vec(value).map_err(io::Error::other)?;
    if bytes.len() as u64 > PAYLOAD {
        return Err(rustix::io::Errno::TOOBIG.into());
    }
    file.write_all(&bytes)?;
    Ok(file.into())
}

pub(super) fn send(
    socket: impl AsFd,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(rustix::io::Errno::TOOBIG);
    }
    rustix::net::sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut control,
        flags | SendFlags::NOSIGNAL,
    )
    .map(drop)
}

/// The next message; `None` at the end.
pub(super) fn receive(socket: impl AsFd, flags: RecvFlags) -> rustix::io::Result<Option<Message>> {
    let mut bytes = vec![0; MESSAGE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut buffer = [IoSliceMut::new(&mut bytes)];
        match rustix::net::recvmsg(&socket, &mut buffer, &mut control, flags | RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    if received.bytes == 0 && descriptors.is_empty() {
        return Ok(None);
    }
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(rustix::io::Errno::MSGSIZE);
    }
    bytes.truncate(received.bytes);
    Ok(Some(Message { bytes, descriptors }))
}
