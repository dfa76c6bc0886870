//! Requests in OpenAI chat completions.

use bailey_core::chat::Engine;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{CUT_OFF, arguments};
use crate::tools;
use crate::transcript::{Answer, Block, Entry, Transcript};

/// `messages` is last: the next request begins with this one.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    model: &'a str,
    max_completion_tokens: u32,
    stream: bool,
    stream_options: StreamOptions,
    tools: Vec<Tool>,
    messages: Vec<Message<'a>>,
}

#[derive(Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Debug, Serialize)]
struct Tool {
    r#type: &'static str,
    function: Function,
}

#[derive(Debug, Serialize)]
struct Function {
    name: &'static str,
    description: &'static str,
    parameters: &'static RawValue,
}

#[derive(Debug, Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
enum Message<'a> {
    System {
        content: &'a str,
    },
    User {
        content: &'a str,
    },
    Assistant {
        content: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<Call<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: &'a str,
    },
}

#[derive(Debug, Serialize)]
struct Call<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Called<'a>,
}

#[derive(Debug, Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

pub(super) fn request<'a>(engine: &'a Engine, system: &'a str, transcript: &'a Transcript) -> Request<'a> {
    let tools = tools::ALL.iter().filter_map(|tool| {
        let function = Function {
            name: tool.name(),
            description: tool.description(),
            parameters: serde_json::from_str(tool.schema()).ok()?,
        };
        Some(Tool {
            r#type: "function",
            function,
        })
    });
    let mut messages = vec![Message::System { content: system }];
    for entry in &transcript.entries {
        match entry {
            Entry::Message(_, text) => messages.push(Message::User { content: text }),
            Entry::Answer(answer) => answered(&mut messages, answer),
        }
    }
    Request {
        model: &engine.model,
        max_completion_tokens: engine.output,
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        tools: tools.collect(),
        messages,
    }
}

fn answered<'a>(messages: &mut Vec<Message<'a>>, answer: &'a Answer) {
    let texts = answer.blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let text = texts.collect::<Vec<_>>().concat();
    let calls = answer.blocks.iter().filter_map(|block| match block {
        Block::Call {
            provider_id,
            tool,
            arguments: text,
            ..
        } => Some(Call {
            id: provider_id,
            r#type: "function",
            function: Called {
                name: tool,
                arguments: arguments(text).get(),
            },
        }),
        _ => None,
    });
    let tool_calls: Vec<Call<'a>> = calls.collect();
    let content = (!text.is_empty()).then_some(text);
    if content.is_some() || !tool_calls.is_empty() {
        messages.push(Message::Assistant { content, tool_calls });
    }
    for block in &answer.blocks {
        if let Block::Call {
            provider_id, result, ..
        } = block
        {
            messages.push(Message::Tool {
                tool_call_id: provider_id,
                content: result.as_ref().map_or("Unknown.", |(_, text)| text),
            });
        }
    }
    if answer.cut {
        messages.push(Message::User { content: CUT_OFF });
    }
}
