//! Just enough of Rust's lexical grammar to tell code from comments and literals.

/// What a stretch of source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Code,
    Comment,
    /// A string, byte string or character literal, with its quotes.
    Literal,
}

/// Splits source into stretches, in order and without gaps.
pub(crate) fn stretches(text: &str) -> Vec<(Kind, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut code = 0;
    while code < rest.len() {
        let (before, here) = rest.split_at(code);
        let Some((kind, length)) = comment_or_literal(before, here) else {
            code += here.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if !before.is_empty() {
            found.push((Kind::Code, before));
        }
        let (stretch, after) = here.split_at(length);
        found.push((kind, stretch));
        (rest, code) = (after, 0);
    }
    if !rest.is_empty() {
        found.push((Kind::Code, rest));
    }
    found
}

/// The source with every comment and literal replaced by spaces; lines keep their numbers.
pub(crate) fn without_comments_and_literals(text: &str) -> String {
    let blank = |stretch: &str| {
        stretch
            .chars()
            .map(|c| if c == '\n' { c } else { ' ' })
            .collect::<String>()
    };
    stretches(text)
        .into_iter()
        .map(|(kind, stretch)| {
            if kind == Kind::Code {
                stretch.to_owned()
            } else {
                blank(stretch)
            }
        })
        .collect()
}

/// What begins at `here`, and how long it is; nothing where code goes on.
fn comment_or_literal(before: &str, here: &str) -> Option<(Kind, usize)> {
    if here.starts_with("//") {
        return Some((Kind::Comment, here.find('\n').unwrap_or(here.len())));
    }
    if here.starts_with("/*") {
        return Some((Kind::Comment, block_comment(here)));
    }
    if here.starts_with('"') {
        return Some((Kind::Literal, quoted(here, '"')));
    }
    if here.starts_with('\'') {
        return character(here).map(|length| (Kind::Literal, length));
    }
    // `r"..."` and `r#"..."#`, but not the end of a name such as `for"`.
    let in_name = before
        .chars()
        .next_back()
        .is_some_and(|c| c.is_alphanumeric() || c == '_');
    let in_raw_prefix = in_name && before.ends_with(['b', 'c']) && !before.ends_with("bb");
    if here.starts_with('r') && (!in_name || in_raw_prefix) {
        return raw_string(here).map(|length| (Kind::Literal, length));
    }
    None
}

/// Length of a block comment, which may hold others.
fn block_comment(here: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < here.len() {
        let rest = &here.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    here.len()
}

/// Length of a literal that begins and ends with `quote`, with escapes.
fn quoted(here: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in here.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    here.len()
}

/// Length of a character literal; none where the quote begins a lifetime.
fn character(here: &str) -> Option<usize> {
    let mut chars = here.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        return Some(quoted(here, '\''));
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(at + 1)
}

fn raw_string(here: &str) -> Option<usize> {
    let after = here.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = 1 + hashes + 1;
    Some(here[start..].find(&end).map_or(here.len(), |at| start + at + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_comments_strings_and_characters() {
        let source = "a /* x /* y */ z */ b // c\nd \"e \\\" f\" g 'h' '\\'' i<'j>(r#\"k \" l\"#) br\"m\"";
        let blanked = without_comments_and_literals(source);
        assert_eq!(blanked.len(), source.len());
        let words: Vec<_> = blanked.split_whitespace().collect();
        assert_eq!(words, ["a", "b", "d", "g", "i<'j>(", ")", "b"]);
    }

    #[test]
    fn keeps_lines() {
        let source = "/*\n\n*/\nlet a = \"b\nc\";\nunsafe {}";
        let blanked = without_comments_and_literals(source);
        assert_eq!(blanked.lines().count(), source.lines().count());
        assert_eq!(blanked.lines().last(), Some("unsafe {}"));
    }

    #[test]
    fn stretches_are_the_whole_text() {
        for source in [
            "",
            "é 'ü' \"ö",
            "'",
            "r#",
            "/*",
            "a\\b",
            "let for_r = \"\";",
            "r\"",
            "'a",
            "b'\\",
        ] {
            let joined: String = stretches(source).into_iter().map(|(_, stretch)| stretch).collect();
            assert_eq!(joined, source);
        }
    }
}
