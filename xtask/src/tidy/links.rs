//! Links between the repository's Markdown files, and from them to other files, lead somewhere.

use super::{Finding, SourceFile};

/// `exists` says whether something stands at a path from the root.
pub(crate) fn check(files: &[SourceFile], exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.extension() == "md" && !file.is_fixture())
    {
        for (line, target) in targets(&file.text).into_iter().filter(|(_, target)| is_local(target)) {
            if !resolve(&file.path, target).is_some_and(|path| exists(&path)) {
                findings.push(Finding::error(&file.path, format!("the link to `{target}` leads nowhere")).at(line));
            }
        }
    }
    findings
}

/// Targets of `[text](target)` outside code, with their lines.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece between backticks is code.
        let mut prose = String::with_capacity(line.len());
        for (piece, part) in line.split('`').enumerate() {
            prose.push_str(&if piece % 2 == 0 {
                part.to_owned()
            } else {
                " ".repeat(part.len())
            });
            prose.push(' ');
        }
        for (at, _) in prose.match_indices("](") {
            // The blanked line has the original's byte positions, so the slice can borrow from the text.
            let target = line[at + 2..].split([')', ' ']).next().unwrap_or("");
            found.push((index + 1, target));
        }
    }
    found
}

/// Whether the link means a file of the repository.
fn is_local(target: &str) -> bool {
    let is_address = target.contains("://") || target.starts_with("mailto:");
    // `crate::Item` is a link for rustdoc, which checks it itself.
    let is_item = target.contains("::");
    !is_address && !is_item && !target.is_empty() && !target.starts_with('#')
}

/// The path from the root that a link in the file `from` means; none where it climbs out of the root.
fn resolve(from: &str, target: &str) -> Option<String> {
    let path = target.split('#').next()?;
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if path.starts_with('/') {
        parts.clear();
    }
    for part in path.split('/') {
        let climbs = part == "..";
        if climbs && parts.pop().is_none() {
            return None;
        }
        if !climbs && !part.is_empty() && part != "." {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    fn broken(path: &str, text: &str) -> Vec<String> {
        let exists = |path: &str| ["docs/a.md", "README.md", "docs"].contains(&path);
        check(&[file(path, text)], &exists)
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn good_links() {
        let text = "[a](a.md#part) [r](../README.md) [d](/docs) [w](https://example.com/x) [h](#here) [`T`](crate::T)";
        assert_eq!(broken("docs/b.md", text), Vec::<String>::new());
        assert_eq!(
            broken(
                "b.md",
                "`[a](gone.md)`\n```\n[a](gone.md)\n```\n[a](docs/a.md \"title\")"
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn bad_links() {
        assert_eq!(
            broken("b.md", "x `c` [é](gone.md)"),
            ["the link to `gone.md` leads nowhere"]
        );
        assert_eq!(broken("docs/b.md", "[a](../../a.md) [b](README.md)").len(), 2);
    }
}
