//! Markers that put work off: an open end belongs into an issue, where somebody sees it.

use super::{Finding, SourceFile};

/// Put together from halves, so that this file does not find itself.
const WORDS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACROS: [&str; 2] = [concat!("to", "do!"), concat!("unimple", "mented!")];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_source() && !file.is_fixture()) {
        for (index, line) in file.text.lines().enumerate() {
            for marker in WORDS.iter().filter(|word| has_word(line, word)) {
                findings.push(Finding::error(&file.path, format!("{marker}: do it, or open an issue")).at(index + 1));
            }
            for marker in MACROS.iter().filter(|name| file.is_rust() && line.contains(*name)) {
                findings.push(Finding::error(&file.path, format!("{marker}: write it")).at(index + 1));
            }
        }
    }
    findings
}

/// Whether `word` stands in the line by itself: not `XXXXXX` of a `mktemp` template, not a part of a name.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn finds_words_and_macros() {
        let text = format!("fn a() {{}}\n// {}: later\nfn b() {{ {}() }}\n", WORDS[0], MACROS[0]);
        let lines: Vec<_> = check(&[file("a.rs", &text)])
            .into_iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, [Some(2), Some(3)]);
        assert_eq!(check(&[file("a.sh", &format!("# {}", WORDS[1]))]).len(), 1);
    }

    #[test]
    fn leaves_parts_of_words_prose_and_fixtures_alone() {
        assert_eq!(check(&[file("a.sh", "mktemp -d a.XXXXXX")]), []);
        assert_eq!(check(&[file("a.rs", &format!("const {}_LIST: u8 = 1;", WORDS[0]))]), []);
        assert_eq!(check(&[file("a.md", WORDS[0])]), []);
        assert_eq!(check(&[file("crates/a/tests/fixtures/a.yaml", WORDS[0])]), []);
    }
}
