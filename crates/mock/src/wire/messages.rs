//! Anthropic Messages.

use serde_json::{Value, json};

use super::{Context, Frame, named, pieces};
use crate::answer::{Block, Stop};
use crate::usage::Usage;

/// Signature of every thinking block: base64, as the clients expect, and recognisable.
const SIGNATURE: &str = "bW9jay1zaWduYXR1cmU=";

pub(super) fn body(context: &Context<'_>) -> Value {
    let blocks: Vec<_> = context
        .plan
        .blocks
        .iter()
        .enumerate()
        .map(|(index, block)| finished_block(context, index, block))
        .collect();
    let mut message = message(context, &blocks, context.plan.usage.output);
    message["stop_reason"] = json!(stop_reason(context));
    message
}

pub(super) fn frames(context: &Context<'_>) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut push = |name: &str, data: &Value, weight: usize| {
        frames.push(Frame {
            bytes: named(name, data),
            weight: weight as u64,
        });
    };
    // The first event's output count is a seed, as at the vendor; the real one comes in `message_delta`.
    let seed = context.plan.usage.output.min(1);
    push(
        "message_start",
        &json!({"type": "message_start", "message": message(context, &[], seed)}),
        0,
    );
    push("ping", &json!({"type": "ping"}), 0);
    for (index, block) in context.plan.blocks.iter().enumerate() {
        let weight = if let Block::Tool { name, .. } = block {
            name.len()
        } else {
            0
        };
        let start =
            json!({"type": "content_block_start", "index": index, "content_block": empty_block(context, index, block)});
        push("content_block_start", &start, weight);
        for (delta, weight) in deltas(block, context.plan.chunks) {
            let data = json!({"type": "content_block_delta", "index": index, "delta": delta});
            push("content_block_delta", &data, weight);
        }
        push(
            "content_block_stop",
            &json!({"type": "content_block_stop", "index": index}),
            0,
        );
    }
    let delta = json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(context), "stop_sequence": null},
        "usage": usage(&context.plan.usage, context.plan.usage.output),
    });
    push("message_delta", &delta, 0);
    push("message_stop", &json!({"type": "message_stop"}), 0);
    frames
}

fn message(context: &Context<'_>, blocks: &[Value], output: u64) -> Value {
    let mut usage = usage(&context.plan.usage, output);
    usage["service_tier"] = json!(context.plan.service_tier.as_deref().unwrap_or("standard"));
    json!({
        "id": context.id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": context.call.model,
        "content": blocks,
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    })
}

fn usage(usage: &Usage, output: u64) -> Value {
    json!({
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write_5m.saturating_add(usage.cache_write_1h),
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": output,
    })
}

fn stop_reason<'a>(context: &'a Context<'_>) -> &'a str {
    context.plan.stop_reason.as_deref().unwrap_or(match context.plan.stop {
        Stop::End => "end_turn",
        Stop::MaxTokens => "max_tokens",
        Stop::Tools => "tool_use",
    })
}

fn finished_block(context: &Context<'_>, index: usize, block: &Block) -> Value {
    match block {
        Block::Thinking(text) => json!({"type": "thinking", "thinking": text, "signature": SIGNATURE}),
        Block::Text(text) => json!({"type": "text", "text": text}),
        // Arguments that are no JSON can only be streamed; here they are shown as a string.
        Block::Tool { name, arguments } => json!({
            "type": "tool_use",
            "id": context.part_id("toolu_", index),
            "name": name,
            "input": serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments)),
        }),
    }
}

fn empty_block(context: &Context<'_>, index: usize, block: &Block) -> Value {
    match block {
        Block::Thinking(_) => json!({"type": "thinking", "thinking": "", "signature": ""}),
        Block::Text(_) => json!({"type": "text", "text": ""}),
        Block::Tool { name, .. } => {
            json!({"type": "tool_use", "id": context.part_id("toolu_", index), "name": name, "input": {}})
        }
    }
}

/// The deltas of a block, each with the bytes of content in it.
fn deltas(block: &Block, chunks: Option<usize>) -> Vec<(Value, usize)> {
    let (kind, field, text) = match block {
        Block::Thinking(text) => ("thinking_delta", "thinking", text),
        Block::Text(text) => ("text_delta", "text", text),
        Block::Tool { arguments, .. } => ("input_json_delta", "partial_json", arguments),
    };
    let mut deltas: Vec<_> = pieces(text, chunks)
        .into_iter()
        .map(|piece| (json!({"type": kind, field: piece}), piece.len()))
        .collect();
    if matches!(block, Block::Thinking(_)) {
        deltas.push((json!({"type": "signature_delta", "signature": SIGNATURE}), 0));
    }
    deltas
}
