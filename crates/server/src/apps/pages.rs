//! What Bailey itself says at an app's address.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};

use super::body::AppBody;

const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// An answer of Bailey's own with the headers that each of them has.
pub(crate) fn answer(
    status: StatusCode,
    kind: &'static str,
    policy: &'static str,
    body: impl Into<Bytes>,
) -> Response<AppBody> {
    let mut response = Response::new(AppBody::full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page of a heading and paragraphs. They are text, and escaped here.
pub(crate) fn page(status: StatusCode, heading: &str, paragraphs: &[&str]) -> Response<AppBody> {
    let heading = escape(heading);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{heading}</title>\n<h1>{heading}</h1>\n"
    );
    for paragraph in paragraphs {
        html.push_str("<p>");
        html.push_str(&escape(paragraph));
        html.push_str("</p>\n");
    }
    answer(status, "text/html; charset=utf-8", POLICY, html)
}

/// No app can be named so.
pub(crate) fn no_such_app() -> Response<AppBody> {
    page(
        StatusCode::NOT_FOUND,
        "There is no app at this address",
        &[
            "An app's address is app--workspace--owner, below the domain of the apps. `bailey open WORKSPACE APP` shows it.",
        ],
    )
}

/// Not signed in, or not allowed, or nothing there: nobody learns which.
pub(crate) fn sign_in() -> Response<AppBody> {
    page(
        StatusCode::UNAUTHORIZED,
        "You are not signed in to this app",
        &[
            "Open it from Bailey's own pages, or run `bailey open WORKSPACE APP` and follow the link that it shows. It is good once, for one minute; the session that it begins lasts up to 8 hours.",
            "If you come from there, the app does not exist, or it is not shared with you.",
        ],
    )
}

/// Signed in, and there is nothing of this name that they may open: nobody learns which.
pub(crate) fn not_yours() -> Response<AppBody> {
    page(
        StatusCode::NOT_FOUND,
        "There is no such app that you can open",
        &["The app does not exist, or it is not shared with you."],
    )
}

/// The code is no good.
pub(crate) fn code_over() -> Response<AppBody> {
    page(
        StatusCode::UNAUTHORIZED,
        "This link is no longer good",
        &["A link opens an app once, within a minute. Run `bailey open WORKSPACE APP` for another one."],
    )
}

/// Another site's page asks.
pub(crate) fn foreign() -> Response<AppBody> {
    page(
        StatusCode::FORBIDDEN,
        "This request comes from another page",
        &["An app takes requests from its own pages alone. Open it in a tab of its own."],
    )
}

/// Something of ours does not answer.
pub(crate) fn unavailable() -> Response<AppBody> {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "Bailey cannot look this up at the moment",
        &["Its database does not answer. Try again in a few seconds."],
    )
}

pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escape("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
    }
}
