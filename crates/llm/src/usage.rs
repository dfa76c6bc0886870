//! Usage as providers report it, read into disjoint classes.
//!
//! Every class is billed once: Anthropic's `input_tokens` leave the cached ones out, OpenAI's `prompt_tokens` and
//! `input_tokens` have them in. Numbers that cannot be token counts (negative, fractional, above 2^53) make a usage
//! invalid, and an invalid usage is never billed by.

use serde::{Deserialize, Serialize};

use crate::Protocol;
use crate::request::CacheControl;

pub use bailey_core::ledger::Usage;

/// The service tier that an answer says it was served in. A request's own wish does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTier {
    /// Ordinary service.
    #[default]
    Standard,
    /// Dearer, with priority.
    Priority,
    /// Cheaper, slower.
    Flex,
    /// Cheaper, asynchronous.
    Batch,
    /// Anthropic's fast mode.
    Fast,
    /// Served in the United States alone, as Anthropic's `inference_geo` asks for.
    Us,
}

impl ServiceTier {
    /// Every tier.
    pub const ALL: [Self; 6] = [
        Self::Standard,
        Self::Priority,
        Self::Flex,
        Self::Batch,
        Self::Fast,
        Self::Us,
    ];

    /// The name used in price files and the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Priority => "priority",
            Self::Flex => "flex",
            Self::Batch => "batch",
            Self::Fast => "fast",
            Self::Us => "us",
        }
    }

    /// The tier that a name in a request or an answer means; `None` for a name not known here.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "standard" | "default" | "auto" | "standard_only" | "scale" | "on_demand" => Some(Self::Standard),
            "priority" => Some(Self::Priority),
            "flex" => Some(Self::Flex),
            "batch" => Some(Self::Batch),
            "fast" => Some(Self::Fast),
            "us" => Some(Self::Us),
            _ => None,
        }
    }
}

/// The largest token count that is believed: what every JSON reader holds exactly.
const MAX_TOKENS: u64 = 1 << 53;

#[derive(Debug, Default, Deserialize)]
struct MessagesUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<ThinkingDetails>,
    server_tool_use: Option<serde_json::Value>,
    service_tier: Option<serde_json::Value>,
    speed: Option<serde_json::Value>,
    inference_geo: Option<serde_json::Value>,
    iterations: Option<Vec<Iteration>>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct ThinkingDetails {
    thinking_tokens: Option<u64>,
}

/// A pass that an answer took. Summaries of the context are billed, and not part of the sums beside them.
#[derive(Debug, Default, Deserialize)]
struct Iteration {
    r#type: Option<String>,
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

/// Chat and Responses name the same counts differently, and some servers send both names.
#[derive(Debug, Default, Deserialize)]
struct OpenAiUsage {
    prompt_tokens: Option<u64>,
    input_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    output_tokens: Option<u64>,
    prompt_tokens_details: Option<InputDetails>,
    input_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    output_tokens_details: Option<OutputDetails>,
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

/// Gathers the usage objects of one answer.
#[derive(Debug, Clone)]
pub struct Tally {
    protocol: Protocol,
    writes: CacheControl,
    seen: bool,
    invalid: bool,
    input: u64,
    read: u64,
    written: u64,
    split: Option<(u64, u64)>,
    output: u64,
    reasoning: u64,
    /// Summaries of the context.
    extra: Usage,
    pub(crate) tier: Option<ServiceTier>,
    pub(crate) server_tool_calls: u64,
}

impl Tally {
    /// A tally that books cache writes of unstated lifetime as what the request asked for.
    pub fn new(protocol: Protocol, writes: CacheControl) -> Self {
        Self {
            protocol,
            writes,
            seen: false,
            invalid: false,
            input: 0,
            read: 0,
            written: 0,
            split: None,
            output: 0,
            reasoning: 0,
            extra: Usage::default(),
            tier: None,
            server_tool_calls: 0,
        }
    }

    /// Takes a usage object in. Null is no usage; empty text stands for one that is too large to be kept.
    pub fn add(&mut self, object: &[u8]) {
        let object = object.trim_ascii();
        if object == b"null" {
            return;
        }
        let read = match self.protocol {
            Protocol::Messages => serde_json::from_slice(object).ok().and_then(|u| self.messages(u)),
            Protocol::Chat | Protocol::Responses => serde_json::from_slice(object).ok().and_then(|u| self.openai(&u)),
        };
        // One bad number discredits all: the charge is the hold then, not a guess.
        self.invalid |= read.is_none();
        self.seen |= read.is_some();
    }

    /// Per field, the last that is not null wins: later events restate what earlier ones said.
    fn messages(&mut self, usage: MessagesUsage) -> Option<()> {
        let set = |slot: &mut u64, value: Option<u64>| {
            if let Some(value) = value {
                *slot = value;
            }
            (*slot <= MAX_TOKENS).then_some(())
        };
        if usage.input_tokens.is_none() && usage.output_tokens.is_none() {
            return None;
        }
        set(&mut self.input, usage.input_tokens)?;
        set(&mut self.read, usage.cache_read_input_tokens)?;
        set(&mut self.written, usage.cache_creation_input_tokens)?;
        set(&mut self.output, usage.output_tokens)?;
        set(
            &mut self.reasoning,
            usage.output_tokens_details.and_then(|d| d.thinking_tokens),
        )?;
        if let Some(split) = usage.cache_creation {
            let (five, hour) = self.split.get_or_insert_default();
            set(five, split.ephemeral_5m_input_tokens)?;
            set(hour, split.ephemeral_1h_input_tokens)?;
        }
        if let Some(iterations) = usage.iterations {
            self.extra = summaries(&iterations)?;
        }
        if let Some(serde_json::Value::Object(calls)) = usage.server_tool_use {
            self.server_tool_calls = calls
                .values()
                .filter_map(serde_json::Value::as_u64)
                .fold(0, u64::saturating_add);
        }
        let name = |value: &Option<serde_json::Value>| {
            value.as_ref().and_then(|v| v.as_str()).and_then(ServiceTier::from_name)
        };
        self.tier = match (name(&usage.speed), name(&usage.inference_geo)) {
            (Some(ServiceTier::Fast), _) => Some(ServiceTier::Fast),
            (_, Some(ServiceTier::Us)) => Some(ServiceTier::Us),
            _ => name(&usage.service_tier).or(self.tier),
        };
        Some(())
    }

    /// The last object wins: it is cumulative.
    fn openai(&mut self, usage: &OpenAiUsage) -> Option<()> {
        let (prompt, output) = (
            usage.prompt_tokens.or(usage.input_tokens),
            usage.completion_tokens.or(usage.output_tokens),
        );
        if prompt.is_none() && output.is_none() {
            return None;
        }
        let (prompt, output) = (prompt.unwrap_or(0), output.unwrap_or(0));
        let inputs = usage
            .prompt_tokens_details
            .as_ref()
            .or(usage.input_tokens_details.as_ref());
        let outputs = usage
            .completion_tokens_details
            .as_ref()
            .or(usage.output_tokens_details.as_ref());
        let cached = inputs
            .and_then(|d| d.cached_tokens)
            .or(usage.prompt_cache_hit_tokens)
            .unwrap_or(0);
        let written = inputs.and_then(|d| d.cache_write_tokens).unwrap_or(0);
        let reasoning = outputs.and_then(|d| d.reasoning_tokens).unwrap_or(0);
        if [prompt, cached, written, output, reasoning]
            .into_iter()
            .any(|n| n > MAX_TOKENS)
        {
            return None;
        }
        // A provider that caches more than it read is wrong, but it is not owed for it: the parts stay within the sum.
        self.read = cached.min(prompt);
        self.written = written.min(prompt - self.read);
        self.input = prompt - self.read - self.written;
        self.split = Some((self.written, 0));
        self.output = output;
        self.reasoning = reasoning;
        Some(())
    }

    /// The usage so far; `None` if there was none, or one of them was invalid.
    pub fn usage(&self) -> Option<Usage> {
        if self.invalid || !self.seen {
            return None;
        }
        let (mut five, mut hour) = self.split.unwrap_or_default();
        // The sum and its split are the same tokens; what the split leaves open has the lifetime that was asked for.
        let open = self.written.saturating_sub(five.saturating_add(hour));
        match self.writes {
            CacheControl::OneHour => hour += open,
            CacheControl::None | CacheControl::FiveMinutes => five += open,
        }
        let usage = Usage {
            input: self.input,
            cache_read: self.read,
            cache_write_5m: five,
            cache_write_1h: hour,
            output: self.output,
            reasoning: self.reasoning.min(self.output),
        };
        Some(usage.plus(&self.extra))
    }
}

/// The sum of the passes that summarised the context.
fn summaries(iterations: &[Iteration]) -> Option<Usage> {
    let mut sum = Usage::default();
    for pass in iterations
        .iter()
        .filter(|pass| pass.r#type.as_deref() == Some("compaction"))
    {
        let one = Usage {
            input: pass.input_tokens.unwrap_or(0),
            cache_read: pass.cache_read_input_tokens.unwrap_or(0),
            cache_write_5m: pass.cache_creation_input_tokens.unwrap_or(0),
            cache_write_1h: 0,
            output: pass.output_tokens.unwrap_or(0),
            reasoning: 0,
        };
        sum = sum.plus(&one);
    }
    (sum.total() <= MAX_TOKENS).then_some(sum)
}

#[cfg(test)]
mod tests;
