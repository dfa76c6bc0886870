//! A forge's address, and addresses below it.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::{Authority, Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a part of a path and in a query.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a forge is, such as `https://gitlab.example.com` or `https://example.com/gitlab`. A credential is bound to it.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at its end.
    path: String,
}

/// The text is no address of a forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It is no address.
    #[error("not an address such as https://gitlab.example.com")]
    Malformed,
    /// Its protocol is another.
    #[error(
        "a forge's address begins with https:// (http:// on this machine alone, since the token would travel in the clear)"
    )]
    Scheme,
    /// It has a user, a query or a fragment.
    #[error("a forge's address has no user, no query and no fragment")]
    Parts,
}

impl BaseUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// Where it is none, or is plain http to another machine.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        Self::parse_with(text, |_, _| false)
    }

    /// The same; `is_here` says of a host and port whether they lead to this machine although the host's name does not tell.
    ///
    /// # Errors
    /// As [`BaseUrl::parse`].
    pub fn parse_with(text: &str, is_here: impl FnOnce(&str, u16) -> bool) -> Result<Self, BaseUrlError> {
        if text.contains('#') {
            return Err(BaseUrlError::Parts);
        }
        let parts = text.parse::<Uri>().map_err(|_| BaseUrlError::Malformed)?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(BaseUrlError::Malformed);
        };
        let path = parts.path_and_query;
        if authority.as_str().contains('@') || path.as_ref().is_some_and(|path| path.query().is_some()) {
            return Err(BaseUrlError::Parts);
        }
        let here = || is_loopback(authority.host()) || is_here(authority.host(), authority.port_u16().unwrap_or(80));
        let plain = scheme == Scheme::HTTP && here();
        if scheme != Scheme::HTTPS && !plain {
            return Err(BaseUrlError::Scheme);
        }
        let path = path.map_or(String::new(), |path| path.path().trim_end_matches('/').to_owned());
        if path.split('/').any(|part| matches!(part, "." | "..")) || path.contains("//") {
            return Err(BaseUrlError::Malformed);
        }
        // One way of writing an address: accounts that are linked there are found by it.
        let host = authority.host().to_ascii_lowercase();
        let ordinary = if scheme == Scheme::HTTPS { 443 } else { 80 };
        let authority = match authority.port_u16().filter(|port| *port != ordinary) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        };
        Ok(Self {
            scheme,
            authority: authority.parse().map_err(|_| BaseUrlError::Malformed)?,
            path,
        })
    }

    /// The host, with its port where it is not the protocol's own.
    pub fn host(&self) -> &str {
        self.authority.as_str()
    }

    /// The address of `target` below this one.
    pub(crate) fn uri(&self, target: &Target) -> Result<Uri, http::Error> {
        let path = format!("{}{}", self.path, target.0);
        let builder = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone());
        builder.path_and_query(path).build()
    }

    /// The address of a path below this one, such as a project's: its parts are encoded.
    pub(crate) fn page(&self, path: &str) -> String {
        let parts: Vec<String> = path.split('/').map(encode).collect();
        format!("{self}/{}", parts.join("/"))
    }

    /// What a link of the forge leads to, if that is below `root`. Only its path and query count: behind a proxy a forge may
    /// know itself by another name, and the request goes to this address whatever the link says.
    pub(crate) fn below(&self, link: &str, root: &str) -> Option<Target> {
        let uri: Uri = link.parse().ok()?;
        let found = uri.path_and_query()?.as_str();
        let target = found.strip_prefix(self.path.as_str())?;
        let path = target.split('?').next().unwrap_or_default();
        let sound = path.starts_with(root) && !path.split('/').any(|part| matches!(part, "." | ".."));
        sound.then(|| Target(target.to_owned()))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    address || bare.eq_ignore_ascii_case("localhost")
}

/// A path and query below a forge's address, every part of it encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target(String);

impl Target {
    /// The path of `parts` below `root`.
    pub(crate) fn new(root: &str, parts: &[&str]) -> Self {
        let mut path = root.to_owned();
        for part in parts {
            path.push('/');
            path.push_str(&encode(part));
        }
        Self(path)
    }

    /// The same with one more pair in its query.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(&encode(name));
        self.0.push('=');
        self.0.push_str(&encode(value));
        self
    }
}

fn encode(part: &str) -> String {
    match part {
        // A server would take these for steps.
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        part => utf8_percent_encode(part, KEPT).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOT: &str = "/api/v4";

    #[test]
    fn addresses_are_https_or_of_this_machine() {
        for (text, shown) in [
            ("https://gitlab.example.com", "https://gitlab.example.com"),
            ("https://gitlab.example.com/", "https://gitlab.example.com"),
            ("https://example.com:8443/gitlab/", "https://example.com:8443/gitlab"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://localhost", "http://localhost"),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "http://gitlab.example.com",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "ftp://x",
        ] {
            assert_eq!(BaseUrl::parse(text), Err(BaseUrlError::Scheme), "{text}");
        }
        for text in [
            "https://user@x.example",
            "https://x.example/?a=b",
            "https://x.example/#a",
            "https://a:b@127.0.0.1",
        ] {
            assert_eq!(BaseUrl::parse(text), Err(BaseUrlError::Parts), "{text}");
        }
        for text in [
            "",
            "gitlab.example.com",
            "/api",
            "https://",
            "https://x.example/a/../b",
            "https://x.example//a",
            "https://x y",
        ] {
            assert_eq!(BaseUrl::parse(text), Err(BaseUrlError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_name_that_leads_to_this_machine_may_be_plain() {
        let here = |host: &str, port| host == "forge.test" && port == 7070;
        let parse = |text: &str| BaseUrl::parse_with(text, here).map(|base| base.to_string());
        assert_eq!(parse("http://forge.test:7070/").unwrap(), "http://forge.test:7070");
        for text in [
            "http://forge.test",
            "http://forge.test:7071",
            "http://a.forge.test:7070",
            "ftp://forge.test:7070",
        ] {
            assert_eq!(parse(text), Err(BaseUrlError::Scheme), "{text}");
        }
        assert_eq!(parse("http://a@forge.test:7070"), Err(BaseUrlError::Parts));
    }

    #[test]
    fn parts_are_encoded() {
        let base = BaseUrl::parse("https://example.com/gitlab").unwrap();
        let target = Target::new(ROOT, &["projects", "a/b c", "..", "x?y#z"])
            .with("state", "a&b=c")
            .with("at", "2026-11-25T09:00:00+00:00");
        assert_eq!(
            base.uri(&target).unwrap().to_string(),
            "https://example.com/gitlab/api/v4/projects/a%2Fb%20c/%2E%2E/x%3Fy%23z?state=a%26b%3Dc&at=2026-11-25T09%3A00%3A00%2B00%3A00"
        );
        assert_eq!(
            base.page("space/ro cket.git"),
            "https://example.com/gitlab/space/ro%20cket.git"
        );
    }

    #[test]
    fn a_link_leads_to_our_address_or_nowhere() {
        let base = BaseUrl::parse("https://example.com/gitlab").unwrap();
        let follow = |link: &str| {
            base.below(link, ROOT)
                .map(|target| base.uri(&target).unwrap().to_string())
        };
        let next = Some("https://example.com/gitlab/api/v4/x?page=2".to_owned());
        assert_eq!(follow("https://example.com/gitlab/api/v4/x?page=2"), next);
        assert_eq!(follow("http://evil.example/gitlab/api/v4/x?page=2"), next);
        for link in [
            "https://example.com/other",
            "https://example.com/gitlab/oauth/token",
            "https://example.com/gitlab/api/v4/../../admin",
            "//x",
            "",
            "\u{1}",
        ] {
            assert_eq!(follow(link), None, "{link}");
        }
    }

    proptest! {
        /// Whatever the parts, the path keeps its depth and the query stays a query.
        #[test]
        fn no_part_breaks_out(parts in prop::collection::vec("\\PC{0,12}|\\.\\.|\\.", 1..4), value in "\\PC{0,12}") {
            let base = BaseUrl::parse("https://example.com").unwrap();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let uri = base.uri(&Target::new(ROOT, &parts).with("q", &value)).unwrap();
            prop_assert_eq!(uri.host(), Some("example.com"));
            prop_assert_eq!(uri.path().split('/').count(), 3 + parts.len());
            prop_assert!(!uri.path().split('/').any(|part| part == ".." || part == "."));
            prop_assert_eq!(uri.query().unwrap().matches(['&', '=']).count(), 1);
        }
    }
}
