//! The cookie that carries a session.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// The cookie's name. The prefix keeps other hosts from setting it, and takes `Secure`.
pub(crate) const COOKIE_NAME: &str = "__Host-bailey-session";

/// The value of the one cookie of this name. Two of them are none: one is not ours.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// A header that gives a browser its session for at most `seconds`; `None` = the secret fits into no header.
pub(crate) fn set(secret: &str, seconds: i64) -> Option<HeaderValue> {
    let text = format!("{COOKIE_NAME}={secret}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A header that takes the session from the browser.
pub(crate) const fn cleared() -> HeaderValue {
    HeaderValue::from_static("__Host-bailey-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cookies_of_the_name_are_none() {
        let of = |lines: &[&str]| {
            let headers: HeaderMap = lines.iter().map(|l| (COOKIE, l.parse().unwrap())).collect();
            only(&headers, COOKIE_NAME).map(str::to_owned)
        };
        assert_eq!(of(&["a=b; __Host-bailey-session=x"]), Some("x".to_owned()));
        for lines in [
            &["__Host-bailey-session=x; __Host-bailey-session=x"][..],
            &["__Host-bailey-session=x", "__Host-bailey-session=evil"],
            &["__host-bailey-session=x"],
            &["x__Host-bailey-session=x"],
            &[],
        ] {
            assert_eq!(of(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn a_session_is_kept_from_scripts_and_other_sites() {
        let text = set("bls_x", 60).unwrap();
        let text = text.to_str().unwrap();
        assert_eq!(
            text,
            "__Host-bailey-session=bls_x; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
        assert!(cleared().to_str().unwrap().starts_with(COOKIE_NAME));
    }
}
