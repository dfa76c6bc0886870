//! Token classes as a provider bills them.

use serde::{Deserialize, Serialize};

use crate::call::Protocol;

/// Tokens of one call by billing class. The classes do not overlap, except that `reasoning` is part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens that were neither read from a cache nor written to one.
    pub input: u64,
    /// Input tokens read from the prompt cache.
    pub cache_read: u64,
    /// Input tokens written to the five-minute cache.
    pub cache_write_5m: u64,
    /// Input tokens written to the one-hour cache.
    pub cache_write_1h: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning, where the wire format reports it.
    pub reasoning: u64,
}

impl Usage {
    /// All input classes together, saturating.
    pub fn total_input(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }

    /// The same input with only `generated` tokens of output: what is billed when an answer ends early.
    pub(crate) fn cut_to(self, generated: u64) -> Self {
        let output = generated.min(self.output);
        Self {
            output,
            reasoning: self.reasoning.min(output),
            ..self
        }
    }

    /// Adds class by class, saturating.
    pub(crate) fn add(&mut self, other: &Self) {
        self.input = self.input.saturating_add(other.input);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write_5m = self.cache_write_5m.saturating_add(other.cache_write_5m);
        self.cache_write_1h = self.cache_write_1h.saturating_add(other.cache_write_1h);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }

    /// Restricts the classes to those that `protocol` can express on the wire, so that the bill never depends on
    /// something the caller could not have read: OpenAI has one class of cache writes, which is the five-minute one
    /// here, and Anthropic reports no reasoning.
    pub(crate) fn as_reported_by(mut self, protocol: Protocol) -> Self {
        match protocol {
            Protocol::Messages | Protocol::CountTokens => self.reasoning = 0,
            Protocol::Chat | Protocol::Responses => {
                self.cache_write_5m = self.cache_write_5m.saturating_add(self.cache_write_1h);
                self.cache_write_1h = 0;
                self.reasoning = self.reasoning.min(self.output);
            }
        }
        self
    }
}

/// Usage as a scenario or the defaults state it. What is absent is counted from the text (`input`, `output`,
/// `reasoning`) or zero (the cache classes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UsageSpec {
    /// Uncached input tokens.
    pub input: Option<u64>,
    /// Input tokens read from the cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to the five-minute cache.
    pub cache_write_5m: Option<u64>,
    /// Input tokens written to the one-hour cache.
    pub cache_write_1h: Option<u64>,
    /// Output tokens of the whole answer, all choices together.
    pub output: Option<u64>,
    /// Reasoning tokens, part of the output.
    pub reasoning: Option<u64>,
}

impl UsageSpec {
    /// This specification, with what it leaves open taken from `fallback`.
    pub(crate) fn or(self, fallback: Self) -> Self {
        Self {
            input: self.input.or(fallback.input),
            cache_read: self.cache_read.or(fallback.cache_read),
            cache_write_5m: self.cache_write_5m.or(fallback.cache_write_5m),
            cache_write_1h: self.cache_write_1h.or(fallback.cache_write_1h),
            output: self.output.or(fallback.output),
            reasoning: self.reasoning.or(fallback.reasoning),
        }
    }
}
