//! What the mock understands of a request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::count;

/// Wire format of a model call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Anthropic `POST /v1/messages`.
    Messages,
    /// Anthropic `POST /v1/messages/count_tokens`.
    CountTokens,
    /// OpenAI `POST /v1/chat/completions`.
    Chat,
    /// OpenAI `POST /v1/responses`.
    Responses,
}

impl Protocol {
    /// Whether errors have Anthropic's shape (else OpenAI's).
    pub(crate) fn is_anthropic(self) -> bool {
        matches!(self, Self::Messages | Self::CountTokens)
    }
}

/// A request that the vendor would refuse with status 400.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadRequest(pub(crate) String);

/// A parsed request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) protocol: Protocol,
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// Most output tokens of each choice.
    pub(crate) max_tokens: Option<u64>,
    /// Answers asked for (chat `n`).
    pub(crate) choices: u32,
    /// Chat: the usage chunk is wanted.
    pub(crate) include_usage: bool,
    /// Responses: reasoning items carry `encrypted_content`.
    pub(crate) encrypted_reasoning: bool,
    pub(crate) input_tokens: u64,
    /// Names of the declared tools.
    pub(crate) tools: Vec<String>,
    pub(crate) conversation: Conversation,
    /// The request as JSON; Responses answers repeat parts of it.
    pub(crate) body: Value,
}

/// What rules match on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Conversation {
    pub(crate) turns: u64,
    /// Text of each user message that has any.
    pub(crate) user_texts: Vec<String>,
    pub(crate) tool_results: Vec<String>,
}

/// Most choices one call may ask for, as at OpenAI.
const MAX_CHOICES: u64 = 128;

impl Call {
    pub(crate) fn parse(protocol: Protocol, body: Value) -> Result<Self, BadRequest> {
        let bad = |message: &str| BadRequest(message.to_owned());
        let model = body
            .get("model")
            .and_then(Value::as_str)
            .ok_or_else(|| bad("model: Field required"))?;
        let (prompt, limits): (&str, &[&str]) = match protocol {
            Protocol::Messages | Protocol::CountTokens => ("messages", &["max_tokens"]),
            Protocol::Chat => ("messages", &["max_completion_tokens", "max_tokens"]),
            Protocol::Responses => ("input", &["max_output_tokens"]),
        };
        let items = body
            .get(prompt)
            .ok_or_else(|| BadRequest(format!("{prompt}: Field required")))?;
        let max_tokens = limit(&body, limits)?;
        if protocol == Protocol::Messages && max_tokens.is_none() {
            return Err(bad("max_tokens: Field required"));
        }
        let choices = match body.get("n") {
            Some(n) if protocol == Protocol::Chat && !n.is_null() => n
                .as_u64()
                .filter(|n| (1..=MAX_CHOICES).contains(n))
                .ok_or_else(|| bad("n: must be from 1 to 128"))?,
            _ => 1,
        };
        let model = model.to_owned();
        let tools = listed(body.get("tools"))
            .filter_map(tool_name)
            .map(str::to_owned)
            .collect();
        let encrypted_reasoning = listed(body.get("include")).any(|item| item == "reasoning.encrypted_content");
        Ok(Self {
            protocol,
            model,
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            max_tokens,
            choices: u32::try_from(choices).unwrap_or(1),
            include_usage: body
                .pointer("/stream_options/include_usage")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            encrypted_reasoning,
            input_tokens: count::input_tokens(&body),
            tools,
            conversation: Conversation::of(items),
            body,
        })
    }
}

/// The smallest of the limits that are given; the vendors refuse what is no positive whole number.
fn limit(body: &Value, names: &[&str]) -> Result<Option<u64>, BadRequest> {
    let mut least = None;
    for name in names {
        if let Some(value) = body.get(*name).filter(|value| !value.is_null()) {
            let tokens = value.as_u64().filter(|tokens| *tokens > 0);
            let tokens = tokens.ok_or_else(|| BadRequest(format!("{name}: must be a positive integer")))?;
            least = Some(least.map_or(tokens, |least: u64| least.min(tokens)));
        }
    }
    Ok(least)
}

fn listed(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn tool_name(tool: &Value) -> Option<&str> {
    tool.get("name")
        .or_else(|| tool.pointer("/function/name"))
        .and_then(Value::as_str)
}

impl Conversation {
    /// Reads `messages` or `input`, of whichever protocol.
    fn of(items: &Value) -> Self {
        let mut talk = Self::default();
        let mut in_answer = false;
        if let Value::String(text) = items {
            talk.user_texts.push(text.clone());
        }
        for item in listed(Some(items)) {
            let from_model = by_model(item);
            talk.turns += u64::from(from_model && !in_answer);
            in_answer = from_model;
            if !from_model {
                talk.hear(item);
            }
        }
        talk
    }

    fn hear(&mut self, item: &Value) {
        let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind.ends_with("_call_output") {
            self.tool_results
                .push(item.get("output").map(text_of).unwrap_or_default());
            return;
        }
        let content = item.get("content").unwrap_or(&Value::Null);
        match item.get("role").and_then(Value::as_str) {
            Some("tool" | "function") => self.tool_results.push(text_of(content)),
            Some("user") => {
                for block in listed(Some(content)) {
                    if block.get("type").and_then(Value::as_str) == Some("tool_result") {
                        self.tool_results
                            .push(block.get("content").map(text_of).unwrap_or_default());
                    }
                }
                let text = text_of(content);
                if !text.is_empty() {
                    self.user_texts.push(text);
                }
            }
            _ => {}
        }
    }
}

/// Whether the model made this item of a conversation.
fn by_model(item: &Value) -> bool {
    let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
    item.get("role").and_then(Value::as_str) == Some("assistant") || kind == "reasoning" || kind.ends_with("_call")
}

/// Text of a content: a string, or the `text` of its blocks, one per line.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<_> = blocks
                .iter()
                .filter_map(|block| block.get("text").and_then(Value::as_str))
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_anthropic_tool_loop_is_one_turn_with_one_result() {
        let call = Call::parse(
            Protocol::Messages,
            json!({"model": "claude", "max_tokens": 9, "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "done"}]}]},
                {"role": "system", "content": "note"},
            ]}),
        )
        .unwrap();
        assert_eq!(
            call.conversation,
            Conversation {
                turns: 1,
                user_texts: vec!["a\nb".into()],
                tool_results: vec!["done".into()]
            }
        );
    }

    #[test]
    fn adjacent_items_of_one_responses_answer_are_one_turn() {
        let call = Call::parse(
            Protocol::Responses,
            json!({"model": "gpt-5", "include": ["reasoning.encrypted_content"], "input": [
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "x"}]},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
                {"type": "reasoning", "summary": []},
                {"type": "function_call", "call_id": "c", "name": "exec_command", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "ok"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "fine"}]},
            ]}),
        )
        .unwrap();
        assert_eq!(call.conversation.turns, 2);
        assert_eq!(call.conversation.user_texts, ["go"]);
        assert_eq!(call.conversation.tool_results, ["ok"]);
        assert!(call.encrypted_reasoning);
    }

    #[test]
    fn what_a_vendor_refuses_is_refused() {
        for (protocol, body, reason) in [
            (Protocol::Messages, json!({"messages": []}), "model: Field required"),
            (
                Protocol::Messages,
                json!({"model": "m", "messages": []}),
                "max_tokens: Field required",
            ),
            (
                Protocol::Messages,
                json!({"model": "m", "messages": [], "max_tokens": 0}),
                "max_tokens: must be a positive integer",
            ),
            (Protocol::Chat, json!({"model": "m"}), "messages: Field required"),
            (
                Protocol::Chat,
                json!({"model": "m", "messages": [], "n": 0}),
                "n: must be from 1 to 128",
            ),
            (Protocol::Responses, json!({"model": "m"}), "input: Field required"),
        ] {
            assert_eq!(Call::parse(protocol, body).unwrap_err().to_string(), reason);
        }
    }

    #[test]
    fn the_smaller_of_two_limits_holds() {
        let body = json!({"model": "m", "messages": [], "max_tokens": 5, "max_completion_tokens": 9});
        assert_eq!(Call::parse(Protocol::Chat, body).unwrap().max_tokens, Some(5));
    }
}
