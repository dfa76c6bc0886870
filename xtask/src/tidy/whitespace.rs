//! White space that nobody sees and every diff shows.

use super::{Finding, SourceFile};

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let checked = |file: &&SourceFile| (file.is_source() || file.extension() == "md") && !file.is_fixture();
    for file in files.iter().filter(checked) {
        for (index, line) in file.text.split('\n').enumerate() {
            if line.ends_with([' ', '\t', '\r']) {
                findings.push(Finding::error(&file.path, "white space at the end of the line").at(index + 1));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            findings.push(Finding::error(&file.path, "no newline at the end of the file"));
        }
        if file.text.ends_with("\n\n") {
            findings.push(Finding::error(&file.path, "empty lines at the end of the file"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn finds_each_kind() {
        assert_eq!(check(&[file("a.rs", "x \n")]).len(), 1);
        assert_eq!(check(&[file("a.md", "x\r\ny\n")])[0].line, Some(1));
        assert_eq!(check(&[file("a.toml", "x")]).len(), 1);
        assert_eq!(check(&[file("a.sh", "x\n\n")]).len(), 1);
    }

    #[test]
    fn leaves_clean_files_and_recorded_bytes_alone() {
        assert_eq!(check(&[file("a.rs", "x\n"), file("b.rs", "")]), []);
        assert_eq!(check(&[file("a.txt", "x ")]), []);
        assert_eq!(check(&[file("crates/a/tests/fixtures/a.yaml", "x ")]), []);
    }
}
