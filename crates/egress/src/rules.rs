//! What a template allows.

use bailey_core::template::EgressRule;

use crate::host::{Host, HostError};

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Its host is none.
    #[error("`{host}` is no host: {source}")]
    Host {
        /// What is written.
        host: String,
        /// Why.
        source: HostError,
    },
    /// `*.` before an address.
    #[error("`{0}`: an address has no names below it")]
    WildcardAddress(String),
    /// Port 0.
    #[error("`{0}`: the port must be 1 to 65535")]
    Port(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// This host.
    Exact(Host),
    /// Every name below this one; it begins with a dot.
    Below(String),
}

/// Where a workspace's connections may go. What no rule names is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(Vec<(Pattern, u16)>);

impl Rules {
    /// These rules.
    ///
    /// # Errors
    /// Where one cannot be used.
    pub fn new(rules: &[EgressRule]) -> Result<Self, RuleError> {
        rules.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a rule names this host and this port.
    pub fn allows(&self, host: &Host, port: u16) -> bool {
        self.0
            .iter()
            .any(|(pattern, allowed)| *allowed == port && pattern.matches(host))
    }
}

fn read(rule: &EgressRule) -> Result<(Pattern, u16), RuleError> {
    if rule.port == 0 {
        return Err(RuleError::Port(rule.host.clone()));
    }
    let below = rule.host.strip_prefix("*.");
    let host = Host::parse(below.unwrap_or(&rule.host)).map_err(|source| RuleError::Host {
        host: rule.host.clone(),
        source,
    })?;
    let pattern = match (below, host) {
        (None, host) => Pattern::Exact(host),
        (Some(_), Host::Name(name)) => Pattern::Below(format!(".{name}")),
        (Some(_), Host::Address(_)) => return Err(RuleError::WildcardAddress(rule.host.clone())),
    };
    Ok((pattern, rule.port))
}

impl Pattern {
    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(allowed), host) => allowed == host,
            // The name has a label of its own before the dot, since no label is empty.
            (Self::Below(suffix), Host::Name(name)) => name.ends_with(suffix.as_str()),
            (Self::Below(_), Host::Address(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(list: &[(&str, u16)]) -> Result<Rules, RuleError> {
        let list: Vec<EgressRule> = list
            .iter()
            .map(|(host, port)| EgressRule {
                host: (*host).to_owned(),
                port: *port,
            })
            .collect();
        Rules::new(&list)
    }

    #[test]
    fn a_rule_names_a_host_and_a_port() {
        let rules = rules(&[
            ("registry.npmjs.org", 443),
            ("*.example.com", 8443),
            ("93.184.216.34", 80),
        ])
        .unwrap();
        for (host, port, allowed) in [
            ("registry.npmjs.org", 443, true),
            ("Registry.NPMJS.org.", 443, true),
            ("registry.npmjs.org", 80, false),
            ("registry.npmjs.org", 25, false),
            ("xregistry.npmjs.org", 443, false),
            ("evil.registry.npmjs.org", 443, false),
            ("registry.npmjs.org.evil.example", 443, false),
            ("npmjs.org", 443, false),
            ("a.example.com", 8443, true),
            ("a.b.example.com", 8443, true),
            ("example.com", 8443, false),
            ("aexample.com", 8443, false),
            ("a.example.com", 443, false),
            ("93.184.216.34", 80, true),
            ("93.184.216.35", 80, false),
            ("localhost", 443, false),
        ] {
            assert_eq!(
                rules.allows(&Host::parse(host).unwrap(), port),
                allowed,
                "{host}:{port}"
            );
        }
        assert!(!Rules::default().allows(&Host::parse("example.com").unwrap(), 443));
    }

    #[test]
    fn rules_that_mean_too_much_or_nothing_are_refused() {
        for host in [
            "*",
            "*.",
            "**.example.com",
            "a.*.com",
            "*example.com",
            "",
            "*.10.0.0.1",
            "*.::1",
            "http://a",
            "a:443",
            "2130706433",
        ] {
            assert!(rules(&[(host, 443)]).is_err(), "{host}");
        }
        assert!(rules(&[("a.example", 0)]).is_err());
    }
}
