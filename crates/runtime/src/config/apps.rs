//! `[apps]` and `[egress]`: what leads into workspaces, and what out of them.

use bailey_core::template::Sharing;
use bailey_egress::{Hosts, Net};
use serde::{Serialize, Serializer};

use super::reader::{Section, boolean, list, parsed, text};
use super::tree::Value;

/// `[apps]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppsConfig {
    /// The domain below which each app has a host of its own.
    pub domain: String,
    /// Whether browsers reach that domain over https: of the server itself, or of something in front of it.
    pub https: bool,
    /// The widest sharing there is, whatever templates say.
    pub max_sharing: Sharing,
}

/// `[egress]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EgressConfig {
    /// Blocks of addresses that workspaces may reach although they are not public, where a template names a host there.
    #[serde(serialize_with = "as_text")]
    pub allow_private: Vec<Net>,
    /// Names that the server resolves itself, each for one port: for workspaces, where a template names them, and for the server's own
    /// questions to forges.
    #[serde(serialize_with = "as_entries")]
    pub hosts: Hosts,
}

fn as_entries<S: Serializer>(hosts: &Hosts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(hosts.entries())
}

pub(super) fn as_text<S: Serializer>(nets: &[Net], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(nets.iter().map(ToString::to_string))
}

/// `tls` = the server speaks TLS itself, to apps' hosts as to every other.
pub(super) fn apps(s: &mut Section<'_>, tls: bool) -> AppsConfig {
    let config = AppsConfig {
        domain: s.or("domain", "localhost".to_owned(), parsed(domain)),
        https: s.or("https", tls, boolean),
        max_sharing: s.or("max_sharing", Sharing::Authenticated, parsed(sharing)),
    };
    if tls && !config.https {
        s.note(
            "https",
            "must be true where the server speaks TLS: apps are served at the same port",
        );
    }
    if !config.https && !tls && !is_loopback(&config.domain) {
        s.note(
            "domain",
            "browsers keep an app's session on https or below localhost alone; give the server a certificate (server.tls_cert and server.tls_key), or put a proxy that speaks https in front and set apps.https = true",
        );
    }
    config
}

fn is_loopback(domain: &str) -> bool {
    domain == "localhost" || domain.ends_with(".localhost")
}

fn domain(text: &str) -> Result<String, String> {
    // A host's first label takes up to 63 bytes and a dot.
    match bailey_egress::Host::parse(text) {
        Ok(bailey_egress::Host::Name(name)) if name.len() <= 253 - 64 => Ok(name),
        _ => Err(format!(
            "`{text}` is no domain; write it without scheme and port, such as apps.example.net"
        )),
    }
}

fn sharing(text: &str) -> Result<Sharing, String> {
    match text {
        "owner" => Ok(Sharing::Owner),
        "authenticated" => Ok(Sharing::Authenticated),
        "public" => Ok(Sharing::Public),
        _ => Err("expected owner, authenticated or public".to_owned()),
    }
}

pub(super) fn egress(s: &mut Section<'_>) -> EgressConfig {
    let net = |node: &super::tree::Node| parsed(str::parse::<Net>)(node);
    EgressConfig {
        allow_private: s.or("allow_private", Vec::new(), |node| list(node, net)),
        hosts: hosts(s),
    }
}

/// `[egress.hosts]`: each entry by itself, so that every mistake is told where it is.
fn hosts(s: &mut Section<'_>) -> Hosts {
    let Some(node) = s.take("hosts") else {
        return Hosts::default();
    };
    let Value::Table(table) = node.value else {
        s.note(
            "hosts",
            "expected a table of addresses, such as \"forge.example.test:8080\" = \"10.1.2.3\"",
        );
        return Hosts::default();
    };
    let mut good: Vec<(String, String)> = Vec::new();
    for (from, node) in table {
        let read = text(&node).and_then(|to| {
            let before = good.iter().map(|(from, to)| (from.as_str(), to.as_str()));
            let with = Hosts::new(before.chain([(from.as_str(), to.as_str())]));
            with.map(|_| to).map_err(|error| error.to_string())
        });
        match read {
            Ok(to) => good.push((from, to)),
            Err(message) => {
                s.cx.note(format!("{}.\"{from}\"", s.path_of("hosts")), Some(node.origin), message);
            }
        }
    }
    // Each of them was read already.
    Hosts::new(good.iter().map(|(from, to)| (from.as_str(), to.as_str()))).unwrap_or_default()
}
