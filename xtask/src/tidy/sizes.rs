//! File size: a file that no longer fits into a reader's head is split.

use super::{Finding, SourceFile};

/// More lines than this are worth a look.
const WARN_ABOVE: usize = 500;
/// More lines than this are refused, unless the file is listed.
const FAIL_ABOVE: usize = 800;
/// Lines of the form `path lines`; `#` starts a comment.
const ALLOW_LIST: &str = "xtask/tidy-allow.txt";
/// What is counted. Data (prices, snapshots, lock files) is as long as it is.
const COUNTED: [&str; 6] = ["rs", "sql", "sh", "py", "ts", "tsx"];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let allowed = allowed(files, &mut findings);
    for file in files
        .iter()
        .filter(|file| COUNTED.contains(&file.extension()) && !file.is_fixture())
    {
        let lines = file.text.lines().count();
        let limit = allowed
            .iter()
            .find(|entry| entry.path == file.path)
            .map_or(FAIL_ABOVE, |entry| entry.lines);
        if lines > limit {
            findings.push(Finding::error(
                &file.path,
                format!("{lines} lines, at most {limit} are allowed: split it"),
            ));
        } else if lines > WARN_ABOVE && limit == FAIL_ABOVE {
            findings.push(Finding::warning(
                &file.path,
                format!("{lines} lines, more than {WARN_ABOVE}"),
            ));
        }
    }
    for entry in &allowed {
        let lines = files
            .iter()
            .find(|file| file.path == entry.path)
            .map_or(0, |file| file.text.lines().count());
        if lines <= FAIL_ABOVE {
            let message = format!("`{}` needs no exception any more: remove the line", entry.path);
            findings.push(Finding::error(ALLOW_LIST, message).at(entry.at));
        }
    }
    findings
}

struct Exception {
    path: String,
    lines: usize,
    /// Where it stands in the list.
    at: usize,
}

fn allowed(files: &[SourceFile], findings: &mut Vec<Finding>) -> Vec<Exception> {
    let Some(list) = files.iter().find(|file| file.path == ALLOW_LIST) else {
        return Vec::new();
    };
    let mut exceptions = Vec::new();
    for (index, line) in list.text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        let parsed = line
            .split_once(' ')
            .and_then(|(path, lines)| Some((path, lines.trim().parse().ok()?)));
        match parsed {
            Some((path, lines)) => exceptions.push(Exception {
                path: path.to_owned(),
                lines,
                at: index + 1,
            }),
            None => findings.push(Finding::error(ALLOW_LIST, "expected `path lines`").at(index + 1)),
        }
    }
    exceptions
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    fn long(path: &str, lines: usize) -> SourceFile {
        file(path, &"x\n".repeat(lines))
    }

    #[test]
    fn warns_above_the_first_and_fails_above_the_second_limit() {
        assert_eq!(check(&[long("a.rs", 500)]), []);
        assert_eq!(
            check(&[long("a.rs", 501)]),
            [Finding::warning("a.rs", "501 lines, more than 500")]
        );
        assert_eq!(
            check(&[long("a.rs", 801)]),
            [Finding::error("a.rs", "801 lines, at most 800 are allowed: split it")]
        );
        assert_eq!(check(&[long("prices.toml", 9000), long("Cargo.lock", 9000)]), []);
    }

    #[test]
    fn a_listed_file_may_not_grow() {
        let list = file(ALLOW_LIST, "# why\na.rs 900\n");
        assert_eq!(check(&[long("a.rs", 900), list.clone()]), []);
        assert_eq!(check(&[long("a.rs", 901), list]).len(), 1);
    }

    #[test]
    fn an_entry_that_is_not_needed_fails() {
        let list = file(ALLOW_LIST, "a.rs 900\ngone.rs 900\nnonsense\n");
        let lines: Vec<_> = check(&[long("a.rs", 300), list])
            .into_iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, [Some(3), Some(1), Some(2)]);
    }
}
