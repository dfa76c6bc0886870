//! Turns what leaves loopback inside to the agent's listeners.
//!
//! This is convenience, not isolation: with these rules gone there is no interface that leads anywhere.

use std::io;

use rustix::net::netlink;

use super::netlink::{Batch, NLM_F_APPEND, NLM_F_CREATE, attribute, nested};

const IPV4: u8 = 2;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NFTABLES: u8 = 10;
const NEW_TABLE: u16 = 0;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const NAME: &[u8] = b"bailey\0";
const CHAIN: &[u8] = b"output\0";
const TCP: u8 = 6;
const UDP: u8 = 17;
const DNS: u16 = 53;
/// The register that holds a rule's values.
const REGISTER: u32 = 1;

/// Where connections are turned to, as ports on loopback.
pub(super) struct Targets {
    pub(super) tcp: u16,
    pub(super) dns_tcp: u16,
    pub(super) dns_udp: u16,
}

/// Writes the rules into the network namespace of this process.
pub(super) fn write(targets: &Targets) -> io::Result<()> {
    let mut batch = Batch::default();
    batch.unanswered(BATCH_BEGIN, &header(0, u16::from(NFTABLES)));
    batch.message(kind(NEW_TABLE), NLM_F_CREATE, &table());
    batch.message(kind(NEW_CHAIN), NLM_F_CREATE, &chain());
    let rules = [
        redirect(UDP, Some(DNS), targets.dns_udp),
        redirect(TCP, Some(DNS), targets.dns_tcp),
        redirect(TCP, None, targets.tcp),
    ];
    for expressions in rules {
        batch.message(kind(NEW_RULE), NLM_F_CREATE | NLM_F_APPEND, &rule(&expressions));
    }
    batch.unanswered(BATCH_END, &header(0, u16::from(NFTABLES)));
    batch.send(Some(netlink::NETFILTER))
}

fn kind(message: u16) -> u16 {
    u16::from(NFTABLES) << 8 | message
}

/// `struct nfgenmsg`.
fn header(family: u8, resource: u16) -> Vec<u8> {
    let mut bytes = vec![family, 0];
    bytes.extend(resource.to_be_bytes());
    bytes
}

fn table() -> Vec<u8> {
    const TABLE_NAME: u16 = 1;
    let mut body = header(IPV4, 0);
    attribute(&mut body, TABLE_NAME, NAME);
    body
}

/// A chain of the kind `nat` for what processes here send.
fn chain() -> Vec<u8> {
    const CHAIN_TABLE: u16 = 1;
    const CHAIN_NAME: u16 = 3;
    const CHAIN_HOOK: u16 = 4;
    const CHAIN_KIND: u16 = 7;
    const HOOK_NUMBER: u16 = 1;
    const HOOK_PRIORITY: u16 = 2;
    const OUTPUT: u32 = 3;
    const DESTINATION_NAT: i32 = -100;
    let mut body = header(IPV4, 0);
    attribute(&mut body, CHAIN_TABLE, NAME);
    attribute(&mut body, CHAIN_NAME, CHAIN);
    nested(&mut body, CHAIN_HOOK, |hook| {
        attribute(hook, HOOK_NUMBER, &OUTPUT.to_be_bytes());
        attribute(hook, HOOK_PRIORITY, &DESTINATION_NAT.to_be_bytes());
    });
    attribute(&mut body, CHAIN_KIND, b"nat\0");
    body
}

fn rule(expressions: &[u8]) -> Vec<u8> {
    const RULE_TABLE: u16 = 1;
    const RULE_CHAIN: u16 = 2;
    const RULE_EXPRESSIONS: u16 = 4;
    let mut body = header(IPV4, 0);
    attribute(&mut body, RULE_TABLE, NAME);
    attribute(&mut body, RULE_CHAIN, CHAIN);
    nested(&mut body, RULE_EXPRESSIONS, |list| list.extend(expressions));
    body
}

/// `ip daddr != 127.0.0.0/8 meta l4proto PROTOCOL [th dport PORT] redirect to :TARGET`.
fn redirect(protocol: u8, port: Option<u16>, target: u16) -> Vec<u8> {
    const NETWORK_HEADER: u32 = 1;
    const TRANSPORT_HEADER: u32 = 2;
    const DESTINATION: u32 = 16;
    const DESTINATION_PORT: u32 = 2;
    const LOOPBACK: u8 = 127;
    let mut rule = Vec::new();
    load(&mut rule, NETWORK_HEADER, DESTINATION, 1);
    compare(&mut rule, Comparison::Differs, &[LOOPBACK]);
    load_protocol(&mut rule);
    compare(&mut rule, Comparison::Equals, &[protocol]);
    if let Some(port) = port {
        load(&mut rule, TRANSPORT_HEADER, DESTINATION_PORT, 2);
        compare(&mut rule, Comparison::Equals, &port.to_be_bytes());
    }
    redirect_to(&mut rule, target);
    rule
}

#[derive(Clone, Copy)]
enum Comparison {
    Equals,
    Differs,
}

fn expression(into: &mut Vec<u8>, name: &[u8], fill: impl FnOnce(&mut Vec<u8>)) {
    const ELEMENT: u16 = 1;
    const EXPRESSION_NAME: u16 = 1;
    const EXPRESSION_DATA: u16 = 2;
    nested(into, ELEMENT, |element| {
        attribute(element, EXPRESSION_NAME, name);
        nested(element, EXPRESSION_DATA, fill);
    });
}

fn load(into: &mut Vec<u8>, base: u32, offset: u32, length: u32) {
    expression(into, b"payload\0", |data| {
        for (kind, value) in (1..).zip([REGISTER, base, offset, length]) {
            attribute(data, kind, &value.to_be_bytes());
        }
    });
}

fn load_protocol(into: &mut Vec<u8>) {
    const L4_PROTOCOL: u32 = 16;
    expression(into, b"meta\0", |data| {
        attribute(data, 1, &REGISTER.to_be_bytes());
        attribute(data, 2, &L4_PROTOCOL.to_be_bytes());
    });
}

fn compare(into: &mut Vec<u8>, comparison: Comparison, value: &[u8]) {
    const VALUE: u16 = 1;
    let operation: u32 = match comparison {
        Comparison::Equals => 0,
        Comparison::Differs => 1,
    };
    expression(into, b"cmp\0", |data| {
        attribute(data, 1, &REGISTER.to_be_bytes());
        attribute(data, 2, &operation.to_be_bytes());
        nested(data, 3, |nest| attribute(nest, VALUE, value));
    });
}

fn redirect_to(into: &mut Vec<u8>, port: u16) {
    const VALUE: u16 = 1;
    expression(into, b"immediate\0", |data| {
        attribute(data, 1, &REGISTER.to_be_bytes());
        nested(data, 2, |nest| attribute(nest, VALUE, &port.to_be_bytes()));
    });
    expression(into, b"redir\0", |data| attribute(data, 1, &REGISTER.to_be_bytes()));
}
