//! Deciding what an answer contains and what it is billed at, before any of it is written.

use serde_json::Value;

use crate::call::Call;
use crate::config::Defaults;
use crate::count;
use crate::scenario::{Answer, Rule};
use crate::usage::{Usage, UsageSpec};

/// One part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Thinking(String),
    Text(String),
    /// A tool call, with its arguments as they are sent.
    Tool {
        name: String,
        arguments: String,
    },
}

impl Block {
    fn tokens(&self) -> u64 {
        match self {
            Self::Thinking(text) | Self::Text(text) => count::tokens(text),
            Self::Tool { name, arguments } => {
                count::tokens_of_bytes((name.len() as u64).saturating_add(arguments.len() as u64))
            }
        }
    }
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    End,
    MaxTokens,
    Tools,
}

/// A whole answer, ready to be written in any wire format.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) blocks: Vec<Block>,
    pub(crate) stop: Stop,
    /// The vendor's word for `stop`, if the scenario gives it.
    pub(crate) stop_reason: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) service_tier: Option<String>,
    /// Pieces per text.
    pub(crate) chunks: Option<usize>,
}

impl Plan {
    pub(crate) fn new(call: &Call, rule: Option<&Rule>, defaults: &Defaults) -> Self {
        let answer = rule.and_then(|rule| rule.answer.clone()).unwrap_or_default();
        let overbill = rule.and_then(|rule| rule.overbill);
        let wanted = blocks(call, &answer, defaults);
        let (blocks, counted, mut cut) = fit(wanted, call.max_tokens);

        let choices = u64::from(call.choices);
        let spec = answer.usage.unwrap_or_default().or(defaults.usage.unwrap_or_default());
        let most = call.max_tokens.map(|limit| limit.saturating_mul(choices));
        let mut output = spec.output.unwrap_or_else(|| counted.saturating_mul(choices));
        if let Some(most) = most.filter(|most| output > *most) {
            output = most;
            cut = true;
        }
        if let Some(beyond) = overbill {
            output = most.unwrap_or(output).saturating_add(beyond);
        }
        let has_tools = blocks.iter().any(|block| matches!(block, Block::Tool { .. }));
        let stop = if cut {
            Stop::MaxTokens
        } else if has_tools {
            Stop::Tools
        } else {
            Stop::End
        };
        Self {
            stop,
            stop_reason: answer.stop_reason,
            usage: usage(call, &spec, &blocks, output),
            service_tier: answer.service_tier,
            chunks: answer.chunks.or(defaults.chunks),
            blocks,
        }
    }
}

fn usage(call: &Call, spec: &UsageSpec, blocks: &[Block], output: u64) -> Usage {
    let thought: u64 = blocks
        .iter()
        .filter(|block| matches!(block, Block::Thinking(_)))
        .map(Block::tokens)
        .sum();
    let usage = Usage {
        input: spec.input.unwrap_or(call.input_tokens),
        cache_read: spec.cache_read.unwrap_or(0),
        cache_write_5m: spec.cache_write_5m.unwrap_or(0),
        cache_write_1h: spec.cache_write_1h.unwrap_or(0),
        output,
        reasoning: spec.reasoning.unwrap_or(thought).min(output),
    };
    usage.as_reported_by(call.protocol)
}

fn blocks(call: &Call, answer: &Answer, defaults: &Defaults) -> Vec<Block> {
    let mut blocks: Vec<_> = answer.thinking.iter().cloned().map(Block::Thinking).collect();
    match &answer.text {
        Some(text) => blocks.push(Block::Text(text.clone())),
        None if answer.tools.is_empty() => {
            blocks.push(Block::Text(defaults.text.clone().unwrap_or_else(|| echo(call))));
        }
        None => {}
    }
    blocks.extend(answer.tools.iter().map(|tool| Block::Tool {
        name: tool.name.clone(),
        arguments: match &tool.arguments {
            Value::String(raw) => raw.clone(),
            Value::Null => "{}".to_owned(),
            arguments => arguments.to_string(),
        },
    }));
    blocks
}

/// Most bytes of the user's text that are repeated.
const ECHO_TOKENS: u64 = 15;

/// The default text: deterministic, and with the end of what the user said, so that one sees whose answer it is.
fn echo(call: &Call) -> String {
    let texts = call.conversation.user_texts.iter().rev();
    let line = texts
        .flat_map(|text| text.lines().rev())
        .map(str::trim)
        .find(|line| !line.is_empty());
    let line = count::prefix(line.unwrap_or("nothing"), ECHO_TOKENS);
    format!("This is a mock answer to: {line}")
}

/// As much of `blocks` as `limit` output tokens allow, the tokens it counts, and whether something was left out. A
/// tool call that does not fit is left out whole, and what the model wrote of it is counted.
fn fit(blocks: Vec<Block>, limit: Option<u64>) -> (Vec<Block>, u64, bool) {
    let mut fitting = Vec::with_capacity(blocks.len());
    let mut counted = 0_u64;
    for block in blocks {
        let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(counted));
        let tokens = block.tokens();
        if tokens <= left {
            counted = counted.saturating_add(tokens);
            fitting.push(block);
            continue;
        }
        match block {
            Block::Thinking(text) if left > 0 => fitting.push(Block::Thinking(count::prefix(&text, left).to_owned())),
            Block::Text(text) if left > 0 => fitting.push(Block::Text(count::prefix(&text, left).to_owned())),
            _ => {}
        }
        return (fitting, counted.saturating_add(left), true);
    }
    (fitting, counted, false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::call::Protocol;
    use crate::scenario::Scenario;

    fn plan(protocol: Protocol, body: serde_json::Value, rule: &str) -> Plan {
        let scenario = Scenario::parse("s", &format!("rules:\n  - {rule}\n")).unwrap();
        Plan::new(
            &Call::parse(protocol, body).unwrap(),
            scenario.rules.first(),
            &Defaults::default(),
        )
    }

    fn chat(extra: &serde_json::Value) -> serde_json::Value {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    }

    #[test]
    fn the_default_answer_repeats_the_user_and_is_counted() {
        let plan = plan(Protocol::Chat, chat(&json!({})), "{}");
        assert_eq!(plan.blocks, [Block::Text("This is a mock answer to: hello".to_owned())]);
        // "hello" 5 bytes = 2 tokens in; the answer has 31 bytes = 8 tokens.
        assert_eq!(
            plan.usage,
            Usage {
                input: 2,
                output: 8,
                ..Usage::default()
            }
        );
        assert_eq!(plan.stop, Stop::End);
    }

    #[test]
    fn max_tokens_cuts_the_text_to_exactly_that_many_for_each_choice() {
        let plan = plan(Protocol::Chat, chat(&json!({"max_tokens": 3, "n": 4})), "{}");
        assert_eq!(plan.blocks, [Block::Text("This is a mo".to_owned())]);
        assert_eq!((plan.usage.output, plan.stop), (12, Stop::MaxTokens));
    }

    #[test]
    fn a_tool_call_that_does_not_fit_is_left_out_and_counted() {
        // "ok" = 1 token; bash{"a":1} = 4 + 7 bytes = 3 tokens; limit 2.
        let rule = "answer: {text: ok, tools: [{name: bash, arguments: {a: 1}}]}";
        let plan = plan(Protocol::Chat, chat(&json!({"max_tokens": 2})), rule);
        assert_eq!(plan.blocks, [Block::Text("ok".to_owned())]);
        assert_eq!((plan.usage.output, plan.stop), (2, Stop::MaxTokens));
    }

    #[test]
    fn exact_usage_wins_over_counting_but_not_over_max_tokens() {
        let rule =
            "answer: {text: hi, usage: {input: 7, cache_read: 5, cache_write_5m: 3, output: 100, reasoning: 60}}";
        let free = plan(Protocol::Messages, chat(&json!({"max_tokens": 500})), rule);
        let expected = Usage {
            input: 7,
            cache_read: 5,
            cache_write_5m: 3,
            output: 100,
            ..Usage::default()
        };
        assert_eq!((free.usage, free.stop), (expected, Stop::End));
        let tight = plan(Protocol::Messages, chat(&json!({"max_tokens": 50})), rule);
        assert_eq!((tight.usage.output, tight.stop), (50, Stop::MaxTokens));
        // OpenAI shows the reasoning.
        let openai = plan(Protocol::Chat, chat(&json!({})), rule);
        let expected = Usage {
            input: 7,
            cache_write_5m: 3,
            cache_read: 5,
            output: 100,
            reasoning: 60,
            ..Usage::default()
        };
        assert_eq!(openai.usage, expected);
    }

    #[test]
    fn overbill_goes_beyond_max_tokens() {
        let plan = plan(Protocol::Chat, chat(&json!({"max_tokens": 3})), "overbill: 40");
        assert_eq!(plan.usage.output, 43);
    }
}
