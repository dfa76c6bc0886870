//! Reading the name of a host. One reading only: what two parsers could read differently is refused.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host as it was asked for, in its one canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name of letters, digits and hyphens, in lower case, without a dot at its end.
    Name(String),
    /// An address, written in its canonical form.
    Address(IpAddr),
}

/// The text is no name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// There is nothing.
    #[error("the host is empty")]
    Empty,
    /// Longer than a name can be.
    #[error("the host is longer than 253 bytes")]
    TooLong,
    /// Something else than letters, digits, hyphens and dots.
    #[error(
        "the host has characters other than ASCII letters, digits, hyphens and dots; write an international name in its xn-- form"
    )]
    Character,
    /// A label that is empty, too long, or has a hyphen at its edge.
    #[error("a part of the host is empty, longer than 63 bytes, or begins or ends with a hyphen")]
    Label,
    /// A number that some programs read as an address.
    #[error(
        "the host looks like an address and is not written as one: four decimal numbers without leading zeros, or an IPv6 address in its shortest form"
    )]
    Numeric,
}

impl Host {
    /// Reads a host: a name (upper case is lowered, one dot at the end is dropped) or the canonical form of an address,
    /// IPv6 with or without brackets.
    ///
    /// # Errors
    /// Where it is anything else. User information, ports, percent signs, NUL bytes, non-ASCII text, underscores, and every
    /// number that `inet_aton` would take for an address (`127.1`, `0x7f000001`, `2130706433`) are refused.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if text.contains(':') {
            return address_v6(text);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(HostError::Empty);
        }
        if name.len() > 253 {
            return Err(HostError::TooLong);
        }
        if !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        {
            return Err(HostError::Character);
        }
        if !name.split('.').all(is_label) {
            return Err(HostError::Label);
        }
        let name = name.to_ascii_lowercase();
        if name.rsplit('.').next().is_some_and(is_number) {
            let address: Ipv4Addr = name.parse().map_err(|_| HostError::Numeric)?;
            return Ok(Self::Address(address.into()));
        }
        Ok(Self::Name(name))
    }
}

fn address_v6(text: &str) -> Result<Host, HostError> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = bare.unwrap_or(text);
    if !bare.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.') {
        return Err(HostError::Character);
    }
    let address: Ipv6Addr = bare.parse().map_err(|_| HostError::Numeric)?;
    if address.to_string() == bare {
        Ok(Host::Address(address.into()))
    } else {
        Err(HostError::Numeric)
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether a last label makes resolvers read the whole as an IPv4 address: digits, or `0x` and hexadecimal digits.
fn is_number(label: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    digits(label) || label.strip_prefix("0x").is_some_and(hexadecimal)
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_have_one_form() {
        for (text, name) in [
            ("example.com", "example.com"),
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("localhost.", "localhost"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("1password.com", "1password.com"),
            ("0x7f.example", "0x7f.example"),
            ("a-b.c", "a-b.c"),
        ] {
            assert_eq!(Host::parse(text), Ok(Host::Name(name.to_owned())), "{text}");
        }
    }

    #[test]
    fn addresses_are_taken_in_their_canonical_form_alone() {
        for text in ["1.2.3.4", "127.0.0.1", "::1", "2606:4700::1111", "::ffff:127.0.0.1"] {
            assert_eq!(Host::parse(text), Ok(Host::Address(text.parse().unwrap())), "{text}");
        }
        assert_eq!(Host::parse("[::1]"), Ok(Host::Address("::1".parse().unwrap())));
        for text in [
            "127.1",
            "2130706433",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "0X7F000001",
            "0x",
            "127.0.0.01",
            "127.0.0.0x1",
            "1.2.3.4.5",
            "256.1.1.1",
            "example.1",
            "0:0:0:0:0:0:0:1",
            "0::1",
            "FE80::1",
            "2001:DB8::1",
            "1:2",
        ] {
            assert_eq!(Host::parse(text), Err(HostError::Numeric), "{text}");
        }
    }

    #[test]
    fn everything_that_could_be_read_in_two_ways_is_refused() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = "a.".repeat(130) + "example";
        for text in [
            "",
            ".",
            "..",
            "example..com",
            ".example.com",
            "example.com..",
            "-a.example",
            "a-.example",
            "a_b.example",
            "user@example.com",
            "allowed.example@evil.example",
            "example.com:443",
            "example.com/",
            "example.com?",
            "example.com#",
            "example.com\\.evil",
            "example%2ecom",
            "evil.example\0.allowed.example",
            "fe80::1%eth0",
            "[::1]:80",
            "[::1",
            "::1]",
            "example\u{3002}com",
            "\u{ff45}xample.com",
            "example\u{ff0e}com",
            "bücher.example",
            "ⓔxample.com",
            "exa\u{ad}mple.com",
            " example.com",
            "example.com\n",
            "example.com\r\nHost: evil",
            "*.example.com",
            "*",
            &long,
            &longer,
        ] {
            assert!(Host::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_canonical(text in "(\\PC|[a-zA-Z0-9.:\\[\\]%@x-]){0,40}") {
            if let Ok(host) = Host::parse(&text) {
                let canonical = host.to_string();
                prop_assert_eq!(Host::parse(&canonical), Ok(host));
                prop_assert!(canonical.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b)));
            }
        }

        #[test]
        fn every_address_is_read_back(bits in any::<u32>(), wide in any::<u128>()) {
            for address in [IpAddr::from(Ipv4Addr::from(bits)), IpAddr::from(Ipv6Addr::from(wide))] {
                prop_assert_eq!(Host::parse(&address.to_string()), Ok(Host::Address(address)));
            }
        }

        #[test]
        fn a_number_is_never_a_name(bits in any::<u32>(), form in 0..4_u8) {
            let text = match form {
                0 => bits.to_string(),
                1 => format!("{bits:#x}"),
                2 => format!("0{bits:o}"),
                _ => format!("{}.{}", bits >> 24, bits & 0x00ff_ffff),
            };
            prop_assert_eq!(Host::parse(&text), Err(HostError::Numeric));
        }
    }
}
