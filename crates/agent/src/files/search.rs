//! Searching the content of files.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hyper::{Response, StatusCode};
use regex::bytes::{Regex, RegexBuilder};
use serde::Serialize;

use super::operations::Query;
use super::{Body, json};

/// The most matches, files and time of one search.
const MAX_MATCHES: usize = 1000;
const MAX_FILES: usize = 50_000;
const LONGEST: Duration = Duration::from_secs(5);
/// Larger files are passed over.
const MAX_SIZE: u64 = 2 * 1024 * 1024;
/// The most characters of a line that are shown.
const MAX_TEXT: usize = 300;
/// The most bytes of what is searched for, and of a compiled expression.
const MAX_QUERY: usize = 1000;
const MAX_COMPILED: usize = 1024 * 1024;
/// Directories that hold what nobody searches.
const PASSED_OVER: [&str; 4] = [".git", "node_modules", "target", ".cache"];

#[derive(Debug, Default, Serialize)]
struct Found {
    matches: Vec<Match>,
    /// A limit was reached, so there may be more.
    truncated: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Match {
    path: String,
    /// Counted from 1.
    line: usize,
    text: String,
}

/// `GET /search?path=&query=&regex=&limit=`.
pub(super) fn search(query: &Query) -> io::Result<Response<Body>> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
    let text = query
        .get("query")
        .filter(|text| !text.is_empty() && text.len() <= MAX_QUERY)
        .ok_or_else(|| invalid("`query` is missing or too long".to_owned()))?;
    let pattern = if query.flag("regex") {
        text.to_owned()
    } else {
        regex::escape(text)
    };
    let expression = RegexBuilder::new(&pattern)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .build()
        .map_err(|error| invalid(error.to_string()))?;
    let limit = query.get("limit").and_then(|limit| limit.parse().ok());
    let limit = limit.unwrap_or(MAX_MATCHES).min(MAX_MATCHES);
    let path = query.path("path").or_else(|_| Query::parse("path=.").path("path"))?;
    Ok(json(StatusCode::OK, &walk(&path, &expression, limit)?))
}

fn walk(path: &Path, expression: &Regex, limit: usize) -> io::Result<Found> {
    let start = Instant::now();
    let mut found = Found::default();
    let mut seen = 0;
    // Where it begins a link is followed; below, none is. A path that is not there is an error.
    let mut left = vec![fs::canonicalize(path)?];
    while let Some(path) = left.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        seen += 1;
        if seen > MAX_FILES || start.elapsed() > LONGEST {
            found.truncated = true;
            break;
        }
        if metadata.is_dir() {
            left.extend(below(&path));
        } else if metadata.is_file() && metadata.len() <= MAX_SIZE {
            look(&path, expression, limit, &mut found);
            if found.truncated {
                break;
            }
        }
    }
    Ok(found)
}

/// What is in a directory, the last first, so that the first is taken next.
fn below(path: &Path) -> Vec<PathBuf> {
    let passed_over = |name: &OsStr| PASSED_OVER.iter().any(|known| name == *known);
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !passed_over(&entry.file_name()))
        .map(|entry| entry.path())
        .take(MAX_FILES)
        .collect();
    entries.sort_by(|a, b| b.cmp(a));
    entries
}

fn look(path: &Path, expression: &Regex, limit: usize, found: &mut Found) {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_SIZE).read_to_end(&mut bytes));
    // A byte of zero near its beginning means that it is no text.
    if read.is_err() || bytes.iter().take(8192).any(|byte| *byte == 0) {
        return;
    }
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if !expression.is_match(line) {
            continue;
        }
        if found.matches.len() >= limit {
            found.truncated = true;
            return;
        }
        let text = String::from_utf8_lossy(line);
        found.matches.push(Match {
            path: path.display().to_string(),
            line: index + 1,
            text: text.trim_end().chars().take(MAX_TEXT).collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(path: &Path, pattern: &str, limit: usize) -> (Vec<(String, usize)>, bool) {
        let found = walk(path, &Regex::new(pattern).unwrap(), limit).unwrap();
        let place = |found: Match| {
            let name = Path::new(&found.path).strip_prefix(path).unwrap();
            (name.display().to_string(), found.line)
        };
        (found.matches.into_iter().map(place).collect(), found.truncated)
    }

    #[test]
    fn lines_are_found_in_order_and_within_limits() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        for (name, content) in [
            ("a.txt", &b"one\ntwo needle\n"[..]),
            ("b/c.txt", b"needle\nneedle"),
            (".git/config", b"needle"),
            ("z.bin", b"needle\0"),
        ] {
            fs::create_dir_all(path.join(name).parent().unwrap()).unwrap();
            fs::write(path.join(name), content).unwrap();
        }
        std::os::unix::fs::symlink(&path, path.join("loop")).unwrap();
        let place = |name: &str, line| (name.to_owned(), line);
        let all = vec![place("a.txt", 2), place("b/c.txt", 1), place("b/c.txt", 2)];
        assert_eq!(matches(&path, "needle", 10), (all.clone(), false));
        assert_eq!(matches(&path, "^needle$", 1), (vec![all[1].clone()], true));
        assert!(walk(&path.join("none"), &Regex::new("x").unwrap(), 1).is_err());
    }
}
