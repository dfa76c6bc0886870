//! Hosts: one reading only. What is read is canonical, and what the system would take for an address is never a name.

#![no_main]

use std::net::IpAddr;

use bailey_core::template::EgressRule;
use bailey_egress::{Host, Rules};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(host) = Host::parse(text) else { return };
    let canonical = host.to_string();
    assert_eq!(Host::parse(&canonical).as_ref(), Ok(&host));
    if let Host::Name(name) = &host {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.'));
        assert!(name.len() <= 253 && !name.starts_with('.') && !name.ends_with('.'));
        assert!(name.parse::<IpAddr>().is_err());
    }
    // A rule for one host allows that host alone, at its port alone.
    let rule = |host: String| [EgressRule { host, port: 443 }];
    if let Ok(rules) = Rules::new(&rule(canonical)) {
        assert!(rules.allows(&host, 443) && !rules.allows(&host, 80));
        assert!(!rules.allows(&Host::Name("other.invalid".to_owned()), 443) || host.to_string() == "other.invalid");
    }
    if let Ok(rules) = Rules::new(&rule("*.good.example".to_owned())) {
        assert_eq!(rules.allows(&host, 443), host.to_string().ends_with(".good.example"));
    }
});
