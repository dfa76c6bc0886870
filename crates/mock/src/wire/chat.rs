//! OpenAI chat completions.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Context, Frame, pieces, unnamed};
use crate::answer::{Block, Stop};

pub(super) fn body(context: &Context<'_>) -> Value {
    let choices: Vec<_> = (0..context.call.choices)
        .map(|index| {
            json!({
                "index": index,
                "message": message(context, index),
                "logprobs": null,
                "finish_reason": finish_reason(context),
            })
        })
        .collect();
    let mut answer = envelope(context, "chat.completion", &choices);
    answer["usage"] = usage(context);
    answer
}

/// The choices follow one another in the stream; each begins with its role and ends with its finish reason.
pub(super) fn frames(context: &Context<'_>) -> Vec<Frame> {
    let mut frames = Vec::new();
    for index in 0..context.call.choices {
        frames.push(chunk(
            context,
            index,
            &json!({"role": "assistant", "content": "", "refusal": null}),
            None,
            0,
        ));
        let mut tools = 0;
        for (number, block) in context.plan.blocks.iter().enumerate() {
            match block {
                Block::Thinking(text) => deltas(context, index, "reasoning_content", text, &mut frames),
                Block::Text(text) => deltas(context, index, "content", text, &mut frames),
                Block::Tool { name, arguments } => {
                    let id = tool_id(context, index, number);
                    frames.extend(tool_chunks(context, (index, tools), &id, name, arguments));
                    tools += 1;
                }
            }
        }
        frames.push(chunk(context, index, &json!({}), Some(finish_reason(context)), 0));
    }
    if context.call.include_usage {
        let mut last = envelope(context, "chat.completion.chunk", &[]);
        last["usage"] = usage(context);
        frames.push(Frame {
            bytes: unnamed(&last),
            weight: 0,
        });
    }
    frames.push(Frame {
        bytes: Bytes::from_static(b"data: [DONE]\n\n"),
        weight: 0,
    });
    frames
}

fn envelope(context: &Context<'_>, object: &str, choices: &[Value]) -> Value {
    json!({
        "id": context.id("chatcmpl-"),
        "object": object,
        "created": context.created,
        "model": context.call.model,
        "service_tier": context.plan.service_tier.as_deref().unwrap_or("default"),
        "system_fingerprint": "fp_mock",
        "choices": choices,
    })
}

fn chunk(context: &Context<'_>, index: u32, delta: &Value, finish: Option<&str>, weight: usize) -> Frame {
    let choice = json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish});
    let mut chunk = envelope(context, "chat.completion.chunk", &[choice]);
    if context.call.include_usage {
        chunk["usage"] = Value::Null;
    }
    Frame {
        bytes: unnamed(&chunk),
        weight: weight as u64,
    }
}

fn deltas(context: &Context<'_>, index: u32, field: &str, text: &str, frames: &mut Vec<Frame>) {
    let texts = pieces(text, context.plan.chunks).into_iter();
    frames.extend(texts.map(|piece| chunk(context, index, &json!({field: piece}), None, piece.len())));
}

/// A tool call: id and name only in the first fragment.
fn tool_chunks(
    context: &Context<'_>,
    (choice, tool): (u32, usize),
    id: &str,
    name: &str,
    arguments: &str,
) -> Vec<Frame> {
    let start = json!({"index": tool, "id": id, "type": "function", "function": {"name": name, "arguments": ""}});
    let mut frames = vec![chunk(
        context,
        choice,
        &json!({"tool_calls": [start]}),
        None,
        name.len(),
    )];
    frames.extend(pieces(arguments, context.plan.chunks).into_iter().map(|piece| {
        let fragment = json!({"index": tool, "function": {"arguments": piece}});
        chunk(context, choice, &json!({"tool_calls": [fragment]}), None, piece.len())
    }));
    frames
}

fn tool_id(context: &Context<'_>, choice: u32, number: usize) -> String {
    context.part_id(&format!("call_{choice}_"), number)
}

fn message(context: &Context<'_>, choice: u32) -> Value {
    let mut message = json!({"role": "assistant", "content": null, "refusal": null, "annotations": []});
    let mut tools = Vec::new();
    for (number, block) in context.plan.blocks.iter().enumerate() {
        match block {
            Block::Thinking(text) => message["reasoning_content"] = json!(text),
            Block::Text(text) => message["content"] = json!(text),
            Block::Tool { name, arguments } => tools.push(json!({
                "id": tool_id(context, choice, number),
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            })),
        }
    }
    if !tools.is_empty() {
        message["tool_calls"] = Value::Array(tools);
    }
    message
}

fn finish_reason<'a>(context: &'a Context<'_>) -> &'a str {
    context.plan.stop_reason.as_deref().unwrap_or(match context.plan.stop {
        Stop::End => "stop",
        Stop::MaxTokens => "length",
        Stop::Tools => "tool_calls",
    })
}

fn usage(context: &Context<'_>) -> Value {
    let usage = &context.plan.usage;
    let prompt = usage.total_input();
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt.saturating_add(usage.output),
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}
