//! Token counting by a rule that anybody can redo by hand: four bytes of UTF-8 are one token, rounded up.
//!
//! A provider's tokenizer never makes more tokens than there are bytes; neither does this rule, so a caller that
//! bounds tokens by bytes is never exceeded.

use serde_json::Value;

/// Bytes of UTF-8 that make one token.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

/// Tokens of one image, whatever its size.
pub(crate) const IMAGE_TOKENS: u64 = 85;

/// Keys whose values are structure or binary data and not text that a model reads.
const NOT_TEXT: [&str; 8] = [
    "role",
    "type",
    "data",
    "url",
    "image_url",
    "file_data",
    "signature",
    "encrypted_content",
];

/// Tokens of a text of `bytes` bytes.
pub(crate) const fn tokens_of_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// Tokens of a text.
pub(crate) fn tokens(text: &str) -> u64 {
    tokens_of_bytes(text.len() as u64)
}

/// The longest prefix of `text`, ending at a character, that counts at most `limit` tokens. Where the text counts more
/// than `limit`, the prefix counts exactly `limit`, because a character has at most four bytes.
pub(crate) fn prefix(text: &str, limit: u64) -> &str {
    let most = usize::try_from(limit.saturating_mul(BYTES_PER_TOKEN)).unwrap_or(usize::MAX);
    if text.len() <= most {
        return text;
    }
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Input tokens of a request: every string value under the fields that carry the prompt, all bytes together divided by
/// four and rounded up, plus [`IMAGE_TOKENS`] for each image.
pub(crate) fn input_tokens(body: &Value) -> u64 {
    let mut tally = Tally::default();
    for field in ["system", "instructions", "messages", "input", "tools"] {
        if let Some(value) = body.get(field) {
            tally.visit(value);
        }
    }
    tokens_of_bytes(tally.bytes).saturating_add(tally.images.saturating_mul(IMAGE_TOKENS))
}

#[derive(Default)]
struct Tally {
    bytes: u64,
    images: u64,
}

impl Tally {
    fn visit(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.bytes = self.bytes.saturating_add(text.len() as u64),
            Value::Array(items) => items.iter().for_each(|item| self.visit(item)),
            Value::Object(fields) => {
                if matches!(
                    fields.get("type").and_then(Value::as_str),
                    Some("image" | "image_url" | "input_image")
                ) {
                    self.images = self.images.saturating_add(1);
                }
                for (key, item) in fields {
                    if !NOT_TEXT.contains(&key.as_str()) {
                        self.visit(item);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn four_bytes_are_one_token_rounded_up() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("a"), 1);
        assert_eq!(tokens("abcd"), 1);
        assert_eq!(tokens("abcde"), 2);
        assert_eq!(tokens("äöü"), 2); // 6 bytes
    }

    #[test]
    fn input_is_text_of_system_messages_and_tools() {
        // "be kind" 7 + "hello" 5 + "get_weather" 11 + "city" 4 = 27 bytes = 7 tokens.
        let body = json!({
            "model": "m", "max_tokens": 10,
            "system": [{"type": "text", "text": "be kind"}],
            "messages": [{"role": "user", "content": "hello"}],
            "tools": [{"type": "function", "name": "get_weather", "description": "city"}],
        });
        assert_eq!(input_tokens(&body), 7);
    }

    #[test]
    fn an_image_counts_85_and_its_data_nothing() {
        // "what?" 5 bytes = 2 tokens, "image/png" under media_type 9 more bytes: 14 bytes = 4 tokens, + 85.
        let body = json!({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "what?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A".repeat(4000)}},
        ]}]});
        assert_eq!(input_tokens(&body), 89);
    }

    proptest! {
        #[test]
        fn a_prefix_counts_exactly_its_limit_or_is_the_whole(text in ".{0,80}", limit in 0_u64..30) {
            let cut = prefix(&text, limit);
            prop_assert!(text.starts_with(cut));
            if tokens(&text) > limit {
                prop_assert_eq!(tokens(cut), limit);
            } else {
                prop_assert_eq!(cut, text.as_str());
            }
        }

        #[test]
        fn tokens_never_exceed_bytes(text in ".{0,80}") {
            prop_assert!(tokens(&text) <= text.len() as u64);
        }
    }
}
