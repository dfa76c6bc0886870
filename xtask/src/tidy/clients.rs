//! HTTP clients are made in one place, where timeouts, redirects and credentials are decided.

use super::{Finding, SourceFile, rust};

/// Crates that may make one: the place itself, and programs that stand in for the outside world.
const ALLOWED: [&str; 6] = [
    "crates/runtime/",
    "crates/mock/",
    "crates/demo-forge/",
    "crates/testkit/",
    "bench/",
    // Over a socket pair, to a process of the agent's own; it cannot dial.
    "crates/agent/src/files.rs",
];
/// What making one looks like, with hyper and its relatives.
const MAKERS: [&str; 5] = [
    "Client::builder(",
    "client::conn",
    "HttpConnector::new",
    "HttpsConnectorBuilder",
    "reqwest::",
];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && !is_allowed(&file.path)) {
        let code = rust::without_comments_and_literals(&file.text);
        for (index, line) in code.lines().enumerate() {
            for maker in MAKERS.iter().filter(|maker| line.contains(*maker)) {
                let message = format!("`{maker}`: HTTP clients are made in bailey-runtime only");
                findings.push(Finding::error(&file.path, message).at(index + 1));
            }
        }
    }
    findings
}

/// Tests dial our own server, as a client from outside does.
fn is_allowed(path: &str) -> bool {
    ALLOWED.iter().any(|prefix| path.starts_with(prefix)) || path.contains("/tests/") || path.ends_with("/tests.rs")
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn finds_makers_outside_the_listed_crates() {
        let text = "fn f() {\n    let c = hyper_util::client::legacy::Client::builder(x);\n}\n";
        assert_eq!(check(&[file("crates/gate/src/a.rs", text)])[0].line, Some(2));
        assert_eq!(check(&[file("crates/runtime/src/http.rs", text)]), []);
        assert_eq!(check(&[file("crates/server/tests/api.rs", text)]), []);
    }

    #[test]
    fn naming_one_is_fine() {
        assert_eq!(
            check(&[file(
                "crates/gate/src/a.rs",
                "// Client::builder(\nuse hyper_util::client::legacy::Client;\n"
            )]),
            []
        );
    }
}
