//! Requests in Anthropic Messages.

use bailey_core::chat::{Engine, Outcome};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{CUT_OFF, arguments};
use crate::tools;
use crate::transcript::{Answer, Block, Entry, Transcript};

/// `messages` is last: the next request begins with this one.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    model: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    system: [Content<'a>; 1],
    tools: Vec<Tool>,
    messages: Vec<Message<'a>>,
}

#[derive(Debug, Serialize)]
struct Thinking {
    r#type: &'static str,
    budget_tokens: u32,
}

#[derive(Debug, Serialize)]
struct Tool {
    name: &'static str,
    description: &'static str,
    input_schema: &'static RawValue,
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Vec<Content<'a>>,
}

#[derive(Debug, Serialize)]
struct Content<'a> {
    #[serde(flatten)]
    kind: Kind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind<'a> {
    Text {
        text: &'a str,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: &'a RawValue,
    },
    ToolResult {
        tool_use_id: &'a str,
        content: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

#[derive(Debug, Clone, Copy, Serialize)]
struct CacheControl {
    r#type: &'static str,
}

const CACHE: CacheControl = CacheControl { r#type: "ephemeral" };

impl<'a> From<Kind<'a>> for Content<'a> {
    fn from(kind: Kind<'a>) -> Self {
        Self {
            kind,
            cache_control: None,
        }
    }
}

pub(super) fn request<'a>(engine: &'a Engine, system: &'a str, transcript: &'a Transcript) -> Request<'a> {
    let mut system = Content::from(Kind::Text { text: system });
    system.cache_control = Some(CACHE);
    let tools = tools::ALL.iter().filter_map(|tool| {
        Some(Tool {
            name: tool.name(),
            description: tool.description(),
            input_schema: serde_json::from_str(tool.schema()).ok()?,
        })
    });
    let mut messages = messages(transcript);
    mark(&mut messages);
    // Thinking is part of the output, and a provider wants at least 1,024 tokens of it.
    let thinking = engine
        .thinking
        .filter(|budget| *budget >= 1_024 && *budget < engine.output);
    Request {
        model: &engine.model,
        max_tokens: engine.output,
        stream: true,
        thinking: thinking.map(|budget_tokens| Thinking {
            r#type: "enabled",
            budget_tokens,
        }),
        system: [system],
        tools: tools.collect(),
        messages,
    }
}

/// Marks the ends of the last two of the user's turns: the last is what the next request goes on from, the one before is what
/// this request finds.
fn mark(messages: &mut [Message<'_>]) {
    let users = messages.iter_mut().rev().filter(|message| message.role == "user");
    for message in users.take(2) {
        if let Some(last) = message.content.last_mut() {
            last.cache_control = Some(CACHE);
        }
    }
}

fn messages(transcript: &Transcript) -> Vec<Message<'_>> {
    let mut messages: Vec<Message<'_>> = Vec::new();
    for entry in &transcript.entries {
        match entry {
            Entry::Message(_, text) => user(&mut messages, Kind::Text { text: visible(text) }),
            Entry::Answer(answer) => answered(&mut messages, answer),
        }
    }
    messages
}

/// A provider refuses text without anything in it.
fn visible(text: &str) -> &str {
    if text.trim().is_empty() { "(empty)" } else { text }
}

fn answered<'a>(messages: &mut Vec<Message<'a>>, answer: &'a Answer) {
    let said: Vec<Content<'a>> = answer.blocks.iter().filter_map(said).map(Content::from).collect();
    let thought = |content: &Content<'_>| matches!(content.kind, Kind::Thinking { .. } | Kind::RedactedThinking { .. });
    if !said.iter().all(thought) {
        messages.push(Message {
            role: "assistant",
            content: said,
        });
    }
    for block in &answer.blocks {
        if let Block::Call {
            provider_id, result, ..
        } = block
        {
            let (outcome, content) = result
                .as_ref()
                .map_or((Outcome::Unknown, "Unknown."), |(outcome, text)| {
                    (*outcome, visible(text))
                });
            let kind = Kind::ToolResult {
                tool_use_id: provider_id,
                content,
                is_error: !matches!(outcome, Outcome::Ok | Outcome::Rejected),
            };
            user(messages, kind);
        }
    }
    if answer.cut {
        user(messages, Kind::Text { text: CUT_OFF });
    }
}

fn said(block: &Block) -> Option<Kind<'_>> {
    match block {
        Block::Text(text) => (!text.trim().is_empty()).then_some(Kind::Text { text }),
        // What is not signed cannot be given back.
        Block::Thinking { text, signature } => Some(Kind::Thinking {
            thinking: text,
            signature: signature.as_deref()?,
        }),
        Block::Redacted(data) => Some(Kind::RedactedThinking { data }),
        Block::Call {
            provider_id,
            tool,
            arguments: text,
            ..
        } => Some(Kind::ToolUse {
            id: provider_id,
            name: tool,
            input: arguments(text),
        }),
    }
}

/// Adds to the user's turn: turns alternate.
fn user<'a>(messages: &mut Vec<Message<'a>>, kind: Kind<'a>) {
    match messages.last_mut() {
        Some(last) if last.role == "user" => last.content.push(kind.into()),
        _ => messages.push(Message {
            role: "user",
            content: vec![kind.into()],
        }),
    }
}
