//! Reads streams of answers.

use std::collections::BTreeMap;

use bailey_core::chat::Stop;
use bailey_llm::request::CacheControl;
use bailey_llm::{EventReader, Protocol, Tally};
use serde_json::Value;

use super::{End, Piece};
use crate::model::{Fault, ModelError};

/// Bytes of one answer, at most.
pub const ANSWER_BYTES: usize = 16 << 20;
/// Tool calls in one answer, at most.
pub const CALLS_MOST: usize = 64;
/// Bytes of one event, at most.
const EVENT_BYTES: usize = 4 << 20;

/// Why a stream is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The provider says that it failed.
    #[error("{0}")]
    Provider(ModelError),
    /// It is larger than any answer should be.
    #[error("the answer is larger than {} MiB, or has more than {CALLS_MOST} tool calls", ANSWER_BYTES >> 20)]
    TooLarge,
    /// It is not what the protocol says.
    #[error("the answer is not in its protocol: {0}")]
    Malformed(&'static str),
    /// It ended before it was over.
    #[error("the answer broke off")]
    BrokeOff,
}

impl StreamError {
    /// The same, as an error of the model.
    pub fn into_model_error(self) -> ModelError {
        match self {
            Self::Provider(error) => error,
            Self::TooLarge => ModelError {
                fault: Fault::Refused,
                message: self.to_string(),
                retry_after: None,
            },
            Self::Malformed(_) | Self::BrokeOff => ModelError::passing(self.to_string()),
        }
    }
}

/// A tool call whose arguments stream in.
#[derive(Debug, Default)]
struct OpenCall {
    id: String,
    tool: String,
    arguments: String,
}

/// Reads one answer.
#[derive(Debug)]
pub struct AnswerReader {
    protocol: Protocol,
    events: EventReader,
    tally: Tally,
    bytes: usize,
    calls: usize,
    open: BTreeMap<u32, OpenCall>,
    stop: Option<Stop>,
    ended: bool,
}

impl AnswerReader {
    /// A reader for an answer of `protocol`.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            events: EventReader::new(EVENT_BYTES),
            tally: Tally::new(protocol, CacheControl::FiveMinutes),
            bytes: 0,
            calls: 0,
            open: BTreeMap::new(),
            stop: None,
            ended: false,
        }
    }

    /// Takes the next bytes; answers with what they come to.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Piece>, StreamError> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > ANSWER_BYTES {
            return Err(StreamError::TooLarge);
        }
        let mut events = Vec::new();
        let taken = self.events.push(bytes, |_, data| events.push(data.to_vec()));
        let mut pieces = Vec::new();
        for data in events {
            if self.ended {
                break;
            }
            if data == b"[DONE]" {
                self.ended = true;
                continue;
            }
            let event: Value =
                serde_json::from_slice(&data).map_err(|_| StreamError::Malformed("an event is no JSON"))?;
            match self.protocol {
                Protocol::Messages => self.messages(&event, &mut pieces)?,
                Protocol::Chat | Protocol::Responses => self.chat(&event, &mut pieces)?,
            }
            if self.calls > CALLS_MOST {
                return Err(StreamError::TooLarge);
            }
        }
        taken.map_err(|_| StreamError::TooLarge)?;
        Ok(pieces)
    }

    /// The stream is over.
    pub fn finish(mut self) -> Result<(Vec<Piece>, End), StreamError> {
        // Some servers of the chat protocol say why they stop, and then close without a last word.
        if !self.ended && (self.protocol == Protocol::Messages || self.stop.is_none()) {
            return Err(StreamError::BrokeOff);
        }
        let mut pieces = Vec::new();
        for block in self.open.keys().copied().collect::<Vec<_>>() {
            self.call_over(block, &mut pieces);
        }
        let stop = self.stop.unwrap_or(Stop::Other);
        let usage = self.tally.usage();
        Ok((pieces, End { stop, usage }))
    }

    fn messages(&mut self, event: &Value, pieces: &mut Vec<Piece>) -> Result<(), StreamError> {
        let block = number(event, "index");
        match string(event, "type") {
            Some("message_start") => self.usage(event.pointer("/message/usage")),
            Some("content_block_start") => {
                let start = event.get("content_block").unwrap_or(&Value::Null);
                match string(start, "type") {
                    Some("tool_use") => {
                        self.calls += 1;
                        let call = self.open.entry(block).or_default();
                        call.id = text(start, "id");
                        call.tool = text(start, "name");
                    }
                    Some("redacted_thinking") => pieces.push(Piece::Redacted {
                        block,
                        data: text(start, "data"),
                    }),
                    Some("text") => push_text(pieces, block, text(start, "text")),
                    _ => {}
                }
            }
            Some("content_block_delta") => {
                let delta = event.get("delta").unwrap_or(&Value::Null);
                match string(delta, "type") {
                    Some("text_delta") => push_text(pieces, block, text(delta, "text")),
                    Some("thinking_delta") => push_thinking(pieces, block, text(delta, "thinking")),
                    Some("signature_delta") => pieces.push(Piece::Signature {
                        block,
                        signature: text(delta, "signature"),
                    }),
                    Some("input_json_delta") => {
                        if let Some(call) = self.open.get_mut(&block) {
                            call.arguments.push_str(&text(delta, "partial_json"));
                        }
                    }
                    _ => {}
                }
            }
            Some("content_block_stop") => self.call_over(block, pieces),
            Some("message_delta") => {
                self.usage(event.get("usage"));
                if let Some(reason) = event.pointer("/delta/stop_reason").and_then(Value::as_str) {
                    self.stop = Some(stop(reason));
                }
            }
            Some("message_stop") => self.ended = true,
            Some("error") => return Err(provider(event)),
            _ => {}
        }
        Ok(())
    }

    fn chat(&mut self, event: &Value, pieces: &mut Vec<Piece>) -> Result<(), StreamError> {
        // Errors are wrapped, or stand alone as with vLLM.
        if event.get("error").is_some_and(|error| !error.is_null()) || string(event, "object") == Some("error") {
            return Err(provider(event));
        }
        self.usage(event.get("usage"));
        let Some(choice) = event.pointer("/choices/0") else {
            return Ok(());
        };
        let delta = choice.get("delta").unwrap_or(&Value::Null);
        for key in ["reasoning_content", "reasoning"] {
            if let Some(more) = string(delta, key) {
                push_thinking(pieces, 0, clean(more));
                break;
            }
        }
        for key in ["content", "refusal"] {
            push_text(pieces, 1, text(delta, key));
        }
        for fragment in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let block = number(fragment, "index").saturating_add(2);
            if !self.open.contains_key(&block) {
                self.calls += 1;
            }
            let call = self.open.entry(block).or_default();
            if call.id.is_empty() {
                call.id = text(fragment, "id");
            }
            let function = fragment.get("function").unwrap_or(&Value::Null);
            if call.tool.is_empty() {
                call.tool = text(function, "name");
            }
            call.arguments.push_str(&text(function, "arguments"));
        }
        if let Some(reason) = string(choice, "finish_reason") {
            self.stop = Some(stop(reason));
        }
        Ok(())
    }

    fn call_over(&mut self, block: u32, pieces: &mut Vec<Piece>) {
        let Some(call) = self.open.remove(&block) else { return };
        let arguments = if call.arguments.trim().is_empty() {
            "{}".to_owned()
        } else {
            call.arguments
        };
        pieces.push(Piece::Call {
            block,
            id: call.id,
            tool: call.tool,
            arguments,
        });
    }

    fn usage(&mut self, usage: Option<&Value>) {
        if let Some(usage) = usage.filter(|usage| usage.is_object()) {
            self.tally.add(usage.to_string().as_bytes());
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, block: u32, text: String) {
    if !text.is_empty() {
        pieces.push(Piece::Text { block, text });
    }
}

fn push_thinking(pieces: &mut Vec<Piece>, block: u32, text: String) {
    if !text.is_empty() {
        pieces.push(Piece::Thinking { block, text });
    }
}

fn string<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn text(value: &Value, key: &str) -> String {
    clean(string(value, key).unwrap_or_default())
}

/// PostgreSQL stores no NUL.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn number(value: &Value, key: &str) -> u32 {
    let number = value.get(key).and_then(Value::as_u64).unwrap_or(0);
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn stop(reason: &str) -> Stop {
    match reason {
        "end_turn" | "stop_sequence" | "stop" => Stop::EndTurn,
        "tool_use" | "tool_calls" | "function_call" => Stop::ToolUse,
        "max_tokens" | "length" | "model_context_window_exceeded" => Stop::MaxTokens,
        "refusal" | "content_filter" => Stop::Refusal,
        _ => Stop::Other,
    }
}

/// An error in a stream: told by its type, because there is no status any more.
fn provider(event: &Value) -> StreamError {
    let error = event.get("error").filter(|error| error.is_object()).unwrap_or(event);
    let kind = string(error, "code")
        .or_else(|| string(error, "type"))
        .unwrap_or_default();
    let status = match kind {
        "billing_error" | "insufficient_quota" => 402,
        // A key that ends within an answer is a workspace that was stopped or started anew: it has another one by then.
        "invalid_request_error" | "permission_error" | "not_found_error" | "content_filter" | "request_too_large" => {
            400
        }
        _ => 500,
    };
    let wrapped = serde_json::json!({ "error": error });
    StreamError::Provider(ModelError::of_answer(
        status,
        None,
        None,
        wrapped.to_string().as_bytes(),
    ))
}
