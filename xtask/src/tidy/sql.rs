//! SQL lives in `bailey-store`, and is never put together from pieces anywhere else.

use super::{
    Finding, SourceFile,
    rust::{self, Kind},
};

/// The store writes it; the test harness makes and drops databases.
const ALLOWED: [&str; 3] = ["crates/store/", "crates/testkit/", "xtask/src/tidy/sql.rs"];
/// How strings are put together.
const BUILDERS: [&str; 5] = ["format!", "write!", "writeln!", "concat!", "push_str"];
/// How a statement begins, or goes on.
const STATEMENTS: [&str; 5] = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", " WHERE "];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let outside = |file: &&SourceFile| file.is_rust() && !ALLOWED.iter().any(|prefix| file.path.starts_with(prefix));
    files.iter().filter(outside).flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut line = 1;
    // Whether the code so far ends inside the brackets of a builder.
    let mut building = false;
    for (kind, stretch) in rust::stretches(&file.text) {
        match kind {
            Kind::Code => building = is_building(stretch, building),
            Kind::Literal if building && STATEMENTS.iter().any(|statement| stretch.contains(statement)) => {
                findings.push(Finding::error(&file.path, "SQL is put together outside bailey-store").at(line));
            }
            Kind::Literal | Kind::Comment => {}
        }
        line += stretch.matches('\n').count();
    }
    findings
}

/// A builder's call goes on until its statement ends.
fn is_building(code: &str, before: bool) -> bool {
    let begins = BUILDERS.iter().filter_map(|builder| code.rfind(builder)).max();
    let ends = code.rfind(';');
    match (begins, ends) {
        (Some(begins), Some(ends)) => begins > ends,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => before,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn finds_built_statements() {
        let text = "fn f() {\n    let q = format!(\n        \"SELECT a FROM {table}\"\n    );\n}\n";
        assert_eq!(check(&[file("crates/server/src/a.rs", text)])[0].line, Some(3));
        assert_eq!(check(&[file("crates/store/src/a.rs", text)]), []);
        assert_eq!(
            check(&[file("crates/gate/src/a.rs", "q.push_str(\" WHERE a = 1\");\n")]).len(),
            1
        );
    }

    #[test]
    fn leaves_other_strings_and_comments_alone() {
        let text =
            "// format!(\"SELECT a\")\nlet a = format!(\"b\");\nlet c = \"SELECT one\";\nlet d = format!(\"{c}\");\n";
        assert_eq!(check(&[file("crates/gate/src/a.rs", text)]), []);
    }
}
