//! `unsafe` stands in the files listed here and nowhere else; the lint `unsafe_code` is denied, and this list keeps an
//! `#[expect]` of it from slipping in.

use super::{Finding, SourceFile, rust};

/// Files that may use it, each with a reason in its own documentation.
const ALLOWED: &[&str] = &[
    "crates/agent/src/sandbox/sys.rs",
    "crates/agent/tests/sandbox/attempt/main.rs",
    "crates/agent/tests/sandbox/attempt/resources.rs",
];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    check_against(files, ALLOWED)
}

fn check_against(files: &[SourceFile], allowed: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let lines = lines_with_unsafe(&file.text);
        let listed = allowed.contains(&file.path.as_str());
        if listed && lines.is_empty() {
            findings.push(Finding::error(
                &file.path,
                "listed in unsafe_code::ALLOWED, but nothing in it is unsafe",
            ));
        } else if !listed {
            findings.extend(
                lines
                    .iter()
                    .map(|line| Finding::error(&file.path, "`unsafe` outside the list").at(*line)),
            );
        }
    }
    for path in allowed
        .iter()
        .filter(|path| !files.iter().any(|file| file.path == **path))
    {
        findings.push(Finding::error(
            *path,
            "listed in unsafe_code::ALLOWED, but does not exist",
        ));
    }
    findings
}

/// Counted from 1. The name of the lint itself, `unsafe_code`, is another word.
fn lines_with_unsafe(text: &str) -> Vec<usize> {
    let code = rust::without_comments_and_literals(text);
    let is_word = |line: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == "unsafe")
    };
    code.lines()
        .enumerate()
        .filter(|(_, line)| is_word(line))
        .map(|(index, _)| index + 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn finds_code_only() {
        let text = "// unsafe\nlet a = \"unsafe\";\n#![deny(unsafe_code)]\nunsafe { f() }\n";
        assert_eq!(
            check_against(&[file("a.rs", text)], &[]),
            [Finding::error("a.rs", "`unsafe` outside the list").at(4)]
        );
    }

    #[test]
    fn a_listed_file_may_and_must_use_it() {
        assert_eq!(check_against(&[file("a.rs", "unsafe {}\n")], &["a.rs"]), []);
        assert_eq!(check_against(&[file("a.rs", "fn f() {}\n")], &["a.rs"]).len(), 1);
        assert_eq!(check_against(&[], &["a.rs"]).len(), 1);
    }
}
