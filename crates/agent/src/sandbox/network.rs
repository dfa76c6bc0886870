//! The network inside: loopback, to which every address leads, and the listeners that the agent holds.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use bailey_api::agent::GATE_PORT;

use super::protocol::{Failure, Step};
use super::{firewall, netlink};

/// Below 1024, so that nothing inside can take it first: the rules send connections here.
const REDIRECT_PORT: u16 = 880;
const DNS_PORT: u16 = 53;

/// Sets up the new network namespace of this process and opens the agent's listeners in it: gate, redirect, DNS over UDP,
/// DNS over TCP.
pub(super) fn set_up() -> Result<Vec<OwnedFd>, Failure> {
    netlink::loopback_up().step("bring loopback up")?;
    netlink::route_all_to_loopback().step("route everything to loopback")?;
    let listeners = listeners().step("listen inside")?;
    let targets = firewall::Targets {
        tcp: REDIRECT_PORT,
        dns_tcp: DNS_PORT,
        dns_udp: DNS_PORT,
    };
    firewall::write(&targets).step("write the rules that turn connections to the agent (nf_tables with nat)")?;
    Ok(listeners)
}

fn listeners() -> io::Result<Vec<OwnedFd>> {
    let at = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let tcp = |port| {
        let listener = TcpListener::bind(at(port))?;
        listener.set_nonblocking(true)?;
        io::Result::Ok(OwnedFd::from(listener))
    };
    let dns = UdpSocket::bind(at(DNS_PORT))?;
    dns.set_nonblocking(true)?;
    Ok(vec![tcp(GATE_PORT)?, tcp(REDIRECT_PORT)?, dns.into(), tcp(DNS_PORT)?])
}
