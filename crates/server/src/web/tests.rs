//! Which requests are the web app's, and with which headers they are answered.

use super::*;

const BUILT: &[File] = &[
    File {
        path: "/assets/index-abc.js",
        kind: "text/javascript; charset=utf-8",
        etag: "\"1\"",
        plain: b"plain",
        gzip: Some(b"gzip"),
        brotli: Some(b"brotli"),
    },
    File {
        path: "/index.html",
        kind: "text/html; charset=utf-8",
        etag: "\"2\"",
        plain: b"<!doctype html>",
        gzip: None,
        brotli: None,
    },
];

fn ask(files: &[File], path: &str, headers: &[(&'static str, &'static str)]) -> Option<Response<Bytes>> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    respond(files, &Method::GET, path, &map)
}

const BROWSER: (&str, &str) = ("accept", "application/xhtml+xml,text/html;q=0.9,*/*;q=0.8");

#[test]
fn pages_answer_with_the_index_and_routes_do_not() {
    for path in [
        "/",
        "/workspaces",
        "/workspaces/ws_1",
        "/sign-in",
        "/apiary",
        "/index.html",
    ] {
        let response = ask(BUILT, path, &[BROWSER]).expect(path);
        assert_eq!(response.body().as_ref(), b"<!doctype html>", "{path}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache", "{path}");
    }
    for path in [
        "/api/v1/me",
        "/api",
        "/v1/models",
        "/auth/okta/start",
        "/errors/not_found",
        "/livez",
        "/readyz",
        "/metrics",
        "/assets/gone.js",
        "/.well-known/x",
    ] {
        assert!(ask(BUILT, path, &[BROWSER]).is_none(), "{path}");
    }
    assert!(ask(BUILT, "/workspaces", &[("accept", "*/*")]).is_none());
    assert!(ask(BUILT, "/workspaces", &[]).is_none());
    assert!(ask(BUILT, "/", &[]).is_some());
    let mut browser = HeaderMap::new();
    browser.insert(ACCEPT, HeaderValue::from_static(BROWSER.1));
    assert!(respond(BUILT, &Method::POST, "/", &browser).is_none());
    assert!(respond(BUILT, &Method::HEAD, "/", &browser).is_some());
}

#[test]
fn no_route_is_taken_for_a_page() {
    let mut browser = HeaderMap::new();
    browser.insert(ACCEPT, HeaderValue::from_static(BROWSER.1));
    for path in crate::routes::openapi().paths.paths.keys() {
        assert!(!is_page(path, &browser), "{path} stands below none of NOT_PAGES");
    }
}

#[test]
fn files_are_sent_in_the_smallest_form_that_is_accepted() {
    for (accepted, encoding, body) in [
        ("gzip, deflate, br", Some("br"), "brotli"),
        ("gzip;q=1.0, br;q=0", Some("gzip"), "gzip"),
        ("GZIP", Some("gzip"), "gzip"),
        ("br;q=0.000, gzip;q=0", None, "plain"),
        ("identity", None, "plain"),
        ("brotli", None, "plain"),
    ] {
        let response = ask(BUILT, "/assets/index-abc.js", &[("accept-encoding", accepted)]).unwrap();
        let got = response.headers().get(CONTENT_ENCODING).map(|v| v.to_str().unwrap());
        assert_eq!(
            (got, response.body().as_ref()),
            (encoding, body.as_bytes()),
            "{accepted}"
        );
        assert_eq!(response.headers()[VARY], "accept-encoding");
        let caching = response.headers()[CACHE_CONTROL].to_str().unwrap();
        assert!(caching.contains("immutable"), "{caching}");
    }
}

#[test]
fn what_the_browser_has_is_not_sent_again() {
    for tag in ["\"2\"", "W/\"2\"", "\"1\", \"2\""] {
        let response = ask(BUILT, "/", &[("if-none-match", tag)]).unwrap();
        assert_eq!(
            (response.status(), response.body().len()),
            (StatusCode::NOT_MODIFIED, 0),
            "{tag}"
        );
    }
    let response = ask(BUILT, "/", &[("if-none-match", "\"3\"")]).unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn no_page_runs_inline_scripts_or_stands_in_a_frame() {
    for files in [BUILT, &[]] {
        let response = ask(files, "/", &[BROWSER]).unwrap();
        let headers = response.headers();
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[COOP], "same-origin");
        assert_eq!(headers[REFERRER_POLICY], "same-origin");
    }
}

#[test]
fn a_binary_without_the_web_app_says_how_to_build_it() {
    let response = ask(&[], "/", &[BROWSER]).unwrap();
    let text = std::str::from_utf8(response.body()).unwrap();
    assert!(text.contains("make build"), "{text}");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
}

#[test]
fn what_is_embedded_is_whole() {
    // True of a build without the web app, too.
    let Some(index) = FILES.iter().find(|file| file.path == "/index.html") else {
        assert!(FILES.is_empty());
        return;
    };
    let page = std::str::from_utf8(index.plain).unwrap();
    for part in page.split(['"', '\'']).filter(|part| part.starts_with("/assets/")) {
        assert!(FILES.iter().any(|file| file.path == part), "{part}");
    }
    assert!(!page.contains("<script>"), "an inline script would not run");
}
