//! A model that follows a script. What it says depends on how far the conversation is, so that it can be asked again.

use std::sync::Mutex;
use std::time::Duration;

use bailey_core::Money;
use bailey_llm::Protocol;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::model::{Model, ModelError, ModelRequest, ModelStream};

/// One answer of the script.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// Text, and calls of tools with their arguments.
    Answer(&'static str, Vec<(&'static str, String)>),
    /// Text, and then nothing more for ever.
    Hang(&'static str),
    /// Text, and then the stream breaks off; the next time it goes on with the rest of the script.
    BreakOff(&'static str),
    /// An error in place of an answer, once.
    Error(ModelError),
    /// The same, cut off at the longest that an answer may be.
    Cut(&'static str, Vec<(&'static str, String)>),
    /// Text, and the reason for which it ends.
    Ends(&'static str, [&'static str; 2]),
    /// An answer whose usage says that it read so many tokens.
    Used(&'static str, Vec<(&'static str, String)>, u64),
}

impl Say {
    pub(crate) fn text(text: &'static str) -> Self {
        Self::Answer(text, Vec::new())
    }

    pub(crate) fn call(tool: &'static str, arguments: &Value) -> Self {
        Self::Answer("", vec![(tool, arguments.to_string())])
    }
}

/// See the module.
pub(crate) struct Script {
    /// What it says to a conversation with so many answers in it.
    says: Vec<Say>,
    /// Errors and broken answers that were said already.
    said: Mutex<Vec<usize>>,
    /// Every body that it was asked with.
    pub(crate) asked: Mutex<Vec<Value>>,
    pub(crate) bodies: Mutex<Vec<Bytes>>,
    /// Whether there is time between the pieces of an answer, so that each is written down by itself.
    pub(crate) slow: bool,
}

/// What each answer costs.
pub(crate) const COST: Money = Money::cents(2);

impl Script {
    pub(crate) fn new(says: Vec<Say>) -> Self {
        Self {
            says,
            said: Mutex::default(),
            asked: Mutex::default(),
            bodies: Mutex::default(),
            slow: false,
        }
    }
}

/// Says what an answer cost once nobody reads it any more.
struct Settles(tokio::sync::mpsc::UnboundedSender<Money>);

impl Drop for Settles {
    fn drop(&mut self) {
        let _ = self.0.send(COST);
    }
}

impl Model for Script {
    fn send(
        &self,
        request: ModelRequest,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<ModelStream, ModelError>> + Send + '_>> {
        Box::pin(async move {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let answers = body["messages"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|message| message["role"] == "assistant")
                .count();
            self.asked.lock().unwrap().push(body);
            self.bodies.lock().unwrap().push(request.body);
            // What is said once has its place in the script, and is passed over the next time.
            let once: Vec<usize> = self.said.lock().unwrap().clone();
            let at = (0..self.says.len()).filter(|n| !once.contains(n)).nth(answers);
            let at = at.unwrap_or_else(|| panic!("the script has no answer number {answers}"));
            let say = self.says[at].clone();
            if matches!(say, Say::Error(_) | Say::BreakOff(_)) {
                self.said.lock().unwrap().push(at);
            }
            let events = match &say {
                Say::Error(error) => return Err(error.clone()),
                Say::Answer(text, calls) => events(request.protocol, (at, text, calls), 100, true),
                Say::Cut(text, calls) => events(request.protocol, (at, text, calls), 100, true)
                    .replace("\"stop_reason\":\"tool_use\"", "\"stop_reason\":\"max_tokens\"")
                    .replace("\"finish_reason\":\"tool_calls\"", "\"finish_reason\":\"length\""),
                Say::Ends(text, [messages, chat]) => events(request.protocol, (at, text, &[]), 100, true)
                    .replace(
                        "\"stop_reason\":\"end_turn\"",
                        &format!("\"stop_reason\":\"{messages}\""),
                    )
                    .replace("\"finish_reason\":\"stop\"", &format!("\"finish_reason\":\"{chat}\"")),
                Say::Used(text, calls, used) => events(request.protocol, (at, text, calls), *used, true),
                Say::Hang(text) | Say::BreakOff(text) => events(request.protocol, (at, text, &[]), 100, false),
            };
            // In pieces that end anywhere.
            let (size, wait) = if self.slow { (250, 4) } else { (37, 0) };
            let pieces: Vec<Bytes> = events.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
            let body = stream::iter(pieces).then(move |piece| async move {
                if wait > 0 {
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
                Ok(piece)
            });
            // It is dropped with the answer, at its end or before.
            let settles = Settles(request.receipts);
            let settles = stream::once(async move {
                drop(settles);
                Ok(Bytes::new())
            });
            let body: ModelStream = match say {
                Say::Hang(_) => Box::pin(body.chain(stream::pending()).chain(settles)),
                _ => Box::pin(body.chain(settles)),
            };
            Ok(body)
        })
    }
}

/// An answer as a stream.
pub(crate) fn events(
    protocol: Protocol,
    (number, text, calls): (usize, &str, &[(&str, String)]),
    used: u64,
    whole: bool,
) -> String {
    match protocol {
        Protocol::Messages => messages(number, text, calls, used, whole),
        _ => chat(number, text, calls, used, whole),
    }
}

fn messages(number: usize, text: &str, calls: &[(&str, String)], used: u64, whole: bool) -> String {
    let usage = json!({ "input_tokens": used, "output_tokens": 1 });
    let mut events = vec![json!({ "type": "message_start", "message": { "usage": usage } })];
    events.push(
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "thinking", "thinking": "" } }),
    );
    let thought = json!({ "type": "thinking_delta", "thinking": "hm" });
    events.push(json!({ "type": "content_block_delta", "index": 0, "delta": thought }));
    let signature = json!({ "type": "signature_delta", "signature": "signed" });
    events.push(json!({ "type": "content_block_delta", "index": 0, "delta": signature }));
    events.push(json!({ "type": "content_block_stop", "index": 0 }));
    events.push(json!({ "type": "content_block_start", "index": 1, "content_block": { "type": "text", "text": "" } }));
    for word in text.split_inclusive(' ') {
        let delta = json!({ "type": "text_delta", "text": word });
        events.push(json!({ "type": "content_block_delta", "index": 1, "delta": delta }));
    }
    if whole {
        events.push(json!({ "type": "content_block_stop", "index": 1 }));
        for (n, (tool, arguments)) in calls.iter().enumerate() {
            let index = n + 2;
            let id = format!("toolu_{number}_{n}");
            let block = json!({ "type": "tool_use", "id": id, "name": tool, "input": {} });
            events.push(json!({ "type": "content_block_start", "index": index, "content_block": block }));
            let cut = arguments.floor_char_boundary(arguments.len() / 2);
            for part in [&arguments[..cut], &arguments[cut..]] {
                let delta = json!({ "type": "input_json_delta", "partial_json": part });
                events.push(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
            }
            events.push(json!({ "type": "content_block_stop", "index": index }));
        }
        let reason = if calls.is_empty() { "end_turn" } else { "tool_use" };
        let usage = json!({ "output_tokens": 10 });
        events.push(json!({ "type": "message_delta", "delta": { "stop_reason": reason }, "usage": usage }));
        events.push(json!({ "type": "message_stop" }));
    }
    let frame = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(frame).collect()
}

fn chat(number: usize, text: &str, calls: &[(&str, String)], used: u64, whole: bool) -> String {
    let delta = |delta: Value| json!({ "id": "c", "choices": [{ "index": 0, "delta": delta }], "usage": null });
    let mut events = vec![delta(json!({ "reasoning_content": "hm" }))];
    for word in text.split_inclusive(' ') {
        events.push(delta(json!({ "content": word })));
    }
    if whole {
        for (n, (tool, arguments)) in calls.iter().enumerate() {
            let id = format!("call_{number}_{n}");
            let cut = arguments.floor_char_boundary(arguments.len() / 2);
            let first = json!({ "name": tool, "arguments": &arguments[..cut] });
            events.push(delta(
                json!({ "tool_calls": [{ "index": n, "id": id, "type": "function", "function": first }] }),
            ));
            let rest = json!({ "arguments": &arguments[cut..] });
            events.push(delta(json!({ "tool_calls": [{ "index": n, "function": rest }] })));
        }
        let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
        events.push(json!({ "id": "c", "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] }));
        let usage = json!({ "prompt_tokens": used, "completion_tokens": 11 });
        events.push(json!({ "id": "c", "choices": [], "usage": usage }));
    }
    let frames: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let mut text = frames.concat();
    if whole {
        text.push_str("data: [DONE]\n\n");
    }
    text
}
