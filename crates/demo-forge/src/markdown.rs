//! Comments and descriptions as people write them, shown as HTML: a small part of Markdown, everything else as text.

use crate::html::Html;

/// The most bytes of one text that are shown.
const LONGEST: usize = 256 << 10;
/// The longest line whose marks are looked at, in bytes.
const LONGEST_LINE: usize = 4 << 10;
/// How deep emphasis and links may be within each other.
const DEEPEST: usize = 4;

/// Shows a text.
///
/// Paragraphs, headings, lists, quotations, fenced code, tables, emphasis, code and links are known. Comments of HTML are left out; all other
/// HTML is text. What is escaped with a backslash is text.
pub fn render(text: &str) -> Html {
    let end = (0..=LONGEST.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    let text = without_comments(text.get(..end).unwrap_or_default());
    let mut html = Html::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let kind = Kind::of(line);
        match kind {
            Kind::Blank => {}
            Kind::Fence => {
                html.raw("<pre>");
                for line in lines.by_ref().take_while(|line| Kind::of(line) != Kind::Fence) {
                    html.text(line).raw("\n");
                }
                html.raw("</pre>");
            }
            Kind::Heading => {
                html.open("h4");
                inline(&mut html, line.trim_start().trim_start_matches('#').trim(), 0);
                html.close("h4");
            }
            Kind::Bullet | Kind::Numbered | Kind::Quote | Kind::Row | Kind::Text => {
                let mut block = vec![line];
                while let Some(next) = lines.next_if(|next| Kind::of(next) == kind) {
                    block.push(next);
                }
                blocks(&mut html, kind, &block);
            }
        }
    }
    html
}

/// What a line is by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Fence,
    Heading,
    Bullet,
    Numbered,
    Quote,
    Row,
    Text,
}

impl Kind {
    fn of(line: &str) -> Self {
        let line = line.trim_start();
        let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
        match line {
            "" => Self::Blank,
            _ if line.starts_with("```") => Self::Fence,
            _ if line.starts_with('#') && line.trim_start_matches('#').starts_with(' ') => Self::Heading,
            _ if line.starts_with("- ") || line.starts_with("* ") || line.starts_with("+ ") => Self::Bullet,
            _ if number.len() < line.len() && number.starts_with(". ") => Self::Numbered,
            _ if line.starts_with('>') => Self::Quote,
            _ if line.starts_with('|') && line.trim_end().ends_with('|') => Self::Row,
            _ => Self::Text,
        }
    }
}

fn blocks(html: &mut Html, kind: Kind, lines: &[&str]) {
    let (outer, inner, begin): (_, _, fn(&str) -> &str) = match kind {
        Kind::Bullet => ("ul", Some("li"), |line| line.trim_start().get(2..).unwrap_or_default()),
        Kind::Numbered => ("ol", Some("li"), |line| {
            line.split_once(". ").map_or("", |(_, rest)| rest)
        }),
        Kind::Quote => ("blockquote", None, |line| line.trim_start().trim_start_matches('>')),
        Kind::Row => return table(html, lines),
        _ => ("p", None, |line| line),
    };
    html.open(outer);
    for (at, line) in lines.iter().enumerate() {
        match inner {
            Some(inner) => {
                html.open(inner);
                inline(html, begin(line).trim(), 0);
                html.close(inner);
            }
            None => {
                if at > 0 {
                    html.raw("<br>");
                }
                inline(html, begin(line).trim(), 0);
            }
        }
    }
    html.close(outer);
}

fn table(html: &mut Html, lines: &[&str]) {
    html.open("table");
    for line in lines {
        let bare = line.trim().trim_start_matches('|').trim_end_matches('|');
        if bare.chars().all(|c| matches!(c, '-' | '|' | ':' | ' ')) {
            continue;
        }
        html.open("tr");
        for cell in bare.split(" | ") {
            html.open("td");
            inline(html, cell.trim(), 0);
            html.close("td");
        }
        html.close("tr");
    }
    html.close("table");
}

/// Shows a piece of one line. A very long line is plain text, because looking for the ends of marks takes time with the square of its length.
fn inline(html: &mut Html, text: &str, depth: usize) {
    if text.len() > LONGEST_LINE {
        html.text(text);
        return;
    }
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '`', '*', '[', 'h']) {
        let (before, here) = rest.split_at(at);
        html.text(before);
        let taken = if depth < DEEPEST {
            special(html, here, depth)
        } else {
            None
        };
        rest = taken.unwrap_or_else(|| {
            let length = here.chars().next().map_or(0, char::len_utf8);
            let (one, after) = here.split_at(length);
            html.text(one);
            after
        });
    }
    html.text(rest);
}

/// Shows what is special at the beginning of `here`, and gives what follows it.
fn special<'a>(html: &mut Html, here: &'a str, depth: usize) -> Option<&'a str> {
    if let Some(after) = here.strip_prefix('\\') {
        let escaped = after.chars().next().filter(char::is_ascii_punctuation)?;
        let (one, after) = after.split_at(escaped.len_utf8());
        html.text(one);
        return Some(after);
    }
    if let Some(after) = here.strip_prefix('`') {
        let (code, after) = after.split_once('`')?;
        html.tag("code", code);
        return Some(after);
    }
    for (mark, name) in [("**", "strong"), ("*", "em")] {
        if let Some((inner, after)) = here.strip_prefix(mark).and_then(|after| after.split_once(mark)) {
            if inner.trim().is_empty() || inner.starts_with(' ') {
                return None;
            }
            html.open(name);
            inline(html, inner, depth + 1);
            html.close(name);
            return Some(after);
        }
    }
    if let Some(after) = here.strip_prefix('[') {
        let (label, after) = after.split_once("](")?;
        let (address, after) = match after.strip_prefix('<') {
            Some(after) => after.split_once(">)")?,
            None => after.split_once(')')?,
        };
        if label.contains(['[', ']']) {
            return None;
        }
        html.away(address, &unescaped(label));
        return Some(after);
    }
    if here.starts_with("http://") || here.starts_with("https://") {
        let end = here
            .find(|c: char| c.is_whitespace() || "<>\"'`()[]\\|".contains(c))
            .unwrap_or(here.len());
        let (address, after) = here.split_at(end);
        let sound = address.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        html.away(sound, sound)
            .text(address.get(sound.len()..).unwrap_or_default());
        return Some(after);
    }
    None
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.next_if(|next| c == '\\' && next.is_ascii_punctuation()) {
            Some(escaped) => out.push(escaped),
            None => out.push(c),
        }
    }
    out
}

/// Comments do not show. One that does not end is text.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        let Some((_, after)) = comment.split_once("-->") else {
            break;
        };
        out.push_str(before);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        render(text).as_str().to_owned()
    }

    #[test]
    fn a_status_comment_is_shown_as_it_is_meant() {
        let text = "<!-- bailey:status:run_01 -->\n**Bailey: started**\n\n- [Workspace](<https://bailey.example/w/1>)\n- For `ada`";
        assert_eq!(
            shown(text),
            "<p><strong>Bailey: started</strong></p><ul><li><a rel=\"nofollow noreferrer\" href=\"https://bailey.example/w/1\">Workspace</a></li>\
             <li>For <code>ada</code></li></ul>"
        );
    }

    #[test]
    fn the_rest_of_what_is_known() {
        assert_eq!(shown("### A \\*b\\*\ntext\nmore"), "<h4>A *b*</h4><p>text<br>more</p>");
        assert_eq!(
            shown("```\n<b>\n```\n1. x\n2. y"),
            "<pre>&lt;b&gt;\n</pre><ol><li>x</li><li>y</li></ol>"
        );
        assert_eq!(shown("> a\n> b"), "<blockquote>a<br>b</blockquote>");
        assert_eq!(
            shown("| What | Value |\n| --- | --- |\n| Ticket | #1 |"),
            "<table><tr><td>What</td><td>Value</td></tr><tr><td>Ticket</td><td>#1</td></tr></table>"
        );
        assert!(shown("see https://x.example/a.").contains("href=\"https://x.example/a\">https://x.example/a</a>."));
    }

    #[test]
    fn hostile_text_stays_text() {
        for text in [
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "[x](<javascript:alert(1)>)",
            "[<img src=x onerror=alert(1)>](http://a)",
            "[x](http://a\" onclick=\"alert(1))",
            "<!-- a <script> never ends",
            "`<b>` **<i>** *<u>* | <td> |",
        ] {
            let html = shown(text);
            for bad in [
                "<script",
                "<img",
                "href=\"javascript",
                "\" onclick",
                "<i>",
                "<u>",
                "<b>",
            ] {
                assert!(!html.contains(bad), "{text}: {html}");
            }
        }
    }

    proptest! {
        #[test]
        fn only_known_elements_come_out(text in "(<|>|\\*|`|\\[|\\]|\\(|\\)|\\\\|\"|!|-|#|\\||http://|javascript:|\n|<!--|-->|script|\\PC){0,60}") {
            let html = shown(&text);
            for part in html.split('<').skip(1) {
                let name: String = part.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
                prop_assert!(
                    ["p", "br", "ul", "ol", "li", "pre", "h4", "blockquote", "table", "tr", "td", "strong", "em", "code", "a"].contains(&name.as_str()),
                    "{} in {}", name, html
                );
                if name == "a" && part.starts_with('a') {
                    prop_assert!(part.starts_with("a rel=\"nofollow noreferrer\" href=\"http"), "{}", part);
                }
            }
        }
    }
}
