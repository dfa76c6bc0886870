//! Names and the made-up addresses that stand for them.

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

use bailey_core::template::EgressRule;

use super::message::{Name, Question, Reply};

/// 198.18.0.0/15, which is for tests and leads nowhere.
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 0]);
/// 198.18.0.1 is the resolver.
const RESERVED: u32 = 16;
/// How many names are remembered. A wildcard rule lets a program ask for any number.
const REMEMBERED: usize = 16 * 1024;

#[derive(Debug, Default)]
struct Known {
    addresses: HashMap<Name, u32>,
    names: HashMap<u32, Name>,
    order: VecDeque<Name>,
    next: u32,
}

/// The names that a workspace's rules allow, and the addresses that stand for them.
#[derive(Debug)]
pub struct Names {
    rules: Vec<EgressRule>,
    known: Mutex<Known>,
}

impl Names {
    /// Under these rules.
    pub fn new(rules: Vec<EgressRule>) -> Self {
        Self {
            rules,
            known: Mutex::default(),
        }
    }

    /// Whether a rule is for this name, on any port.
    fn allowed(&self, name: &Name) -> bool {
        self.rules.iter().any(|rule| match rule.host.strip_prefix("*.") {
            None => rule.host == name.as_str(),
            Some(parent) => name
                .as_str()
                .strip_suffix(parent)
                .and_then(|below| below.strip_suffix('.'))
                .is_some_and(|below| !below.is_empty()),
        })
    }

    /// What a question is answered with.
    pub fn reply(&self, question: &Question) -> Reply {
        match &question.name {
            Some(name) if self.allowed(name) => {
                if question.address {
                    Reply::Address(self.address(name))
                } else {
                    Reply::Empty
                }
            }
            Some(_) => Reply::NoSuchName,
            None => Reply::Refused,
        }
    }

    fn address(&self, name: &Name) -> Ipv4Addr {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = known.addresses.get(name) {
            return Ipv4Addr::from(*address);
        }
        if known.order.len() >= REMEMBERED
            && let Some(oldest) = known.order.pop_front()
            && let Some(address) = known.addresses.remove(&oldest)
        {
            known.names.remove(&address);
        }
        // Addresses go round, so that one is not used anew soon after its name was forgotten.
        let address = FIRST + RESERVED + known.next;
        known.next = (known.next + 1) % (2 * 65_536 - RESERVED);
        if let Some(former) = known.names.insert(address, name.clone()) {
            known.addresses.remove(&former);
            known.order.retain(|name| *name != former);
        }
        known.addresses.insert(name.clone(), address);
        known.order.push_back(name.clone());
        Ipv4Addr::from(address)
    }

    /// The host that a connection to `address` is for: the name that it stands for, or the address itself where a rule
    /// names it.
    pub fn host(&self, address: Ipv4Addr) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = known.names.get(&u32::from(address)) {
            return Some(name.as_str().to_owned());
        }
        let literal = address.to_string();
        self.rules.iter().any(|rule| rule.host == literal).then_some(literal)
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::parse;
    use super::*;

    fn names(hosts: &[&str]) -> Names {
        let rule = |host: &&str| EgressRule {
            host: (*host).to_owned(),
            port: 443,
        };
        Names::new(hosts.iter().map(rule).collect())
    }

    fn ask(names: &Names, name: &str, kind: u8) -> Reply {
        let mut bytes = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.extend_from_slice(&[0, 0, kind, 0, 1]);
        names.reply(&parse(&bytes).unwrap())
    }

    #[test]
    fn allowed_names_have_one_address_each_and_others_none() {
        let names = names(&["registry.npmjs.org", "*.example.com", "203.0.113.7"]);
        let Reply::Address(first) = ask(&names, "registry.npmjs.org", 1) else {
            panic!("it is allowed")
        };
        assert_eq!(ask(&names, "REGISTRY.npmjs.org", 1), Reply::Address(first));
        assert_eq!(names.host(first).as_deref(), Some("registry.npmjs.org"));
        assert_eq!(ask(&names, "registry.npmjs.org", 28), Reply::Empty);
        let Reply::Address(second) = ask(&names, "a.b.example.com", 1) else {
            panic!("it is allowed")
        };
        assert_ne!(first, second);
        for name in [
            "example.com",
            "badexample.com",
            "npmjs.org",
            "registry.npmjs.org.evil.com",
            "localhost",
        ] {
            assert_eq!(ask(&names, name, 1), Reply::NoSuchName, "{name}");
        }
        assert_eq!(
            names.host(Ipv4Addr::new(203, 0, 113, 7)).as_deref(),
            Some("203.0.113.7")
        );
        for address in [
            Ipv4Addr::new(169, 254, 169, 254),
            Ipv4Addr::new(198, 18, 0, 1),
            Ipv4Addr::new(8, 8, 8, 8),
        ] {
            assert_eq!(names.host(address), None);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let names = names(&["*.example.com"]);
        for number in 0..3 * 65_536 {
            ask(&names, &format!("n{number}.example.com"), 1);
        }
        let known = names.known.lock().unwrap();
        assert_eq!(known.order.len(), REMEMBERED);
        assert_eq!((known.names.len(), known.addresses.len()), (REMEMBERED, REMEMBERED));
        let within = |address: &u32| (FIRST + RESERVED..FIRST + 2 * 65_536).contains(address);
        assert!(known.names.keys().all(within));
    }
}
