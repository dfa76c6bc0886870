//! Who may depend on whom. Arrows point down: a crate sees those below it and nothing else.

use std::collections::BTreeMap;

use super::{Finding, SourceFile, readmes::is_member};

/// Each crate of the workspace, and the crates of the workspace that it may use. Lower ones come first.
const EDGES: &[(&str, &[&str])] = &[
    ("bailey-core", &[]),
    ("bailey-llm", &["bailey-core"]),
    ("bailey-api", &["bailey-core"]),
    ("bailey-link", &["bailey-core"]),
    ("bailey-egress", &["bailey-core"]),
    ("bailey-agent", &["bailey-api", "bailey-core", "bailey-link"]),
    ("bailey-store", &["bailey-core", "bailey-llm"]),
    ("bailey-runtime", &["bailey-core", "bailey-egress", "bailey-llm"]),
    ("bailey-workspaces", &["bailey-api", "bailey-core", "bailey-runtime"]),
    ("bailey-forges", &["bailey-core", "bailey-runtime"]),
    // Judges our ledger, so it may share no code with it.
    ("bailey-mock", &[]),
    // Stands in for a forge that is not ours, so what it understands of GitLab is its own.
    ("bailey-demo-forge", &[]),
    (
        "bailey-gate",
        &["bailey-core", "bailey-llm", "bailey-runtime", "bailey-store"],
    ),
    (
        "bailey-chats",
        &["bailey-core", "bailey-llm", "bailey-runtime", "bailey-store"],
    ),
    (
        "bailey-gateway",
        &["bailey-core", "bailey-gate", "bailey-llm", "bailey-runtime"],
    ),
    (
        "bailey-server",
        &[
            "bailey-api",
            "bailey-chats",
            "bailey-core",
            "bailey-egress",
            "bailey-forges",
            "bailey-gate",
            "bailey-gateway",
            "bailey-link",
            "bailey-llm",
            "bailey-mock",
            "bailey-runtime",
            "bailey-store",
            "bailey-workspaces",
        ],
    ),
    (
        "bailey-cli",
        &[
            "bailey-api",
            "bailey-core",
            "bailey-demo-forge",
            "bailey-gate",
            "bailey-llm",
            "bailey-mock",
            "bailey-runtime",
            "bailey-server",
            "bailey-store",
            "bailey-workspaces",
        ],
    ),
    ("bailey-testkit", &["bailey-core", "bailey-mock"]),
    ("bench-upstream", &["bailey-demo-forge"]),
    ("xtask", &[]),
];

/// Crates for tests alone, which any crate may use as a dev-dependency.
const FOR_TESTS: [&str; 3] = ["bailey-demo-forge", "bailey-mock", "bailey-testkit"];

/// Outside crates that only some of ours may use, with the reason.
const RESERVED: &[(&[&str], &[&str], &str)] = &[
    (
        &["sqlx"],
        &["bailey-store", "bailey-testkit"],
        "SQL lives in bailey-store",
    ),
    (
        &["hyper-rustls"],
        &["bailey-runtime", "bailey-testkit"],
        "HTTP clients are made in bailey-runtime",
    ),
    (
        &["rustls"],
        &["bailey-runtime", "bailey-server", "bailey-testkit"],
        "TLS is spoken by clients of bailey-runtime and by the listener of bailey-server",
    ),
    (
        &["axum", "utoipa-axum"],
        &["bailey-server"],
        "the API's routes live in bailey-server",
    ),
];

/// Crates without IO, clock or chance: what they compute depends on their arguments alone.
const PURE: [&str; 2] = ["bailey-core", "bailey-llm"];
/// What a pure crate may not use.
const IMPURE: [&str; 12] = [
    "axum",
    "getrandom",
    "http-body",
    "hyper",
    "hyper-util",
    "mimalloc",
    "rustix",
    "sqlx",
    "tokio",
    "tokio-util",
    "tower",
    "tracing-subscriber",
];

/// The parts of a manifest that say what the crate depends on.
#[derive(Debug, Default)]
struct Manifest {
    name: String,
    normal: Vec<String>,
    dev: Vec<String>,
}

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut manifests = BTreeMap::new();
    for file in files.iter().filter(|file| is_member(&file.path)) {
        match parse(&file.text) {
            Ok(manifest) => {
                manifests.insert(file.path.clone(), manifest);
            }
            Err(error) => findings.push(Finding::error(&file.path, format!("cannot be read: {error}"))),
        }
    }
    for (path, manifest) in &manifests {
        findings.extend(check_manifest(path, manifest));
    }
    let gone = EDGES
        .iter()
        .filter(|(name, _)| !manifests.values().any(|manifest| manifest.name == *name));
    findings
        .extend(gone.map(|(name, _)| Finding::error("xtask/src/tidy/edges.rs", format!("`{name}` does not exist"))));
    findings
}

fn check_manifest(path: &str, manifest: &Manifest) -> Vec<Finding> {
    let name = manifest.name.as_str();
    let Some((_, allowed)) = EDGES.iter().find(|(listed, _)| *listed == name) else {
        return vec![Finding::error(
            path,
            format!("`{name}` is not listed in xtask/src/tidy/edges.rs"),
        )];
    };
    let is_ours = |dependency: &str| EDGES.iter().any(|(listed, _)| *listed == dependency);
    let mut findings = Vec::new();
    for dependency in manifest.normal.iter().map(String::as_str) {
        if is_ours(dependency) && !allowed.contains(&dependency) {
            findings.push(Finding::error(
                path,
                format!("`{name}` may not depend on `{dependency}`"),
            ));
        }
        if PURE.contains(&name) && IMPURE.contains(&dependency) {
            findings.push(Finding::error(
                path,
                format!("`{name}` is pure and may not depend on `{dependency}`"),
            ));
        }
        for (outside, users, reason) in RESERVED {
            if outside.contains(&dependency) && !users.contains(&name) {
                findings.push(Finding::error(
                    path,
                    format!("`{name}` may not depend on `{dependency}`: {reason}"),
                ));
            }
        }
    }
    for dependency in manifest.dev.iter().map(String::as_str) {
        if is_ours(dependency) && !allowed.contains(&dependency) && !FOR_TESTS.contains(&dependency) {
            findings.push(Finding::error(
                path,
                format!("the tests of `{name}` may not depend on `{dependency}`"),
            ));
        }
    }
    findings
}

fn parse(text: &str) -> Result<Manifest, String> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| error.message().to_owned())?;
    let name = table
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(toml::Value::as_str);
    let names = |key: &str| {
        let section = table.get(key).and_then(toml::Value::as_table);
        section
            .map(|section| section.keys().cloned().collect::<Vec<_>>())
            .unwrap_or_default()
    };
    let mut normal = names("dependencies");
    normal.extend(names("build-dependencies"));
    Ok(Manifest {
        name: name.ok_or("no package.name")?.to_owned(),
        normal,
        dev: names("dev-dependencies"),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    fn messages(manifest: &str) -> Vec<String> {
        let manifest = parse(manifest).unwrap();
        check_manifest("crates/x/Cargo.toml", &manifest)
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn arrows_point_down() {
        let text = "[package]\nname = 'bailey-store'\n[dependencies]\nbailey-core.workspace = true\nsqlx = '1'\n";
        assert_eq!(messages(text), Vec::<String>::new());
        let text = "[package]\nname = 'bailey-store'\n[dependencies]\nbailey-gate.workspace = true\n";
        assert_eq!(messages(text), ["`bailey-store` may not depend on `bailey-gate`"]);
    }

    #[test]
    fn pure_crates_stay_pure_and_reserved_ones_reserved() {
        let text = "[package]\nname = 'bailey-llm'\n[dependencies]\ntokio = '1'\nsqlx = '1'\n";
        assert_eq!(messages(text).len(), 3);
        let text = "[package]\nname = 'bailey-gate'\n[dependencies]\nsqlx = '1'\n";
        assert_eq!(
            messages(text),
            ["`bailey-gate` may not depend on `sqlx`: SQL lives in bailey-store"]
        );
    }

    #[test]
    fn tests_may_use_the_test_harness() {
        let text = "[package]\nname = 'bailey-core'\n[dev-dependencies]\nbailey-testkit = '1'\ntokio = '1'\n";
        assert_eq!(messages(text), Vec::<String>::new());
        let text = "[package]\nname = 'bailey-core'\n[dev-dependencies]\nbailey-server = '1'\n";
        assert_eq!(
            messages(text),
            ["the tests of `bailey-core` may not depend on `bailey-server`"]
        );
    }

    #[test]
    fn unlisted_and_vanished_crates_are_found() {
        assert_eq!(messages("[package]\nname = 'new'\n").len(), 1);
        assert_eq!(check(&[]).len(), EDGES.len());
        assert_eq!(
            check(&[file("xtask/Cargo.toml", "[package]\nname = 'xtask'\n")]).len(),
            EDGES.len() - 1
        );
        assert!(parse("[package]\n").is_err());
    }
}
