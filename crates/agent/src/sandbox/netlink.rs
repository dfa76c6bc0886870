//! Just enough netlink to bring loopback up, to route everything to it and to write a few firewall rules.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
pub(super) const NLM_F_CREATE: u16 = 0x400;
pub(super) const NLM_F_APPEND: u16 = 0x800;
const NLMSG_ERROR: u16 = 2;
const HEADER: usize = 16;

/// Messages that go out as one; numbered from 1.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    number: u32,
    /// How many answers are awaited.
    expected: u32,
}

impl Batch {
    /// Adds a message that is answered.
    pub(super) fn message(&mut self, kind: u16, flags: u16, body: &[u8]) {
        self.add(kind, flags | NLM_F_ACK, body);
        self.expected += 1;
    }

    /// Adds a message that is not, as the begin and end of a transaction.
    pub(super) fn unanswered(&mut self, kind: u16, body: &[u8]) {
        self.add(kind, 0, body);
    }

    fn add(&mut self, kind: u16, flags: u16, body: &[u8]) {
        self.number += 1;
        let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend((flags | NLM_F_REQUEST).to_ne_bytes());
        self.bytes.extend(self.number.to_ne_bytes());
        self.bytes.extend(0_u32.to_ne_bytes());
        self.bytes.extend(body);
        pad(&mut self.bytes);
    }

    /// Sends all and waits for the answers; the first error among them is the result. No protocol is that of routes.
    pub(super) fn send(self, protocol: Option<Protocol>) -> io::Result<()> {
        let socket: OwnedFd =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        rustix::net::sendto(&socket, &self.bytes, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut expected = self.expected;
        let mut buffer = vec![0; 16 * 1024];
        while expected > 0 {
            let (received, _) = rustix::net::recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
            let mut rest = buffer.get(..received).unwrap_or_default();
            while let Some((kind, body, after)) = split(rest) {
                if kind == NLMSG_ERROR {
                    let code = body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
                    if code != 0 {
                        return Err(io::Error::from_raw_os_error(-code));
                    }
                    expected = expected.saturating_sub(1);
                }
                rest = after;
            }
        }
        Ok(())
    }
}

/// Kind, body and what follows the first message.
fn split(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let body = bytes.get(HEADER..length)?;
    let after = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, body, after))
}

/// Appends an attribute.
pub(super) fn attribute(into: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    into.extend(length.to_ne_bytes());
    into.extend(kind.to_ne_bytes());
    into.extend(value);
    pad(into);
}

/// Appends an attribute made of attributes.
pub(super) fn nested(into: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    const NESTED: u16 = 0x8000;
    let mut value = Vec::new();
    fill(&mut value);
    attribute(into, kind | NESTED, &value);
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// Brings loopback up.
pub(super) fn loopback_up() -> io::Result<()> {
    const RTM_NEWLINK: u16 = 16;
    const IFF_UP: u32 = 1;
    let mut body = vec![0; 4];
    body.extend(LOOPBACK.to_ne_bytes());
    body.extend(IFF_UP.to_ne_bytes());
    body.extend(IFF_UP.to_ne_bytes());
    let mut batch = Batch::default();
    batch.message(RTM_NEWLINK, 0, &body);
    batch.send(None)
}

/// Makes every IPv4 address one of this machine's own: `ip route add local default dev lo`.
pub(super) fn route_all_to_loopback() -> io::Result<()> {
    const RTM_NEWROUTE: u16 = 24;
    const RTA_OIF: u16 = 4;
    const AF_INET: u8 = 2;
    const LOCAL_TABLE: u8 = 255;
    const BOOT: u8 = 3;
    const SCOPE_HOST: u8 = 254;
    const RTN_LOCAL: u8 = 2;
    let mut body = vec![AF_INET, 0, 0, 0, LOCAL_TABLE, BOOT, SCOPE_HOST, RTN_LOCAL];
    body.extend(0_u32.to_ne_bytes());
    attribute(&mut body, RTA_OIF, &LOOPBACK.to_ne_bytes());
    let mut batch = Batch::default();
    batch.message(RTM_NEWROUTE, NLM_F_CREATE, &body);
    batch.send(None)
}

/// The index of loopback in a new network namespace.
const LOOPBACK: u32 = 1;
