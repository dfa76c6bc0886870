//! Edits by splicing: what is not edited stays byte for byte, so that prompt caches and unknown fields survive.

use crate::Protocol;
use crate::json::Span;
use crate::request::RequestView;

/// Which name a limit on output is inserted under in a chat request that has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxOutputField {
    /// `max_tokens`: what servers compatible with OpenAI's know.
    MaxTokens,
    /// `max_completion_tokens`: what OpenAI's own newer models demand.
    #[default]
    MaxCompletionTokens,
}

/// What to change in a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edits<'a> {
    /// Another name for the model.
    pub model: Option<&'a str>,
    /// The most output tokens: inserted where there is no limit, lowered where there is a higher one, never raised.
    pub max_output: Option<u64>,
    /// The largest thinking budget: lowered where thinking is enabled with more.
    pub thinking_budget: Option<u64>,
    /// Asks a chat stream for its usage chunk. Ignored for other requests.
    pub include_usage: bool,
    /// The name for an inserted limit in chat requests.
    pub max_output_field: MaxOutputField,
}

/// The bytes of a body with some spans replaced.
#[derive(Debug, Default)]
struct Splices {
    parts: Vec<(Span, String)>,
    added: usize,
}

impl Splices {
    fn replace(&mut self, span: Span, with: String) {
        self.added += with.len();
        self.parts.push((span, with));
    }

    fn insert(&mut self, at: usize, text: String) {
        self.replace(Span { start: at, end: at }, text);
    }

    fn apply(mut self, body: &[u8]) -> Option<Vec<u8>> {
        if self.parts.is_empty() {
            return None;
        }
        // Stable: insertions at one place keep their order.
        self.parts.sort_by_key(|(span, _)| span.start);
        let mut out = Vec::with_capacity(body.len() + self.added);
        let mut done = 0;
        for (span, text) in &self.parts {
            out.extend_from_slice(
                Span {
                    start: done,
                    end: span.start,
                }
                .of(body),
            );
            out.extend_from_slice(text.as_bytes());
            done = span.end;
        }
        out.extend_from_slice(
            Span {
                start: done,
                end: body.len(),
            }
            .of(body),
        );
        Some(out)
    }
}

impl RequestView<'_> {
    /// The body with `edits` made; `None` if nothing changes, so that the original bytes can be sent.
    pub fn apply(&self, edits: &Edits<'_>) -> Option<Vec<u8>> {
        let mut splices = Splices::default();
        if let Some(model) = edits.model.filter(|model| *model != self.model()) {
            splices.replace(self.model_span(), quoted(model));
        }
        if let Some(max) = edits.max_output {
            self.limit_output(max, edits.max_output_field, &mut splices);
        }
        if let (Some(budget), Some(thinking)) = (edits.thinking_budget, self.facts.thinking)
            && thinking.budget > budget
        {
            splices.replace(thinking.span, budget.to_string());
        }
        if edits.include_usage && self.protocol() == Protocol::Chat && self.stream() {
            self.ask_usage(&mut splices);
        }
        splices.apply(self.body())
    }

    fn limit_output(&self, max: u64, field: MaxOutputField, splices: &mut Splices) {
        for limit in self.facts.limits.iter().flatten() {
            if limit.value.is_some_and(|asked| asked > max) {
                splices.replace(limit.span, max.to_string());
            }
        }
        if self.max_output().is_some() {
            return;
        }
        // None has a value: a null is filled in, else a field is inserted.
        if let Some(null) = self.facts.limits.iter().flatten().next() {
            splices.replace(null.span, max.to_string());
            return;
        }
        let name = match (self.protocol(), field) {
            (Protocol::Responses, _) => "max_output_tokens",
            (Protocol::Chat, MaxOutputField::MaxCompletionTokens) => "max_completion_tokens",
            (Protocol::Chat, MaxOutputField::MaxTokens) | (Protocol::Messages, _) => "max_tokens",
        };
        // The object has a `model` at least, so a comma is right.
        splices.insert(self.insert_at(), format!("\"{name}\":{max},"));
    }

    fn ask_usage(&self, splices: &mut Splices) {
        let Some(options) = self.facts.options else {
            splices.insert(
                self.insert_at(),
                "\"stream_options\":{\"include_usage\":true},".to_owned(),
            );
            return;
        };
        if options.include_usage {
            return;
        }
        match (options.flag, options.object) {
            (Some(flag), _) => splices.replace(flag, "true".to_owned()),
            (None, Some(filled)) => {
                let comma = if filled { "," } else { "" };
                splices.insert(options.span.start + 1, format!("\"include_usage\":true{comma}"));
            }
            (None, None) => splices.replace(options.span, "{\"include_usage\":true}".to_owned()),
        }
    }
}

/// `text` as a JSON string.
fn quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
