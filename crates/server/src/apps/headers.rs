//! Headers between browsers and apps: nothing of Bailey's reaches an app, and nothing that an app says reaches a sibling.

use bailey_gate::token::{self, Kind};
use http::header::{
    ALT_SVC, AUTHORIZATION, CONNECTION, CONTENT_SECURITY_POLICY, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, REFERRER_POLICY, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::session::COOKIE_NAME;

const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];
/// Headers by which an intermediary says who asks; an app believes them, so that nobody else may send them.
const IDENTIFYING: [&str; 11] = [
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-original-host",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// What an app is told of a request's way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    /// Who asks.
    pub(crate) peer: std::net::IpAddr,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The host as the browser named it.
    pub(crate) host: &'a HeaderValue,
}

/// The protocol that a request or answer changes to, if it does.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let named = listed(headers).any(|name| name.eq_ignore_ascii_case("upgrade"));
    let mut protocols = headers.get_all(UPGRADE).iter();
    match (named, protocols.next(), protocols.next()) {
        (true, Some(protocol), None) => Some(protocol.clone()),
        _ => None,
    }
}

/// A request's headers as its app gets them.
pub(crate) fn to_app(mut headers: HeaderMap, way: Way<'_>, upgrade: Option<&HeaderValue>) -> HeaderMap {
    strip_hops(&mut headers);
    headers.remove(EXPECT);
    let doomed: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name)).cloned().collect();
    for name in doomed {
        headers.remove(name);
    }
    strip_credentials(&mut headers);
    headers.insert(HOST, way.host.clone());
    headers.insert(HeaderName::from_static("x-forwarded-host"), way.host.clone());
    let scheme = HeaderValue::from_static(way.scheme);
    headers.insert(HeaderName::from_static("x-forwarded-proto"), scheme);
    if let Ok(peer) = HeaderValue::try_from(way.peer.to_string()) {
        headers.insert(HeaderName::from_static("x-forwarded-for"), peer);
    }
    change(&mut headers, upgrade);
    headers
}

/// An answer's headers as the browser gets them.
pub(crate) fn from_app(mut headers: HeaderMap, upgrade: Option<&HeaderValue>) -> HeaderMap {
    strip_hops(&mut headers);
    // These reach beyond the app's own origin.
    headers.remove(ALT_SVC);
    headers.remove("clear-site-data");
    let cookies: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter(|c| may_set(c))
        .cloned()
        .collect();
    headers.remove(SET_COOKIE);
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    // Policies add up: an app can make this one only narrower.
    headers.append(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("frame-ancestors 'self'"),
    );
    headers
        .entry(REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("same-origin"));
    change(&mut headers, upgrade);
    headers
}

fn change(headers: &mut HeaderMap, upgrade: Option<&HeaderValue>) {
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
}

/// Names that `Connection` lists.
fn listed(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

fn strip_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = listed(headers).filter_map(|name| name.parse().ok()).collect();
    for name in named.into_iter().chain(HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Whether only Bailey may say this to an app. Some servers take `_` for `-`.
fn is_ours(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    name.starts_with("x-forwarded-")
        || name.starts_with("x-bailey-")
        || name == FORWARDED.as_str()
        || name == VIA.as_str()
        || IDENTIFYING.contains(&name.as_str())
        // What is removed by its name must not come back by another spelling.
        || (name != COOKIE.as_str() && name.trim_matches('-') == COOKIE.as_str())
}

fn strip_credentials(headers: &mut HeaderMap) {
    let kept: Vec<HeaderValue> = headers.get_all(COOKIE).iter().filter_map(without_ours).collect();
    headers.remove(COOKIE);
    for value in kept {
        headers.append(COOKIE, value);
    }
    for name in [AUTHORIZATION, HeaderName::from_static("x-api-key")] {
        let own: Vec<HeaderValue> = headers
            .get_all(&name)
            .iter()
            .filter(|v| !is_token(v))
            .cloned()
            .collect();
        headers.remove(&name);
        for value in own {
            headers.append(&name, value);
        }
    }
}

/// Whether a header's value holds one of Bailey's secrets.
fn is_token(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    text.split([' ', ',', '\t', '"', '=']).any(|word| {
        [Kind::ApiToken, Kind::Key, Kind::Session, Kind::Invitation]
            .iter()
            .any(|kind| token::parse(*kind, word).is_some())
    })
}

/// A `Cookie` header without Bailey's own; `None` = nothing is left.
fn without_ours(value: &HeaderValue) -> Option<HeaderValue> {
    let kept: Vec<&[u8]> = value
        .as_bytes()
        .split(|b| *b == b';')
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty() && !names_ours(pair))
        .collect();
    if kept.is_empty() {
        return None;
    }
    HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok()
}

/// Whether a `name=value` is Bailey's session, or could be taken for it.
fn names_ours(pair: &[u8]) -> bool {
    let pair = match pair.strip_prefix(b"=") {
        Some(nameless) => nameless.trim_ascii(),
        None => pair,
    };
    let name = pair.split(|b| *b == b'=').next().unwrap_or_default();
    [COOKIE_NAME, crate::identity::COOKIE_NAME]
        .iter()
        .any(|ours| name.trim_ascii().eq_ignore_ascii_case(ours.as_bytes()))
}

/// Whether an app may set this cookie: not for its siblings, and not in Bailey's place.
fn may_set(value: &HeaderValue) -> bool {
    let mut parts = value.as_bytes().split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let own = parts.next().is_some_and(|pair| !names_ours(pair));
    own && !parts.any(|attribute| {
        let name = attribute.split(|b| *b == b'=').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"domain")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let lines = lines
            .iter()
            .map(|(n, v)| (n.parse::<HeaderName>().unwrap(), v.parse::<HeaderValue>().unwrap()));
        lines.collect()
    }

    fn sent(lines: &[(&str, &str)]) -> Vec<String> {
        let host = HeaderValue::from_static("a--b--c.localhost:7080");
        let way = Way {
            peer: std::net::Ipv4Addr::LOCALHOST.into(),
            scheme: "http",
            host: &host,
        };
        let headers = map(lines);
        let upgrade = upgrade(&headers);
        let mut lines: Vec<String> = to_app(headers, way, upgrade.as_ref())
            .iter()
            .map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()))
            .filter(|line| !line.starts_with("host: "))
            .collect();
        lines.sort();
        lines
    }

    const OURS: [&str; 3] = [
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: a--b--c.localhost:7080",
        "x-forwarded-proto: http",
    ];

    #[test]
    fn what_a_browser_says_of_its_way_is_replaced() {
        let said = sent(&[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
            ("x_forwarded_for", "1.1.1.1"),
            ("x-forwarded_user", "root"),
            ("x_bailey_user", "root"),
            ("forwarded", "for=1.1.1.1"),
            ("x_real-ip", "1.1.1.1"),
            ("connection", "close, X-Forwarded-Host, x-forwarded-for, host"),
            ("te", "trailers"),
            ("keep-alive", "1"),
            ("proxy-authorization", "x"),
        ]);
        assert_eq!(said, OURS);
    }

    #[test]
    fn our_credentials_stay_and_the_apps_own_pass() {
        let token = format!("bly_{}_{}", "a".repeat(16), "b".repeat(64));
        let key = format!("sk-bly-{}-{}", "a".repeat(16), "b".repeat(64));
        let said = sent(&[
            ("cookie", "a=1; __Host-bailey-app=x;b=2"),
            ("cookie", " __host-BAILEY-app = y"),
            ("cookie", "__Host-bailey-session=bls_x"),
            ("cookie", "=__Host-bailey-app=z"),
            ("_cookie", "__Host-bailey-app=z"),
            ("authorization", &format!("Bearer {token}")),
            ("authorization", "Basic YTpi"),
            ("x-api-key", &key),
        ]);
        let mut expected = vec!["authorization: Basic YTpi", "cookie: a=1; b=2"];
        expected.extend(OURS);
        assert_eq!(said, expected);
    }

    #[test]
    fn an_upgrade_passes_and_nothing_else_of_the_hop() {
        let said = sent(&[
            ("connection", "keep-alive, Upgrade, x-secret"),
            ("upgrade", "websocket"),
            ("x-secret", "1"),
        ]);
        let mut expected = vec!["connection: upgrade", "upgrade: websocket"];
        expected.extend(OURS);
        expected.sort_unstable();
        assert_eq!(said, expected);
        assert_eq!(upgrade(&map(&[("upgrade", "websocket")])), None);
    }

    #[test]
    fn an_app_sets_cookies_for_itself_alone() {
        let lines = [
            "a=1; Path=/",
            "b=2; domain=localhost",
            "c=3; Secure; DOMAIN = .localhost",
            "d=4;Domain",
            "__Host-bailey-app=x; Path=/; Secure",
            "__HOST-bailey-APP=x",
            "=__Host-bailey-app=x",
            "domain=5",
        ];
        let headers = lines
            .map(|line| (SET_COOKIE, HeaderValue::from_static(line)))
            .into_iter()
            .collect();
        let passed = from_app(headers, None);
        let passed: Vec<&HeaderValue> = passed.get_all(SET_COOKIE).iter().collect();
        assert_eq!(passed, ["a=1; Path=/", "domain=5"]);
    }
}
