//! Which host a request names: one, and always in the `Host` header from here on.

use std::net::IpAddr;

use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

/// A request names no host, or more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request names one host, in `Host` or as `:authority`, and nothing else that contradicts it")]
pub(super) struct BadHost;

/// Leaves one host, in the `Host` header, and a target without one. Who names two could mean one to whoever judges the
/// request and the other to whoever answers it, so that nothing is chosen between them.
pub(super) fn settle<B>(request: &mut Request<B>) -> Result<(), BadHost> {
    if *request.method() == Method::CONNECT {
        return Err(BadHost);
    }
    let named = {
        let mut named = request.headers().get_all(HOST).iter();
        match (named.next(), named.next()) {
            (named, None) => named.cloned(),
            (_, Some(_)) => return Err(BadHost),
        }
    };
    let target = request.uri().authority().map(|authority| authority.as_str().to_owned());
    match (&named, &target) {
        (Some(named), Some(target)) if !named.as_bytes().eq_ignore_ascii_case(target.as_bytes()) => {
            return Err(BadHost);
        }
        // Only HTTP/1.0 has requests without a host.
        (None, None) if request.version() != Version::HTTP_10 => return Err(BadHost),
        (None, Some(_)) if request.version() < Version::HTTP_2 => return Err(BadHost),
        _ => {}
    }
    if let Some(target) = &target {
        let host = HeaderValue::try_from(target).map_err(|_| BadHost)?;
        request.headers_mut().insert(HOST, host);
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
    one_cookie(request.headers_mut());
    let plain = |host: &HeaderValue| {
        let ok = |b: &u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(b);
        !host.is_empty() && host.as_bytes().iter().all(ok)
    };
    match request.headers().get(HOST) {
        Some(host) if !plain(host) => Err(BadHost),
        _ => Ok(()),
    }
}

/// Over HTTP/2 browsers send cookies apart; everybody else knows one line of them (RFC 9113, 8.2.3).
fn one_cookie(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(line) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        headers.insert(COOKIE, line);
    }
}

/// Whether a request names this server. A page of another site whose name is made to resolve to loopback (DNS rebinding)
/// names itself, and is refused.
pub(crate) fn host_allowed(hosts: Option<&[String]>, uri: &Uri, headers: &HeaderMap) -> bool {
    let Some(hosts) = hosts else { return true };
    let mut named = headers.get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return false;
    }
    let host = match (uri.host(), first) {
        (Some(host), _) => host,
        (None, Some(value)) => match value.to_str() {
            Ok(text) => text,
            Err(_) => return false,
        },
        (None, None) => return false,
    };
    let name = without_port(host);
    is_loopback(host)
        || hosts
            .iter()
            .any(|allowed| name.eq_ignore_ascii_case(allowed) || host.eq_ignore_ascii_case(allowed))
}

/// Whether a `Host` names this machine alone.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = without_port(host);
    name == "localhost"
        || name.ends_with(".localhost")
        || name
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// `name:port` without the port; an IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (name.ends_with(']') || !name.contains(':')) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &[&str], host: &str) -> bool {
        let hosts: Vec<String> = hosts.iter().map(|h| (*h).to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        host_allowed(Some(&hosts), &Uri::from_static("/"), &headers)
    }

    #[test]
    fn a_rebound_name_is_refused_on_loopback() {
        for host in [
            "localhost",
            "localhost:7080",
            "127.0.0.1:7080",
            "[::1]:7080",
            "app.localhost",
            "127.1.2.3",
        ] {
            assert!(allowed(&[], host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "2130706433",
            "localhost:80@evil",
            "10.0.0.1",
            "",
        ] {
            assert!(!allowed(&[], host), "{host}");
        }
        assert!(allowed(&["bailey.example.com"], "Bailey.Example.com:443"));
        assert!(!allowed(&["bailey.example.com"], "xbailey.example.com"));
    }

    #[test]
    fn two_hosts_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, "localhost".parse().unwrap());
        headers.append(HOST, "evil.example".parse().unwrap());
        assert!(!host_allowed(Some(&[]), &Uri::from_static("/"), &headers));
    }

    fn settled(version: Version, target: &str, hosts: &[&str]) -> Result<(String, String), BadHost> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let mut request = request.body(()).unwrap();
        settle(&mut request)?;
        let host = request
            .headers()
            .get(HOST)
            .map_or("", |host| host.to_str().unwrap())
            .to_owned();
        Ok((host, request.uri().to_string()))
    }

    #[test]
    fn one_host_is_left_wherever_it_was_named() {
        let one = |host: &str, target: &str| Ok((host.to_owned(), target.to_owned()));
        let (h1, h2) = (Version::HTTP_11, Version::HTTP_2);
        assert_eq!(settled(h1, "/a?b", &["localhost:7080"]), one("localhost:7080", "/a?b"));
        assert_eq!(
            settled(h1, "http://LOCALHOST:7080/a", &["localhost:7080"]),
            one("LOCALHOST:7080", "/a")
        );
        assert_eq!(settled(h2, "https://a.example/x?y", &[]), one("a.example", "/x?y"));
        assert_eq!(settled(h2, "https://a.example", &["a.example"]), one("a.example", "/"));
        assert_eq!(settled(Version::HTTP_10, "/livez", &[]), one("", "/livez"));
    }

    #[test]
    fn cookies_come_in_one_line() {
        let mut request = Request::builder().uri("/").header(HOST, "localhost");
        for cookie in ["a=1", "b=2; c=3", "d=4"] {
            request = request.header(COOKIE, cookie);
        }
        let mut request = request.body(()).unwrap();
        settle(&mut request).unwrap();
        let lines: Vec<_> = request.headers().get_all(COOKIE).iter().collect();
        assert_eq!(lines, ["a=1; b=2; c=3; d=4"]);
    }

    #[test]
    fn a_request_that_contradicts_itself_is_refused() {
        let (h1, h2) = (Version::HTTP_11, Version::HTTP_2);
        for (version, target, hosts) in [
            (h1, "/", &[][..]),
            (h1, "/", &["a.example", "a.example"]),
            (h1, "/", &["a.example", "b.example"]),
            (h1, "http://b.example/", &["a.example"]),
            (h1, "http://a.example:80/", &["a.example"]),
            (h1, "http://a.example/", &[]),
            (h1, "/", &[""]),
            (h1, "/", &["a.example@b.example"]),
            (h1, "/", &["a.example, b.example"]),
            (h1, "/", &["a.example/b"]),
            (h2, "https://a.example/", &["b.example"]),
            (h2, "https://u@a.example/", &[]),
            (h2, "/", &[]),
            (Version::HTTP_10, "http://b.example/", &["a.example"]),
        ] {
            assert_eq!(settled(version, target, hosts), Err(BadHost), "{target} {hosts:?}");
        }
        let mut connect = Request::builder()
            .method(Method::CONNECT)
            .uri("a.example:443")
            .header(HOST, "a.example:443")
            .body(())
            .unwrap();
        assert_eq!(settle(&mut connect), Err(BadHost));
    }
}
