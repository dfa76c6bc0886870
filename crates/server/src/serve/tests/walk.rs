//! Every route there is, and what its answers say to browsers.

use http::{HeaderMap, Method};
use http_body_util::Full;

use super::super::*;
use super::rig::{NAME, Reply, Rig, SECURE, Wanted, reply, test};

const HSTS: &str = "strict-transport-security";

/// What is wrong with the headers of an answer of Bailey's own.
fn faults(headers: &HeaderMap) -> Vec<String> {
    let value = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let policy = value("content-security-policy");
    let mut faults = Vec::new();
    for (name, good) in [
        ("x-content-type-options", value("x-content-type-options") == "nosniff"),
        ("x-frame-options", value("x-frame-options") == "DENY"),
        (
            "cross-origin-opener-policy",
            value("cross-origin-opener-policy") == "same-origin",
        ),
        (
            "cross-origin-resource-policy",
            value("cross-origin-resource-policy") == "same-origin",
        ),
        (
            "referrer-policy",
            ["no-referrer", "same-origin"].contains(&value("referrer-policy")),
        ),
        ("frame-ancestors", policy.contains("frame-ancestors 'none'")),
        (
            "default-src",
            policy.contains("default-src 'none'") || policy.contains("default-src 'self'"),
        ),
        ("base-uri", policy.contains("base-uri 'none'")),
        ("form-action", policy.contains("form-action ")),
        (
            "script-src",
            !policy.contains("unsafe-eval") && !policy.contains("script-src 'self' 'unsafe"),
        ),
        (
            "cross-origin reads",
            !headers.contains_key("access-control-allow-origin"),
        ),
    ] {
        if !good {
            faults.push(format!("{name}: {}", value(name)));
        }
        assert!(headers.get_all(name).iter().count() < 2, "{name} twice");
    }
    faults
}

fn year_or_more(headers: &HeaderMap) -> bool {
    let said = headers.get(HSTS).map_or("", |value| value.to_str().unwrap());
    let age = said.split("; ").find_map(|part| part.strip_prefix("max-age="));
    age.is_some_and(|age| age.parse::<u64>().unwrap() >= 31_536_000) && said.contains("includeSubDomains")
}

/// Every operation of the API, and what lies beside it.
fn everything() -> Vec<(Method, String)> {
    let api = crate::routes::openapi();
    let mut all = Vec::new();
    for (path, item) in &api.paths.paths {
        let path = path.replace(['{', '}'], "");
        for (method, operation) in [
            (Method::GET, &item.get),
            (Method::PUT, &item.put),
            (Method::POST, &item.post),
            (Method::PATCH, &item.patch),
            (Method::DELETE, &item.delete),
        ] {
            if operation.is_some() {
                all.push((method, path.clone()));
            }
        }
    }
    assert!(all.len() > 90, "{}", all.len());
    for path in [
        "/",
        "/workspaces",
        "/sign-in",
        "/index.html",
        "/assets/none.js",
        "/favicon.ico",
        "/nowhere",
        "/api/v1/nowhere",
        "/errors/not_found",
        "/v1/models",
        "/.well-known/security.txt",
    ] {
        all.push((Method::GET, path.to_owned()));
        all.push((Method::DELETE, path.to_owned()));
    }
    for path in [
        "/v1/messages",
        "/v1/chat/completions",
        "/anthropic/v1/messages",
        "/v1/responses",
    ] {
        all.push((Method::POST, path.to_owned()));
    }
    all.push((Method::OPTIONS, "/api/v1/me".to_owned()));
    all.push((Method::HEAD, "/".to_owned()));
    all
}

async fn walk(rig: &Rig) -> Vec<(String, Reply)> {
    let mut sender = rig.http2().await;
    let mut answers = Vec::new();
    for (method, path) in everything() {
        for accept in ["application/json", "text/html"] {
            let request = Request::builder()
                .method(method.clone())
                .uri(format!("https://{NAME}{path}"))
                .header("accept", accept)
                .header("content-type", "application/json")
                .body(Full::from("{}"));
            let answer = sender.send_request(request.unwrap()).await.unwrap();
            answers.push((format!("{method} {path}"), reply(answer).await));
        }
    }
    answers
}

#[test]
fn every_answer_of_every_route_has_the_headers_of_promises_md() {
    test(SECURE, async |rig: Rig| {
        let answers = walk(&rig).await;
        for (what, answer) in &answers {
            assert_eq!(
                faults(&answer.headers),
                Vec::<String>::new(),
                "{what} {}",
                answer.status
            );
            assert!(year_or_more(&answer.headers), "{what}: {:?}", answer.headers.get(HSTS));
        }
        let statuses: std::collections::BTreeSet<u16> = answers.iter().map(|(_, answer)| answer.status).collect();
        // Pages and refusals, of the API and of the model door.
        assert!(statuses.is_superset(&[200, 401, 404, 405].into()), "{statuses:?}");
    });
}

#[test]
fn refusals_of_the_server_itself_have_them_too() {
    test(SECURE, async |rig: Rig| {
        for (request, status) in [
            ("GET / HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n", 421),
            ("GET / HTTP/1.1\r\nconnection: close\r\n\r\n", 400),
        ] {
            let answer = rig.raw(request).await;
            assert_eq!((answer.status, faults(&answer.headers)), (status, Vec::new()));
        }
    });
}

#[test]
fn apps_are_for_https_alone_where_the_server_is() {
    let wanted = Wanted {
        config: "[server]\nallowed_hosts = [\"bailey.example\"]\n[apps]\ndomain = \"apps.example\"\n",
        ..SECURE
    };
    test(wanted, async |rig: Rig| {
        for path in ["/", "/.bailey/open?code=x", "/.bailey/x"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nhost: a--w--o.apps.example\r\naccept: text/html\r\nconnection: close\r\n\r\n"
            );
            let answer = rig.raw(&request).await;
            assert!(year_or_more(&answer.headers), "{path} {answer:?}");
            let policy = answer.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.contains("frame-ancestors 'none'"), "{path}");
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
            ] {
                assert_eq!(answer.headers[name], value, "{path}");
            }
        }
    });
}

#[test]
fn nobody_is_bound_to_https_who_came_without_it() {
    let plain = Wanted {
        tls: false,
        config: "[server]\nallowed_hosts = [\"bailey.example\"]\n",
        ..SECURE
    };
    test(plain, async |rig: Rig| {
        for forwarded in ["", "x-forwarded-proto: https\r\n"] {
            let request = format!("GET / HTTP/1.1\r\nhost: bailey.example\r\n{forwarded}connection: close\r\n\r\n");
            let answer = rig.plain(&request).await;
            assert_eq!((answer.status, faults(&answer.headers)), (200, Vec::new()));
            assert!(!answer.headers.contains_key(HSTS), "no proxy is trusted here");
        }
    });
}

#[test]
fn behind_a_proxy_that_speaks_https_browsers_are_told_and_localhost_never_is() {
    let behind = Wanted {
        tls: false,
        config: "[server]\nallowed_hosts = [\"bailey.example\"]\ntrusted_proxies = [\"127.0.0.1/32\"]\n",
        ..SECURE
    };
    test(behind, async |rig: Rig| {
        for (host, proto, told) in [
            ("bailey.example", "https", true),
            ("bailey.example", "http", false),
            ("localhost", "https", false),
            ("127.0.0.1", "https", false),
        ] {
            let request =
                format!("GET / HTTP/1.1\r\nhost: {host}\r\nx-forwarded-proto: {proto}\r\nconnection: close\r\n\r\n");
            let answer = rig.plain(&request).await;
            assert_eq!(year_or_more(&answer.headers), told, "{host} {proto}");
        }
    });
}
