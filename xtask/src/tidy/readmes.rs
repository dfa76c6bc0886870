//! Every crate says in its README what it is for, and the README is the crate's documentation.

use super::{Finding, SourceFile};

/// The first line of a crate's root file.
const INCLUDE: &str = "#![doc = include_str!(\"../README.md\")]";

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in files.iter().filter(|file| is_member(&file.path)) {
        let directory = manifest.path.trim_end_matches("/Cargo.toml");
        let find = |name: &str| files.iter().find(|file| file.path == format!("{directory}/{name}"));
        if find("README.md").is_none_or(|readme| readme.text.trim().is_empty()) {
            findings.push(Finding::error(
                &manifest.path,
                "the crate has no README.md, or an empty one",
            ));
        }
        match find("src/lib.rs").or_else(|| find("src/main.rs")) {
            Some(root) if root.text.lines().next() == Some(INCLUDE) => {}
            Some(root) => findings.push(Finding::error(&root.path, format!("the first line is not `{INCLUDE}`")).at(1)),
            None => findings.push(Finding::error(
                &manifest.path,
                "neither src/lib.rs nor src/main.rs stands here",
            )),
        }
    }
    findings
}

/// Manifests of the workspace's members; the root's own and that of the fuzz targets have no README rule.
pub(crate) fn is_member(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').collect();
    matches!(
        parts[..],
        ["crates" | "bench", _, "Cargo.toml"] | ["xtask", "Cargo.toml"]
    )
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn a_crate_with_readme_and_include_is_fine() {
        let files = [
            file("crates/a/Cargo.toml", ""),
            file("crates/a/README.md", "# a"),
            file("crates/a/src/lib.rs", &format!("{INCLUDE}\n")),
        ];
        assert_eq!(check(&files), []);
    }

    #[test]
    fn a_crate_without_either_is_not() {
        let files = [
            file("crates/a/Cargo.toml", ""),
            file("crates/a/src/main.rs", "fn main() {}\n"),
        ];
        assert_eq!(check(&files).len(), 2);
        assert_eq!(check(&[file("crates/a/Cargo.toml", "")]).len(), 2);
    }

    #[test]
    fn other_manifests_are_no_members() {
        assert!(!is_member("Cargo.toml"));
        assert!(!is_member("fuzz/Cargo.toml"));
        assert!(is_member("bench/upstream/Cargo.toml"));
    }
}
