//! Pages: HTML that is put together so that text stays text.

use http::StatusCode;

use crate::reply::{Reply, reply, set};

/// HTML in the making.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Text of strangers, within an element or a quoted attribute.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // What browsers do not take, and what turns the direction of the text around it.
                c if c.is_control() && !matches!(c, '\n' | '\t') => self.0.push('\u{fffd}'),
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        self
    }

    /// Markup of ours: a text of the program itself, never one that came from elsewhere.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// What was put together elsewhere.
    pub fn html(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// Begins an element.
    pub fn open(&mut self, name: &'static str) -> &mut Self {
        self.raw("<").raw(name).raw(">")
    }

    /// Ends an element.
    pub fn close(&mut self, name: &'static str) -> &mut Self {
        self.raw("</").raw(name).raw(">")
    }

    /// An element with a text.
    pub fn tag(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.open(name).text(text).close(name)
    }

    /// A text marked as of a kind, for the style sheet.
    pub fn span(&mut self, class: &'static str, text: &str) -> &mut Self {
        self.raw("<span class=\"")
            .raw(class)
            .raw("\">")
            .text(text)
            .raw("</span>")
    }

    /// A link within the forge: parts of a path are encoded.
    pub fn link(&mut self, path: &[&str], text: &str) -> &mut Self {
        self.raw("<a href=\"");
        for part in path {
            let encoded = percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string();
            self.raw("/").text(&encoded);
        }
        self.raw("\">").text(text).raw("</a>")
    }

    /// A link to elsewhere; plain text where the address is not http.
    pub fn away(&mut self, address: &str, text: &str) -> &mut Self {
        let web = ["http://", "https://"].iter().any(|scheme| address.starts_with(scheme));
        if !web || address.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return self.text(text);
        }
        self.raw("<a rel=\"nofollow noreferrer\" href=\"")
            .text(address)
            .raw("\">")
            .text(text)
            .raw("</a>")
    }

    /// The markup so far.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a page may do: show itself with its style sheet, and send forms to `forms`.
pub(crate) fn policy(forms: &str) -> String {
    format!("default-src 'none'; style-src 'self'; form-action {forms}; base-uri 'none'; frame-ancestors 'none'")
}

/// A whole page.
pub(crate) fn page(status: StatusCode, title: &str, body: &Html) -> Reply {
    let mut whole = Html::default();
    whole.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    whole.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    whole.raw("<meta name=\"color-scheme\" content=\"light dark\">");
    whole.tag("title", &format!("{title} · Demo forge"));
    whole.raw("<link rel=\"stylesheet\" href=\"/-/style.css\"></head><body>");
    whole
        .raw("<header><a href=\"/\">Demo forge</a></header><main>")
        .html(body)
        .raw("</main></body></html>\n");
    let mut reply = reply(status, "text/html; charset=utf-8", whole.0);
    set(&mut reply, "content-security-policy", &policy("'none'"));
    set(&mut reply, "referrer-policy", "no-referrer");
    set(&mut reply, "cache-control", "no-store");
    reply
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let mut html = Html::default();
        html.tag("h1", "<script>alert('x')</script>")
            .link(&["a\"b", "..", "<"], "\" onmouseover=\"x");
        html.away("javascript:alert(1)", "click")
            .away("http://x/\"><script>", "away");
        let text = html.as_str();
        assert!(
            !text.contains("<script") && !text.contains("href=\"javascript") && !text.contains("\" onmouseover"),
            "{text}"
        );
        assert!(text.contains("&lt;script&gt;alert(&#39;x&#39;)"));
    }

    proptest! {
        #[test]
        fn no_text_becomes_markup(text in "(<|>|\"|'|&|script|\\PC|\u{202e}|\0){0,40}") {
            let mut html = Html::default();
            html.text(&text);
            let marks = ['<', '>', '"', '\'', '\0', '\u{202e}'];
            prop_assert!(!html.as_str().contains(marks));
        }
    }
}
