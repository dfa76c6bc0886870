//! OpenAI Responses.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Context, Frame, named, pieces};
use crate::answer::{Block, Stop};
use crate::errors::VendorError;

/// Stands for reasoning that only the provider could read.
const ENCRYPTED: &str = "bW9jay1lbmNyeXB0ZWQtcmVhc29uaW5n";

pub(super) fn body(context: &Context<'_>) -> Value {
    response(context, &finished_items(context), true)
}

pub(super) fn frames(context: &Context<'_>) -> Vec<Frame> {
    let mut events = Events::default();
    let begun = response(context, &[], false);
    events.push("response.created", json!({"response": begun}), 0);
    events.push("response.in_progress", json!({"response": begun}), 0);
    let items = finished_items(context);
    for (index, (block, item)) in context.plan.blocks.iter().zip(&items).enumerate() {
        let weight = if let Block::Tool { name, .. } = block {
            name.len()
        } else {
            0
        };
        let started = json!({"output_index": index, "item": started_item(item)});
        events.push("response.output_item.added", started, weight);
        let part = Part {
            index,
            item,
            chunks: context.plan.chunks,
        };
        match block {
            Block::Thinking(text) => reasoning_events(&mut events, &part, text),
            Block::Text(text) => text_events(&mut events, &part, text),
            Block::Tool { arguments, .. } => argument_events(&mut events, &part, arguments),
        }
        events.push(
            "response.output_item.done",
            json!({"output_index": index, "item": item}),
            0,
        );
    }
    let last = if status(context) == "incomplete" {
        "response.incomplete"
    } else {
        "response.completed"
    };
    events.push(last, json!({"response": response(context, &items, true)}), 0);
    events.frames
}

pub(super) fn error_event(error: &VendorError, request_id: &str, number: u64, failed: bool) -> Bytes {
    let code = error
        .kind
        .clone()
        .or_else(|| error.code())
        .unwrap_or_else(|| "server_error".to_owned());
    let message = error.text();
    if failed {
        let response = json!({
            "id": request_id, "object": "response", "status": "failed", "output": [],
            "error": {"code": code, "message": message},
        });
        let data = json!({"type": "response.failed", "sequence_number": number, "response": response});
        return named("response.failed", &data);
    }
    let data = json!({"type": "error", "sequence_number": number, "code": code, "message": message, "param": null});
    named("error", &data)
}

/// Events numbered from 0 without a gap.
#[derive(Default)]
struct Events {
    frames: Vec<Frame>,
}

impl Events {
    fn push(&mut self, kind: &str, mut data: Value, weight: usize) {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(self.frames.len());
        self.frames.push(Frame {
            bytes: named(kind, &data),
            weight: weight as u64,
        });
    }
}

/// The output item that events are about.
struct Part<'a> {
    index: usize,
    item: &'a Value,
    chunks: Option<usize>,
}

impl Part<'_> {
    /// `fields`, with the item's id and place.
    fn with(&self, mut fields: Value) -> Value {
        fields["item_id"] = self.item["id"].clone();
        fields["output_index"] = json!(self.index);
        fields
    }
}

fn text_events(events: &mut Events, part: &Part<'_>, text: &str) {
    let content = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let opened = part.with(json!({"content_index": 0, "part": content("")}));
    events.push("response.content_part.added", opened, 0);
    for piece in pieces(text, part.chunks) {
        let delta = part.with(json!({"content_index": 0, "delta": piece, "logprobs": []}));
        events.push("response.output_text.delta", delta, piece.len());
    }
    let done = part.with(json!({"content_index": 0, "text": text, "logprobs": []}));
    events.push("response.output_text.done", done, 0);
    events.push(
        "response.content_part.done",
        part.with(json!({"content_index": 0, "part": content(text)})),
        0,
    );
}

fn reasoning_events(events: &mut Events, part: &Part<'_>, text: &str) {
    let summary = |text: &str| json!({"type": "summary_text", "text": text});
    let opened = part.with(json!({"summary_index": 0, "part": summary("")}));
    events.push("response.reasoning_summary_part.added", opened, 0);
    for piece in pieces(text, part.chunks) {
        let delta = part.with(json!({"summary_index": 0, "delta": piece}));
        events.push("response.reasoning_summary_text.delta", delta, piece.len());
    }
    let done = part.with(json!({"summary_index": 0, "text": text}));
    events.push("response.reasoning_summary_text.done", done, 0);
    let closed = part.with(json!({"summary_index": 0, "part": summary(text)}));
    events.push("response.reasoning_summary_part.done", closed, 0);
}

fn argument_events(events: &mut Events, part: &Part<'_>, arguments: &str) {
    for piece in pieces(arguments, part.chunks) {
        events.push(
            "response.function_call_arguments.delta",
            part.with(json!({"delta": piece})),
            piece.len(),
        );
    }
    let done = part.with(json!({"arguments": arguments, "name": part.item["name"]}));
    events.push("response.function_call_arguments.done", done, 0);
}

fn finished_items(context: &Context<'_>) -> Vec<Value> {
    context
        .plan
        .blocks
        .iter()
        .enumerate()
        .map(|(index, block)| finished_item(context, index, block))
        .collect()
}

fn finished_item(context: &Context<'_>, index: usize, block: &Block) -> Value {
    match block {
        Block::Thinking(text) => {
            let mut item = json!({
                "id": context.part_id("rs_", index),
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": text}],
            });
            if context.call.encrypted_reasoning {
                item["encrypted_content"] = json!(ENCRYPTED);
            }
            item
        }
        Block::Text(text) => json!({
            "id": context.part_id("msg_", index),
            "type": "message",
            "status": status(context),
            "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
        }),
        Block::Tool { name, arguments } => json!({
            "id": context.part_id("fc_", index),
            "type": "function_call",
            "status": "completed",
            "call_id": context.part_id("call_", index),
            "name": name,
            "arguments": arguments,
        }),
    }
}

/// An item as it is when it is added: without its content.
fn started_item(finished: &Value) -> Value {
    let mut item = finished.clone();
    for field in ["content", "summary"] {
        if item.get(field).is_some() {
            item[field] = json!([]);
        }
    }
    if item.get("arguments").is_some() {
        item["arguments"] = json!("");
    }
    if item.get("status").is_some() {
        item["status"] = json!("in_progress");
    }
    item
}

fn status(context: &Context<'_>) -> &'static str {
    if context.plan.stop == Stop::MaxTokens || context.plan.stop_reason.is_some() {
        "incomplete"
    } else {
        "completed"
    }
}

/// The response object; `done` gives it its usage and its final status.
fn response(context: &Context<'_>, items: &[Value], done: bool) -> Value {
    let asked = |field: &str, otherwise: Value| context.call.body.get(field).cloned().unwrap_or(otherwise);
    let incomplete = (done && status(context) == "incomplete")
        .then(|| json!({"reason": context.plan.stop_reason.as_deref().unwrap_or("max_output_tokens")}));
    json!({
        "id": context.id("resp_"),
        "object": "response",
        "created_at": context.created,
        "status": if done { status(context) } else { "in_progress" },
        "background": false,
        "error": null,
        "incomplete_details": incomplete,
        "instructions": asked("instructions", Value::Null),
        "max_output_tokens": context.call.max_tokens,
        "model": context.call.model,
        "output": items,
        "parallel_tool_calls": asked("parallel_tool_calls", json!(true)),
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "service_tier": context.plan.service_tier.as_deref().unwrap_or("default"),
        "store": asked("store", json!(true)),
        "temperature": asked("temperature", json!(1.0)),
        "text": asked("text", json!({"format": {"type": "text"}})),
        "tool_choice": asked("tool_choice", json!("auto")),
        "tools": asked("tools", json!([])),
        "top_p": asked("top_p", json!(1.0)),
        "truncation": "disabled",
        "user": null,
        "metadata": asked("metadata", json!({})),
        "usage": done.then(|| usage(context)),
    })
}

fn usage(context: &Context<'_>) -> Value {
    let usage = &context.plan.usage;
    let input = usage.total_input();
    json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write_5m},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": input.saturating_add(usage.output),
    })
}
