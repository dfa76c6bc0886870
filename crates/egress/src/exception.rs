//! A deployment's own addresses that workspaces may reach although they are not public.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::address::{is_never_reachable, is_public};

/// A block of addresses, such as `10.1.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Net {
    network: IpAddr,
    length: u8,
}

/// The text is no block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// Not an address, a slash and a length.
    #[error("expected an address and a length, such as 10.1.2.0/24")]
    Form,
    /// Bits are set beyond the length.
    #[error("the address has bits beyond the length; write the first address of the block")]
    HostBits,
}

impl Net {
    pub(crate) const fn new(network: IpAddr, length: u8) -> Self {
        Self { network, length }
    }

    /// Whether the block has the address. An IPv4 block has no IPv6 address, mapped ones included.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
                (u32::from(network) ^ u32::from(address)) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0);
                (u128::from(network) ^ u128::from(address)) & mask == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Net {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let (address, length) = text.split_once('/').ok_or(NetError::Form)?;
        let network: IpAddr = address.parse().map_err(|_| NetError::Form)?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let plain = length.bytes().all(|b| b.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
        let length: u8 = length
            .parse()
            .ok()
            .filter(|l| plain && *l <= most)
            .ok_or(NetError::Form)?;
        let net = Self { network, length };
        let first = match network {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::from(Ipv4Addr::from(u32::from(v4) & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::from(Ipv6Addr::from(u128::from(v6) & mask))
            }
        };
        if first == network {
            Ok(net)
        } else {
            Err(NetError::HostBits)
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

/// Blocks that are reachable although they are not public. They allow nothing by themselves: a template's rule must name
/// the host and the port as well. Metadata services, multicast and the unspecified address stay unreachable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exceptions(Vec<Net>);

impl Exceptions {
    /// These blocks.
    pub const fn new(nets: Vec<Net>) -> Self {
        Self(nets)
    }

    /// Whether an address may be dialled.
    pub fn reachable(&self, address: IpAddr) -> bool {
        is_public(address) || (!is_never_reachable(address) && self.0.iter().any(|net| net.contains(address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exceptions(nets: &[&str]) -> Exceptions {
        Exceptions::new(nets.iter().map(|net| net.parse().unwrap()).collect())
    }

    #[test]
    fn blocks_are_read_strictly() {
        for text in [
            "10.1.2.0/24",
            "127.0.0.1/32",
            "0.0.0.0/0",
            "fd00::/8",
            "::/0",
            "::1/128",
        ] {
            assert_eq!(text.parse::<Net>().unwrap().to_string(), text);
        }
        for text in [
            "10.1.2.0",
            "10.1.2.0/33",
            "10.1.2.0/+8",
            "10.1.2.0/08",
            "10.1.2/24",
            "010.1.2.0/24",
            "/8",
            "::/129",
            "a/8",
            "10.0.0.0/",
        ] {
            assert_eq!(text.parse::<Net>(), Err(NetError::Form), "{text}");
        }
        assert_eq!("10.1.2.3/24".parse::<Net>(), Err(NetError::HostBits));
        assert_eq!("fd00::1/8".parse::<Net>(), Err(NetError::HostBits));
    }

    #[test]
    fn an_exception_covers_its_block_and_nothing_else() {
        let exceptions = exceptions(&["10.1.2.0/24"]);
        for (address, reachable) in [
            ("10.1.2.0", true),
            ("10.1.2.255", true),
            ("10.1.3.0", false),
            ("127.0.0.1", false),
            ("::ffff:10.1.2.3", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(exceptions.reachable(address.parse().unwrap()), reachable, "{address}");
        }
    }

    #[test]
    fn no_exception_reaches_metadata() {
        let everything = exceptions(&["0.0.0.0/0", "::/0"]);
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(!everything.reachable(address.parse().unwrap()), "{address}");
        }
        assert!(everything.reachable("127.0.0.1".parse().unwrap()));
    }
}
