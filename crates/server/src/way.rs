//! The way a request came: from which address, over which scheme, to which origin. What a client says of it counts only from
//! a proxy that the configuration names.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bailey_egress::Net;
use http::header::HOST;
use http::{Extensions, HeaderMap, HeaderName};

use crate::serve::is_loopback;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The address at the other end of a request's connection. The server puts it into each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// That a request's connection speaks TLS with this server. The server puts it into each such request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encrypted;

/// How a request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// Who asks, as far as that is known.
    pub(crate) address: IpAddr,
    /// The origin that pages of Bailey's have for whoever asks, such as `https://bailey.example.com`.
    pub(crate) origin: String,
    /// Whether a browser keeps a `Secure` cookie of this origin.
    pub(crate) keeps_cookies: bool,
    /// Where links to Bailey lead.
    pub(crate) base: String,
}

/// What is needed to tell.
#[derive(Debug, Clone)]
pub(crate) struct Ways {
    proxies: Vec<Net>,
    public: Option<String>,
}

impl Ways {
    pub(crate) const fn new(proxies: Vec<Net>, public: Option<String>) -> Self {
        Self { proxies, public }
    }

    /// How a request of these parts came.
    pub(crate) fn of(&self, extensions: &Extensions, headers: &HeaderMap) -> Way {
        let host = host(headers).to_ascii_lowercase();
        let https = self.is_https(extensions, headers);
        let origin = format!("{}://{host}", if https { "https" } else { "http" });
        Way {
            address: self.address(peer(extensions), headers),
            keeps_cookies: https || is_loopback(&host),
            base: self.public.clone().unwrap_or_else(|| origin.clone()),
            origin,
        }
    }

    /// Whether a browser came over https: to the proxy that says so, to this server, or to the public address.
    pub(crate) fn is_https(&self, extensions: &Extensions, headers: &HeaderMap) -> bool {
        let trusted = self.is_proxy(peer(extensions).0.to_canonical());
        let said = trusted.then(|| only(headers, &FORWARDED_PROTO)).flatten();
        // The connection of a proxy is not the browser's.
        let encrypted = extensions.get::<Encrypted>().is_some() && said != Some("http");
        let public = self.public.as_deref().and_then(|url| url.strip_prefix("https://"));
        said == Some("https") || encrypted || public.is_some_and(|own| own.eq_ignore_ascii_case(host(headers)))
    }

    /// Who asks, as far as that is known.
    pub(crate) fn address(&self, peer: Peer, headers: &HeaderMap) -> IpAddr {
        let peer = peer.0.to_canonical();
        if self.is_proxy(peer) {
            self.client(peer, headers)
        } else {
            peer
        }
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|net| net.contains(address))
    }

    /// The last address that is no proxy's: what stands before it, anybody can say.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut nearest = peer;
        let lines: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(|v| v.to_str().unwrap_or("?"))
            .collect();
        for text in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let text = text.trim();
            let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            let parsed = bare
                .unwrap_or(text)
                .parse::<IpAddr>()
                .or_else(|_| text.parse::<SocketAddr>().map(|at| at.ip()));
            let Ok(address) = parsed else { break };
            nearest = address.to_canonical();
            if !self.is_proxy(nearest) {
                break;
            }
        }
        nearest
    }
}

fn peer(extensions: &Extensions) -> Peer {
    let unknown = Peer(Ipv4Addr::UNSPECIFIED.into());
    extensions.get::<Peer>().copied().unwrap_or(unknown)
}

fn host(headers: &HeaderMap) -> &str {
    headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
}

/// The value of a header that is there once, in lower case already.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(public: Option<&str>, peer: [u8; 4], lines: &[(&str, &str)]) -> Way {
        let ways = Ways::new(vec!["10.0.0.0/8".parse().unwrap()], public.map(str::to_owned));
        let mut extensions = Extensions::new();
        extensions.insert(Peer(peer.into()));
        let lines = lines
            .iter()
            .map(|(n, v)| (n.parse::<HeaderName>().unwrap(), v.parse().unwrap()));
        ways.of(&extensions, &lines.collect())
    }

    const HOSTED: (&str, &str) = ("host", "Bailey.example.com");

    #[test]
    fn only_a_configured_proxy_is_believed() {
        let lines = [HOSTED, ("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.1")];
        let way_of = |peer| way(None, peer, &lines);
        let believed = way_of([10, 0, 0, 1]);
        assert_eq!(believed.address.to_string(), "192.0.2.1");
        assert_eq!(believed.origin, "https://bailey.example.com");
        assert!(believed.keeps_cookies);
        let stranger = way_of([198, 51, 100, 1]);
        assert_eq!(stranger.address.to_string(), "198.51.100.1");
        assert_eq!(stranger.origin, "http://bailey.example.com");
        assert!(!stranger.keeps_cookies);
    }

    #[test]
    fn the_last_address_that_is_no_proxys_counts() {
        let address = |lines: &[(&str, &str)]| way(None, [10, 0, 0, 1], lines).address.to_string();
        let forwarded = "x-forwarded-for";
        assert_eq!(address(&[(forwarded, "1.1.1.1, 192.0.2.1, 10.0.0.2")]), "192.0.2.1");
        assert_eq!(
            address(&[(forwarded, "1.1.1.1"), (forwarded, "192.0.2.1")]),
            "192.0.2.1"
        );
        assert_eq!(address(&[(forwarded, "192.0.2.1:4711")]), "192.0.2.1");
        assert_eq!(address(&[(forwarded, "1.1.1.1, nonsense")]), "10.0.0.1");
        assert_eq!(address(&[(forwarded, "[2001:db8::1]:80")]), "2001:db8::1");
        assert_eq!(address(&[(forwarded, "[2001:db8::1]")]), "2001:db8::1");
        assert_eq!(address(&[(forwarded, "::ffff:192.0.2.1")]), "192.0.2.1");
        assert_eq!(address(&[]), "10.0.0.1");
    }

    #[test]
    fn two_schemes_are_none_and_loopback_needs_none() {
        let twice = [HOSTED, ("x-forwarded-proto", "https"), ("x-forwarded-proto", "https")];
        assert!(!way(None, [10, 0, 0, 1], &twice).keeps_cookies);
        assert!(!way(None, [10, 0, 0, 1], &[HOSTED, ("x-forwarded-proto", "https, http")]).keeps_cookies);
        for host in ["localhost:7080", "127.0.0.1:7080", "[::1]:7080", "x.localhost"] {
            assert!(way(None, [127, 0, 0, 1], &[("host", host)]).keeps_cookies, "{host}");
        }
        assert!(!way(None, [127, 0, 0, 1], &[("host", "localhost.evil.example")]).keeps_cookies);
    }

    #[test]
    fn a_connection_of_this_servers_tls_is_https_unless_a_proxy_says_otherwise() {
        let ways = Ways::new(vec!["10.0.0.0/8".parse().unwrap()], None);
        let https = |peer: [u8; 4], proto: Option<&str>| {
            let mut extensions = Extensions::new();
            extensions.insert(Peer(peer.into()));
            extensions.insert(Encrypted);
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "bailey.example.com".parse().unwrap());
            if let Some(proto) = proto {
                headers.insert(FORWARDED_PROTO, proto.parse().unwrap());
            }
            let way = ways.of(&extensions, &headers);
            assert_eq!(way.keeps_cookies, way.origin.starts_with("https://"));
            way.keeps_cookies
        };
        let (proxy, stranger) = ([10, 0, 0, 1], [198, 51, 100, 1]);
        assert!(https(stranger, None) && https(stranger, Some("http")) && https(proxy, None));
        assert!(https(proxy, Some("https")) && !https(proxy, Some("http")));
    }

    #[test]
    fn the_public_address_is_believed_for_its_own_host() {
        let public = Some("https://bailey.example.com");
        let own = way(public, [198, 51, 100, 1], &[HOSTED]);
        assert_eq!(
            (own.origin.as_str(), own.keeps_cookies),
            ("https://bailey.example.com", true)
        );
        let other = way(public, [198, 51, 100, 1], &[("host", "10.1.1.1:7080")]);
        assert_eq!(
            (other.origin.as_str(), other.keeps_cookies),
            ("http://10.1.1.1:7080", false)
        );
        assert_eq!(other.base, "https://bailey.example.com");
    }
}
