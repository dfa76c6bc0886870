//! Errors that a provider reports inside a stream it began with status 200.

use serde_json::Value;

/// An error event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamErrorEvent {
    /// The status that the provider would have answered with outside a stream.
    pub status: u16,
    /// The vendor's own word: `overloaded_error`, `server_error`, `rate_limit_exceeded`.
    pub kind: String,
    /// The vendor's message, at most 1,024 bytes.
    pub message: String,
    /// Whether another try, or another route, may succeed.
    pub retryable: bool,
}

/// The longest message that is kept.
pub(super) const MAX_MESSAGE: usize = 1_024;

impl StreamErrorEvent {
    /// Reads the value of an `error` field; `None` stands for one that is too long or not there.
    pub(super) fn read(value: Option<&[u8]>) -> Self {
        let value = value
            .and_then(|v| serde_json::from_slice::<Value>(v).ok())
            .unwrap_or(Value::Null);
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let message = match &value {
            Value::String(message) => message.as_str(),
            _ => text("message"),
        };
        let kinds = [text("code"), text("type")];
        // OpenAI's code says more than its type (`insufficient_quota` has the type of the same name, `server_error` has
        // no code); Anthropic has the type alone.
        let kind = kinds
            .into_iter()
            .find(|kind| !kind.is_empty() && *kind != "error")
            .unwrap_or("error");
        let number = value.get("code").or(value.get("status")).and_then(Value::as_u64);
        let stated = number
            .and_then(|n| u16::try_from(n).ok())
            .filter(|n| (400..600).contains(n));
        let status = stated.unwrap_or_else(|| status_of(kind, kinds[1]));
        Self {
            status,
            kind: clip(kind, 100),
            message: clip(message, MAX_MESSAGE),
            retryable: retryable(status, kind),
        }
    }
}

fn clip(text: &str, max: usize) -> String {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

fn status_of(kind: &str, second: &str) -> u16 {
    let known = |kind: &str| {
        Some(match kind {
            "invalid_request_error" | "invalid_prompt" | "context_length_exceeded" | "content_filter" => 400,
            "authentication_error" | "invalid_api_key" => 401,
            "billing_error" => 402,
            "permission_error" => 403,
            "not_found_error" | "model_not_found" => 404,
            "request_too_large" => 413,
            "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => 429,
            "timeout_error" => 504,
            "overloaded_error" => 529,
            "server_is_overloaded" | "slow_down" => 503,
            "api_error" | "server_error" | "internal_server_error" => 500,
            _ => return None,
        })
    };
    known(kind).or_else(|| known(second)).unwrap_or(500)
}

/// What can be mended by another try or another route: trouble of the provider, not of the request. A used-up quota and
/// a refused credential are ours, and another route has its own.
fn retryable(status: u16, kind: &str) -> bool {
    matches!(status, 401..=403 | 408 | 409 | 429 | 500..=599) && kind != "content_filter"
}
