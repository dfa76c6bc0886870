//! The web app: its files, embedded at build time, and the page that all of its addresses answer with.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

/// A file of the web app.
struct File {
    /// Where it is asked for.
    path: &'static str,
    /// Its media type.
    kind: &'static str,
    /// Its `ETag`.
    etag: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// Mantine and xterm.js set styles inline; scripts come from files alone.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Bailey</title>\n\
    <h1>Bailey runs, without its web app</h1>\n\
    <p>This binary was built without it. In Bailey's repository, <code>make build</code> builds the web app (it needs Node.js 20.19 or \
    newer) and a binary that has it.</p>\n\
    <p>The API and the model routes work as they are, and so does the command line: <code>bailey help</code>.</p>\n";

/// First segments of paths that are never a page, whatever the browser accepts.
const NOT_PAGES: &[&str] = &[
    "api",
    "apps",
    "assets",
    "auth",
    "errors",
    "hooks",
    "livez",
    "metrics",
    "readyz",
    "v1",
    ".well-known",
];

/// The answer, where a request is one for the web app.
pub(crate) fn answer<B>(request: &Request<B>) -> Option<Response<Bytes>> {
    respond(FILES, request.method(), request.uri().path(), request.headers())
}

fn respond(files: &[File], method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let found = files.iter().find(|file| file.path == path && path != "/index.html");
    let response = match found {
        Some(file) => serve(file, headers),
        None if is_page(path, headers) => match files.iter().find(|file| file.path == "/index.html") {
            Some(index) => serve(index, headers),
            None => not_built(),
        },
        None => return None,
    };
    Some(response)
}

/// Whether somebody goes to a page with a browser.
fn is_page(path: &str, headers: &HeaderMap) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let accepts = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|kind| kind.trim_start().starts_with("text/html")));
    path == "/" || accepts && !NOT_PAGES.contains(&first)
}

fn serve(file: &File, headers: &HeaderMap) -> Response<Bytes> {
    // A name with a hash in it stands for these bytes for ever; the others are asked for each time.
    let hashed = file.path.starts_with("/assets/");
    let caching = if hashed {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .split(',')
                .any(|tag| tag.trim().trim_start_matches("W/") == file.etag)
        });
    let (encoding, bytes) = match (file.brotli, file.gzip) {
        (Some(brotli), _) if takes(headers, "br") => (Some("br"), brotli),
        (_, Some(gzip)) if takes(headers, "gzip") => (Some("gzip"), gzip),
        _ => (None, file.plain),
    };
    let body = if known { &[] } else { bytes };
    let mut response = base(file.kind, body);
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(ETAG, HeaderValue::from_static(file.etag));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn not_built() -> Response<Bytes> {
    let mut response = base("text/html; charset=utf-8", NOT_BUILT.as_bytes());
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn base(kind: &'static str, body: &'static [u8]) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body));
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        // Not `no-referrer`: with that, browsers send `Origin: null` where the API looks for this origin.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (COOP, "same-origin"),
        (CORP, "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether `Accept-Encoding` names a coding, and not with the weight 0.
fn takes(headers: &HeaderMap, coding: &str) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| {
            let (name, weight) = part.split_once(';').unwrap_or((part, ""));
            let none = weight
                .trim()
                .strip_prefix("q=")
                .is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0));
            name.trim().eq_ignore_ascii_case(coding) && !none
        })
}

#[cfg(test)]
mod tests;
