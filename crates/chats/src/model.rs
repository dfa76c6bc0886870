//! What the worker asks of models. The server sends requests through the gate, with the workspace's own key.

use std::future::Future;
use std::pin::Pin;

use bailey_core::chat::Cause;
use bailey_core::{ChatId, Money, PersonId, Timestamp, WorkspaceId};
use bailey_llm::Protocol;
use bytes::Bytes;
use futures_util::Stream;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

/// One request to a model.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// The chat that asks.
    pub chat: ChatId,
    /// The workspace whose key it is asked with.
    pub workspace: WorkspaceId,
    /// The chat's owner.
    pub owner: PersonId,
    /// When a person last wanted the chat to go on.
    pub wanted: Timestamp,
    /// The step, counted from 1.
    pub step: u32,
    /// The model's name.
    pub model: String,
    /// The protocol of the body.
    pub protocol: Protocol,
    /// The body: JSON that asks for a stream.
    pub body: Bytes,
    /// Takes what the request cost, once that is settled; it may be after nobody waits for the answer any more. It is dropped
    /// where nothing more will come.
    pub receipts: UnboundedSender<Money>,
}

/// Whether asking again would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A budget is used up.
    Budget,
    /// The same request would be refused again.
    Refused,
    /// Something that passes: a busy provider, a lost connection.
    Passing,
    /// Nothing that passes by itself: the chat is held with this cause until somebody wants it to go on.
    Held(Cause),
}

/// A model was not asked, or did not answer to the end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// Whether asking again would help.
    pub fault: Fault,
    /// For people: what was refused, or what broke.
    pub message: String,
    /// Seconds to wait before asking again, as the other side wants it.
    pub retry_after: Option<u64>,
}

impl ModelError {
    /// Something that passes.
    pub fn passing(message: impl Into<String>) -> Self {
        Self {
            fault: Fault::Passing,
            message: message.into(),
            retry_after: None,
        }
    }

    /// What an answer means that is no success: its status, what its headers `x-should-retry` and `retry-after` say (seconds),
    /// and its body, in the vendor's shape.
    pub fn of_answer(status: u16, should_retry: Option<bool>, retry_after: Option<u64>, body: &[u8]) -> Self {
        let json: Option<Value> = serde_json::from_slice(body).ok();
        let error = json.as_ref().and_then(|json| json.get("error"));
        let text = |key: &str| error.and_then(|error| error.get(key)).and_then(Value::as_str);
        let out_of_money = |name: Option<&str>| matches!(name, Some("billing_error" | "insufficient_quota"));
        let passes = matches!(status, 408 | 409 | 425 | 429 | 500..);
        let fault = if status == 402 || out_of_money(text("type")) || out_of_money(text("code")) {
            Fault::Budget
        } else if should_retry.unwrap_or(passes) {
            Fault::Passing
        } else {
            Fault::Refused
        };
        let message = text("message").map_or_else(|| format!("the model's door answered {status}"), str::to_owned);
        Self {
            fault,
            message,
            retry_after,
        }
    }
}

/// The bytes of an answer.
pub type ModelStream = Pin<Box<dyn Stream<Item = Result<Bytes, ModelError>> + Send>>;

/// Asks models. To drop an answer is to hang up.
pub trait Model: Send + Sync {
    /// Sends a request. An answer that is no success comes as an error, see [`ModelError::of_answer`].
    fn send(&self, request: ModelRequest)
    -> Pin<Box<dyn Future<Output = Result<ModelStream, ModelError>> + Send + '_>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_whether_to_ask_again() {
        let fault = |status, retry, body: &str| ModelError::of_answer(status, retry, None, body.as_bytes()).fault;
        assert_eq!(
            fault(429, None, r#"{"error":{"type":"rate_limit_error"}}"#),
            Fault::Passing
        );
        assert_eq!(
            fault(429, Some(false), r#"{"error":{"type":"billing_error","message":"m"}}"#),
            Fault::Budget
        );
        assert_eq!(
            fault(429, Some(false), r#"{"error":{"code":"insufficient_quota"}}"#),
            Fault::Budget
        );
        assert_eq!(fault(400, None, "no json"), Fault::Refused);
        assert_eq!(fault(502, Some(false), ""), Fault::Refused);
        assert_eq!(fault(529, None, ""), Fault::Passing);
        assert_eq!(fault(401, None, ""), Fault::Refused);
    }
}
