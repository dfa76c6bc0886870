//! Names that a deployment resolves itself, each for one port, as a hosts file would.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use crate::address::is_never_reachable;
use crate::host::{Host, HostError};

/// A name and a port, such as `forge.example.test:8080`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// In its canonical form.
    name: String,
    port: u16,
}

/// An entry that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// There is no port.
    #[error("`{0}` names no port; write it as NAME:PORT, such as forge.example.test:8080")]
    NoPort(String),
    /// The port is none.
    #[error("`{0}`: the port must be 1 to 65535, without a sign or zeros before it")]
    Port(String),
    /// The name is none.
    #[error("`{name}` is no name of a host: {source}")]
    Name {
        /// What is written.
        name: String,
        /// Why.
        source: HostError,
    },
    /// It is an address, which leads to itself.
    #[error("`{0}` is an address; only a name can lead to one")]
    Literal(String),
    /// It is `localhost`, or below it, which every program takes for its own machine.
    #[error("`{0}` is this machine itself to every program; choose a name that is not below localhost")]
    Localhost(String),
    /// The address is none.
    #[error("`{0}` is no IP address")]
    Address(String),
    /// Nothing may lead there.
    #[error(
        "`{0}` may not be reached by any name: unspecified, multicast and metadata addresses, and IPv4 addresses within IPv6 ones"
    )]
    Never(IpAddr),
    /// The name and port are there twice.
    #[error("`{0}` is there already, written in another way")]
    Twice(HostPort),
}

impl FromStr for HostPort {
    type Err = HostsError;

    fn from_str(text: &str) -> Result<Self, HostsError> {
        let (name, port) = text
            .rsplit_once(':')
            .ok_or_else(|| HostsError::NoPort(text.to_owned()))?;
        let plain = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
        let port = port.parse::<u16>().ok().filter(|_| plain);
        let port = port.ok_or_else(|| HostsError::Port(text.to_owned()))?;
        match Host::parse(name) {
            Ok(Host::Name(name)) if name == "localhost" || name.ends_with(".localhost") => {
                Err(HostsError::Localhost(name))
            }
            Ok(Host::Name(name)) => Ok(Self { name, port }),
            Ok(Host::Address(_)) => Err(HostsError::Literal(name.to_owned())),
            Err(source) => Err(HostsError::Name {
                name: name.to_owned(),
                source,
            }),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// Names that lead to addresses of a deployment's choice, each at one port. Cheap to clone. An entry allows nothing by itself: a
/// template's rule must name the host and the port as well. What is not listed is looked up and judged as ever, and so is an
/// address that is listed, by any other name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Arc<BTreeMap<HostPort, IpAddr>>);

impl Hosts {
    /// These entries, as written: `NAME:PORT`, and the address that it leads to.
    ///
    /// # Errors
    /// Where an entry cannot be used.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, HostsError> {
        let mut hosts = BTreeMap::new();
        for (from, to) in entries {
            let from: HostPort = from.parse()?;
            let address: IpAddr = to.parse().map_err(|_| HostsError::Address(to.to_owned()))?;
            let disguised =
                matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() || is_translated(v6.segments()));
            if disguised || is_never_reachable(address) {
                return Err(HostsError::Never(address));
            }
            if hosts.contains_key(&from) {
                return Err(HostsError::Twice(from));
            }
            hosts.insert(from, address);
        }
        Ok(Self(Arc::new(hosts)))
    }

    /// Where a name leads at this port; `None` = it is not listed.
    pub fn address(&self, host: &Host, port: u16) -> Option<IpAddr> {
        match host {
            // Without this nothing is copied where nothing is listed, which is everywhere but in a few deployments.
            Host::Name(_) if self.0.is_empty() => None,
            Host::Name(name) => {
                let key = HostPort {
                    name: name.clone(),
                    port,
                };
                self.0.get(&key).copied()
            }
            Host::Address(_) => None,
        }
    }

    /// Where the host of a web address leads at this port; `None` = it is not listed, or is no host.
    pub fn address_of(&self, host: &str, port: u16) -> Option<IpAddr> {
        Host::parse(host).ok().and_then(|host| self.address(&host, port))
    }

    /// Whether a name leads to this machine itself at this port, because the deployment says so.
    pub fn is_loopback(&self, host: &str, port: u16) -> bool {
        self.address_of(host, port).is_some_and(|address| address.is_loopback())
    }

    /// Every entry, as it is written in a configuration.
    pub fn entries(&self) -> impl Iterator<Item = (String, String)> {
        self.0
            .iter()
            .map(|(from, address)| (from.to_string(), address.to_string()))
    }
}

/// Whether an IPv6 address stands for an IPv4 one: translated, 6to4 or compatible (`::1` is loopback itself).
fn is_translated(segments: [u16; 8]) -> bool {
    let compatible = segments[..6] == [0; 6] && segments != [0, 0, 0, 0, 0, 0, 0, 1] && segments != [0; 8];
    let translated = segments[0] == 0x64 && segments[1] == 0xff9b;
    compatible || translated || segments[0] == 0x2002 || segments[..4] == [0, 0, 0, 0] && segments[4] == 0xffff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    #[test]
    fn an_entry_is_for_one_name_at_one_port() {
        let hosts = Hosts::new([
            ("Forge.Demo.test.:7070", "127.0.0.1"),
            ("forge.demo.test:7071", "10.1.2.3"),
            ("other.test:443", "::1"),
        ])
        .unwrap();
        for (host, port, address) in [
            ("forge.demo.test", 7070, Some("127.0.0.1")),
            ("FORGE.demo.test.", 7070, Some("127.0.0.1")),
            ("forge.demo.test", 7071, Some("10.1.2.3")),
            ("forge.demo.test", 80, None),
            ("demo.test", 7070, None),
            ("a.forge.demo.test", 7070, None),
            ("127.0.0.1", 7070, None),
            ("::1", 443, None),
            ("other.test", 443, Some("::1")),
        ] {
            let wanted = address.map(|address| address.parse().unwrap());
            assert_eq!(hosts.address(&name(host), port), wanted, "{host}:{port}");
            assert_eq!(hosts.address_of(host, port), wanted, "{host}:{port}");
        }
        assert!(hosts.is_loopback("forge.demo.test", 7070) && hosts.is_loopback("other.test", 443));
        for (host, port) in [
            ("forge.demo.test", 7071),
            ("forge.demo.test", 443),
            ("forge.demo.test.evil", 7070),
            ("a@forge.demo.test", 7070),
        ] {
            assert!(!hosts.is_loopback(host, port), "{host}:{port}");
        }
        let written: Vec<(String, String)> = hosts.entries().collect();
        let again = Hosts::new(written.iter().map(|(from, to)| (from.as_str(), to.as_str()))).unwrap();
        assert_eq!(again, hosts);
        assert_eq!(
            Hosts::default().address(&name("forge.demo.test"), 7070),
            None,
            "nothing is listed"
        );
    }

    #[test]
    fn what_is_not_meant_so_is_refused_with_a_reason() {
        for (from, to, reason) in [
            ("forge.test", "127.0.0.1", "names no port"),
            ("", "127.0.0.1", "names no port"),
            ("forge.test:", "127.0.0.1", "1 to 65535"),
            ("forge.test:0", "127.0.0.1", "1 to 65535"),
            ("forge.test:+80", "127.0.0.1", "1 to 65535"),
            ("forge.test:080", "127.0.0.1", "1 to 65535"),
            ("forge.test:65536", "127.0.0.1", "1 to 65535"),
            (":80", "127.0.0.1", "no name of a host"),
            ("*.forge.test:80", "127.0.0.1", "no name of a host"),
            ("http://forge.test:80", "127.0.0.1", "no name of a host"),
            ("user@forge.test:80", "127.0.0.1", "no name of a host"),
            ("2130706433:80", "127.0.0.1", "no name of a host"),
            ("127.0.0.1:80", "127.0.0.1", "is an address"),
            ("[::1]:80", "127.0.0.1", "is an address"),
            ("localhost:80", "10.0.0.1", "this machine itself"),
            ("LOCALHOST.:80", "10.0.0.1", "this machine itself"),
            ("a.localhost:80", "10.0.0.1", "this machine itself"),
            ("forge.test:80", "", "no IP address"),
            ("forge.test:80", "127.0.0.1:80", "no IP address"),
            ("forge.test:80", "127.1", "no IP address"),
            ("forge.test:80", "other.test", "no IP address"),
            ("forge.test:80", "0.0.0.0", "may not be reached"),
            ("forge.test:80", "::", "may not be reached"),
            ("forge.test:80", "224.0.0.1", "may not be reached"),
            ("forge.test:80", "255.255.255.255", "may not be reached"),
            ("forge.test:80", "169.254.169.254", "may not be reached"),
            ("forge.test:80", "::ffff:169.254.169.254", "may not be reached"),
            ("forge.test:80", "::ffff:127.0.0.1", "may not be reached"),
            ("forge.test:80", "::169.254.169.254", "may not be reached"),
            ("forge.test:80", "64:ff9b::a9fe:a9fe", "may not be reached"),
            ("forge.test:80", "2002:a9fe:a9fe::", "may not be reached"),
            ("forge.test:80", "fd00:ec2::254", "may not be reached"),
            ("forge.test:80", "100.100.100.200", "may not be reached"),
        ] {
            let error = Hosts::new([(from, to)]).unwrap_err().to_string();
            assert!(error.contains(reason), "{from} = {to}: {error}");
        }
        let twice = Hosts::new([("forge.test:80", "127.0.0.1"), ("FORGE.test.:80", "127.0.0.2")]);
        assert!(twice.unwrap_err().to_string().contains("another way"));
    }

    proptest! {
        #[test]
        fn what_is_read_is_a_name_and_an_address_that_may_be_reached(from in "\\PC{0,40}", to in "[0-9a-f:.]{0,20}") {
            if let Ok(hosts) = Hosts::new([(from.as_str(), to.as_str())]) {
                for (from, to) in hosts.entries() {
                    let address: IpAddr = to.parse().unwrap();
                    prop_assert!(from.parse::<HostPort>().is_ok() && !is_never_reachable(address));
                }
            }
        }
    }
}
