//! Text of strangers inside Markdown that Bailey writes.
//!
//! What forges make of Markdown goes beyond `CommonMark`: mentions notify people, `#12` leaves traces on other tickets, a line that begins
//! with a slash is a command (GitLab's quick actions), bare addresses become links. Text that went through here stays text: it
//! is shown as it was written and does nothing.

/// What breaks a reference without showing: forges look for the sign and the name side by side.
const JOINER: char = '\u{2060}';

/// `text` as plain text within a line, of at most `most` characters.
pub fn inline(text: &str, most: usize) -> String {
    escape(&one_line(text, most))
}

/// `text` as a quotation of at most `most` characters, its lines kept.
pub fn quote(text: &str, most: usize) -> String {
    let (kept, cut) = head(text.trim(), most);
    let mut out = String::with_capacity(kept.len() + kept.len() / 4);
    for line in kept.lines().chain(cut.then_some("…")) {
        out.push_str("> ");
        // Two spaces at the end keep the break, an indentation would make it code.
        out.push_str(&escape(&one_line(line, usize::MAX)));
        out.push_str("  \n");
    }
    out
}

/// `text` as code within a line, of at most `most` characters: for names such as a model's or a branch's. Backticks and bars, which
/// no such name has, are replaced, because they would end the code or a table's cell.
pub fn code(text: &str, most: usize) -> String {
    let text = one_line(text, most).replace('`', "'").replace('|', "¦");
    if text.is_empty() {
        return "`?`".to_owned();
    }
    format!("`{text}`")
}

/// A link whose address is Bailey's or the forge's own; plain text where the address is not http.
pub fn link(text: &str, address: &str) -> String {
    let sound = |b: u8| b.is_ascii_graphic() && !b"<>()[]\\\"'`|".contains(&b);
    let web = address.starts_with("https://") || address.starts_with("http://");
    if web && address.len() <= 2_048 && address.bytes().all(sound) {
        format!("[{}](<{address}>)", inline(text, 200))
    } else {
        inline(text, 200)
    }
}

/// `text` for a title: one line, no markup known, and no reference to people or tickets.
pub fn title(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text, most).chars() {
        out.push(c);
        if is_sigil(c) {
            out.push(JOINER);
        }
    }
    out
}

/// Text on one line, without characters that do not show, runs of spaces as one space, cut to `most` characters.
pub fn one_line(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(4_096));
    let mut count = 0_usize;
    let mut space = false;
    for c in text.chars().filter(|c| !is_hidden(*c)) {
        if c.is_whitespace() {
            space = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut space) {
            out.push(' ');
            count += 1;
        }
        out.push(c);
        count += 1;
        if count > most {
            let kept: String = out.chars().take(most.saturating_sub(1)).collect();
            return format!("{}…", kept.trim_end());
        }
    }
    out
}

/// Whether a character does not show: controls but for white space, directions, joiners, tags and the like. Text can hide
/// instructions in them.
pub fn is_hidden(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}')
}

/// The first `most` characters, and whether there were more.
fn head(text: &str, most: usize) -> (&str, bool) {
    match text.char_indices().nth(most) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), true),
        None => (text, false),
    }
}

/// Signs that begin a reference at one of the forges: people, tickets, merge requests, labels, milestones, snippets, epics, alerts.
const fn is_sigil(c: char) -> bool {
    matches!(c, '@' | '#' | '!' | '~' | '%' | '$' | '&' | '^')
}

fn escape(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + line.len() / 4);
    let mut before = '\n';
    for c in line.chars() {
        match c {
            '.' if before.is_ascii_digit() || before.eq_ignore_ascii_case(&'w') => out.push('\\'),
            '/' if matches!(before, '\n' | ':') => out.push(if before == ':' { JOINER } else { '\\' }),
            '-' | '+' | '=' if before == '\n' => out.push('\\'),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '<' | '>' | '|' | '"' | '\'' => out.push('\\'),
            c if is_sigil(c) => out.push('\\'),
            _ => {}
        }
        out.push(c);
        if is_sigil(c) {
            out.push(JOINER);
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(
            inline("a *b* [c](http://d)", 100),
            "a \\*b\\* \\[c\\]\\(http:\u{2060}//d\\)"
        );
        assert_eq!(inline("<script>&lt;", 100), "\\<script\\>\\&\u{2060}lt;");
        assert_eq!(inline("| a |\n| - |", 100), "\\| a \\| \\| - \\|");
        assert_eq!(inline("- a", 100), "\\- a");
        assert_eq!(inline("1. a www.example.com", 100), "1\\. a www\\.example.com");
    }

    #[test]
    fn nobody_is_mentioned_and_nothing_referred_to() {
        for text in [
            "@all",
            "@ada",
            "a@b.example",
            "#12",
            "!3",
            "~bug",
            "%1",
            "$4",
            "&5",
            "^alert#1",
            "group/project#7",
        ] {
            for out in [inline(text, 100), quote(text, 100), title(text, 100)] {
                let bare = out.replace('\\', "");
                assert!(!bare.contains(text), "{out:?}");
                assert_eq!(bare.replace(JOINER, "").trim_start_matches("> ").trim(), text);
            }
        }
    }

    #[test]
    fn commands_of_the_forge_are_not_given() {
        for text in ["/close", "\n/assign @ada", "a\n/label ~x\n  /merge"] {
            for out in [format!("{}\n", inline(text, 100)), quote(text, 100)] {
                assert!(out.lines().all(|line| !line.trim_start().starts_with('/')), "{out:?}");
            }
        }
        assert!(
            quote("x\n\n```\n/close", 100)
                .lines()
                .all(|line| line.starts_with("> "))
        );
    }

    #[test]
    fn code_holds_what_is_in_it() {
        assert_eq!(code("claude-sonnet-4-5", 50), "`claude-sonnet-4-5`");
        assert_eq!(code("a`b``c", 50), "`a'b''c`");
        assert_eq!(code("a|b", 50), "`a¦b`");
        assert_eq!(code("a\nb", 50), "`a b`");
        assert_eq!(code(" \u{200b}", 50), "`?`");
    }

    #[test]
    fn links_lead_to_the_web_alone() {
        assert_eq!(link("chat", "https://b.example/c/1"), "[chat](<https://b.example/c/1>)");
        for address in [
            "javascript:alert(1)",
            "https://b.example/a b",
            "https://b.example/>x",
            "//b.example",
            "https://b.example/\n/close",
        ] {
            assert_eq!(link("chat", address), "chat", "{address}");
        }
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(inline("abcdef", 6), "abcdef");
        assert_eq!(inline("abcdefg", 6), "abcde…");
        assert_eq!(quote("abc\ndef", 5), "> abc  \n> d  \n> …  \n");
        assert_eq!(one_line("a\u{200b}b\u{202e}c\u{e0041}", 10), "abc");
    }

    proptest! {
        /// Whatever is quoted, every line of it is a line of the quotation, nothing refers to anybody, and the length is bounded.
        #[test]
        fn quotations_hold(text in "(\\PC|\n|/|@|#|`|\\\\){0,200}", most in 1_usize..120) {
            let out = quote(&text, most);
            prop_assert!(out.lines().all(|line| line.starts_with("> ")));
            prop_assert!(out.chars().count() <= most * 8 + 16);
            for line in [out, inline(&text, most), title(&text, most)] {
                let mut chars = line.chars().peekable();
                while let Some(c) = chars.next() {
                    if is_sigil(c) {
                        prop_assert_eq!(chars.peek(), Some(&JOINER));
                    }
                }
            }
        }

        #[test]
        fn a_line_is_one_line_of_bounded_length(text in "(\\PC|\n|\r|\u{85}|\u{2028}|\t){0,80}", most in 1_usize..50) {
            let line = one_line(&text, most);
            prop_assert!(line.chars().count() <= most);
            let breaks = line.contains(['\n', '\r', '\u{85}', '\u{2028}']);
            prop_assert!(!breaks);
            prop_assert!(!line.chars().any(is_hidden));
        }
    }
}
