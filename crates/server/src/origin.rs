//! Whose page asks, of Bailey itself or of an app. Sibling apps are one site to a browser, so that its own rules for
//! cookies do not keep them apart.

use http::header::ORIGIN;
use http::{HeaderMap, Method};

/// A request as far as it tells whose page it comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The origin of Bailey's or the app's own pages.
    pub(crate) own: &'a str,
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    /// Whether it changes the protocol.
    pub(crate) upgrade: bool,
    /// Whether it is let through for its session.
    pub(crate) session: bool,
}

/// Whether a request comes from the own pages, or is a person's own navigation to it.
pub(crate) fn allowed(asked: Asked<'_>) -> bool {
    let Asked {
        own,
        method,
        headers,
        upgrade,
        session,
    } = asked;
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => return origin.as_bytes() == own.as_bytes(),
        (Some(_), Some(_)) => return false,
        (None, _) => {}
    }
    let safe = *method == Method::GET || *method == Method::HEAD || *method == Method::OPTIONS;
    match (header(headers, "sec-fetch-site"), upgrade) {
        // Every browser names the page that opens a WebSocket. Without a session there is nothing to borrow.
        (None | Some("same-origin"), true) => !session,
        (Some("same-origin"), false) => true,
        // A program. Without a session there is nothing to borrow; with one, browsers name the page of what changes something.
        (None, false) => safe || !session,
        // The address bar, or a link: it is shown on its own, and changes nothing.
        (Some(_), false) if safe => navigation(headers) || !session,
        (Some(_), _) => false,
    }
}

/// Whether a person opens a page, as far as their browser tells.
pub(crate) fn is_page(method: &Method, headers: &HeaderMap) -> bool {
    let said = |name, wanted| header(headers, name).is_none_or(|value| value == wanted);
    let html = header(headers, "accept").is_some_and(|accept| accept.contains("text/html"));
    *method == Method::GET && html && said("sec-fetch-mode", "navigate") && said("sec-fetch-dest", "document")
}

/// The longest path that a browser is sent back to.
const LONGEST: usize = 2_048;

/// A path that leads to the same origin whatever a browser makes of it, and to a page: not to what does something when it is
/// asked for, at an app's address or at Bailey's.
pub(crate) fn own_path(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('/')?;
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let acts = [".bailey/", "auth/", "api/"]
        .iter()
        .any(|start| rest.starts_with(start));
    (plain && text.len() <= LONGEST && !rest.starts_with('/') && !acts).then_some(text)
}

fn navigation(headers: &HeaderMap) -> bool {
    header(headers, "sec-fetch-mode") == Some("navigate") && header(headers, "sec-fetch-dest") == Some("document")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn judge(method: &Method, upgrade: bool, session: bool, lines: &[(&str, &str)]) -> bool {
        let lines = lines
            .iter()
            .map(|(n, v)| (n.parse::<HeaderName>().unwrap(), v.parse().unwrap()));
        allowed(Asked {
            own: "http://a--w--o.localhost:7080",
            method,
            headers: &lines.collect(),
            upgrade,
            session,
        })
    }

    const OWN: (&str, &str) = ("origin", "http://a--w--o.localhost:7080");
    const FOREIGN: [(&str, &str); 6] = [
        ("origin", "http://b--w--o.localhost:7080"),
        ("origin", "https://a--w--o.localhost:7080"),
        ("origin", "http://a--w--o.localhost"),
        ("origin", "http://a--w--o.localhost:7080.evil.example"),
        ("origin", "http://localhost:7080"),
        ("origin", "null"),
    ];

    #[test]
    fn only_the_apps_own_pages_open_sockets_or_change_something() {
        for session in [true, false] {
            for (method, upgrade) in [(Method::GET, true), (Method::POST, false), (Method::DELETE, false)] {
                assert!(judge(&method, upgrade, session, &[OWN]));
                for foreign in FOREIGN {
                    assert!(!judge(&method, upgrade, session, &[foreign]), "{foreign:?}");
                    assert!(!judge(&method, upgrade, session, &[OWN, foreign]), "{foreign:?}");
                }
                assert_eq!(judge(&method, upgrade, session, &[]), !session);
                assert!(!judge(&method, upgrade, session, &[("sec-fetch-site", "same-site")]));
            }
        }
    }

    #[test]
    fn a_way_back_stays_at_its_origin() {
        for good in ["/", "/a", "/a/b?c=d&e=%2F#f", "/a//b"] {
            assert_eq!(own_path(good), Some(good));
        }
        for bad in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "/a\r\nset-cookie: x",
            "/a b",
            "/\t/evil.example",
            "/.bailey/open?code=x",
            "/\u{e4}",
        ] {
            assert_eq!(own_path(bad), None, "{bad:?}");
        }
        assert_eq!(own_path(&format!("/{}", "x".repeat(LONGEST))), None);
    }

    #[test]
    fn a_sibling_reads_nothing_and_frames_nothing() {
        let get = |lines: &[(&str, &str)]| judge(&Method::GET, false, true, lines);
        let link = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert!(get(&[]));
        assert!(get(&[("sec-fetch-site", "same-origin")]));
        for site in ["none", "same-site", "cross-site"] {
            let site = ("sec-fetch-site", site);
            assert!(get(&[site, link[0], link[1]]));
            assert!(!get(&[
                site,
                ("sec-fetch-mode", "no-cors"),
                ("sec-fetch-dest", "script")
            ]));
            assert!(!get(&[site, link[0], ("sec-fetch-dest", "iframe")]));
        }
        for foreign in FOREIGN {
            assert!(!get(&[foreign]), "{foreign:?}");
        }
    }
}
