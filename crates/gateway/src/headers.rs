//! Which headers cross the door.
//!
//! Everything an SDK sends goes to the provider but what is about the connection, about identity, or about who forwarded:
//! a provider sees one credential, its own, and no cookie, address or organization that a client chose. Names are compared
//! with `_` read as `-`, since servers behind a provider's own proxies may do so too.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Removed from requests.
const REQUEST: &[&str] = &[
    "host",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "forwarded",
    "via",
    "x-real-ip",
    "accept-encoding",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
    "http2-settings",
];
/// Removed from requests by how they begin.
const REQUEST_PREFIXES: &[&str] = &["x-forwarded-", "x-bailey-", "proxy-", "cf-", "x-envoy-", "x-amz-"];
/// Removed from answers.
const ANSWER: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "set-cookie",
    "server",
    "via",
    "alt-svc",
    "content-length",
    "www-authenticate",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
    "strict-transport-security",
    "location",
];

fn listed(name: &str, exact: &[&str], prefixes: &[&str]) -> bool {
    let plain;
    let name = if name.contains('_') {
        plain = name.replace('_', "-");
        plain.as_str()
    } else {
        name
    };
    exact.contains(&name) || prefixes.iter().any(|p| name.starts_with(p))
}

/// Takes what must not cross out of `headers`, and what the `Connection` header names besides, unless it is one of the
/// headers that Bailey itself reads or sets.
fn strip(headers: &mut HeaderMap, exact: &[&str], prefixes: &[&str]) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let doomed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| listed(name.as_str(), exact, prefixes))
        .cloned()
        .chain(named)
        .collect();
    for name in doomed {
        if name != header::CONTENT_TYPE && name != header::ACCEPT {
            headers.remove(name);
        }
    }
}

/// A client's headers as they go to a provider.
pub(crate) fn to_provider(mut headers: HeaderMap) -> HeaderMap {
    strip(&mut headers, REQUEST, REQUEST_PREFIXES);
    // Usage is read from the answer as it passes.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
        .entry(header::CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/json"));
    headers
}

/// A provider's headers as they go to the client.
pub(crate) fn to_client(mut headers: HeaderMap) -> HeaderMap {
    strip(&mut headers, ANSWER, &["x-bailey-"]);
    headers
}

/// The key that a client presents: `Authorization: Bearer KEY` or `x-api-key: KEY`. Any other scheme is no key, and two
/// different keys are none either.
pub(crate) fn presented_key(headers: &HeaderMap) -> Option<&str> {
    let mut found = None;
    for value in headers.get_all(header::AUTHORIZATION) {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") || found.is_some_and(|f| f != key.trim()) {
            return None;
        }
        found = Some(key.trim());
    }
    for value in headers.get_all("x-api-key") {
        let key = value.to_str().ok()?.trim();
        if found.is_some_and(|f| f != key) {
            return None;
        }
        found = Some(key);
    }
    found
}

/// The client's own session id, for grouping only.
pub(crate) fn session(headers: &HeaderMap) -> Option<String> {
    const NAMES: [&str; 4] = [
        "x-claude-code-session-id",
        "session-id",
        "x-session-id",
        "x-session-affinity",
    ];
    let value = NAMES.iter().find_map(|name| headers.get(*name))?;
    value.to_str().ok().filter(|v| !v.is_empty()).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn no_credential_cookie_or_forwarded_header_crosses() {
        let sent = map(&[
            ("authorization", "Bearer k"),
            ("x-api-key", "k"),
            ("x_api_key", "k"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "1.2.3.4"),
            ("X_Forwarded_User", "root"),
            ("openai-organization", "org"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("anthropic-beta", "a,b"),
            ("anthropic-new-thing", "1"),
            ("x-stainless-os", "Linux"),
            ("user-agent", "claude-cli"),
        ]);
        let crossed = to_provider(sent);
        let mut names: Vec<&str> = crossed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept-encoding",
                "anthropic-beta",
                "anthropic-new-thing",
                "content-type",
                "user-agent",
                "x-stainless-os"
            ]
        );
    }

    #[test]
    fn a_connection_header_cannot_remove_the_content_type() {
        let crossed = to_provider(map(&[
            ("connection", "content-type"),
            ("content-type", "application/json; charset=utf-8"),
        ]));
        assert_eq!(crossed.get("content-type").unwrap(), "application/json; charset=utf-8");
    }

    #[test]
    fn an_unknown_scheme_is_no_key_and_two_keys_are_none() {
        assert_eq!(presented_key(&map(&[("authorization", "bearer  k ")])), Some("k"));
        assert_eq!(presented_key(&map(&[("x-api-key", "k")])), Some("k"));
        assert_eq!(
            presented_key(&map(&[("authorization", "Bearer k"), ("x-api-key", "k")])),
            Some("k")
        );
        assert_eq!(
            presented_key(&map(&[("authorization", "Bearer k"), ("x-api-key", "j")])),
            None
        );
        assert_eq!(
            presented_key(&map(&[("authorization", "Basic k"), ("x-api-key", "k")])),
            None
        );
        assert_eq!(presented_key(&map(&[("authorization", "k")])), None);
        assert_eq!(presented_key(&HeaderMap::new()), None);
    }
}
