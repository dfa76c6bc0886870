//! Reads the usage out of a body that is not streamed, while it passes by in pieces.

use crate::Protocol;
use crate::json::tap::{Tap, Watch, value};
use crate::request::CacheControl;
use crate::usage::{ServiceTier, Tally, Usage};

/// What an answer says about itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Metered {
    /// Its usage; `None` if there was none, or one with numbers that are no token counts.
    pub usage: Option<Usage>,
    /// Whether the usage is the last word: the answer came to its end.
    pub usage_final: bool,
    /// The service tier it was served in, where it says so.
    pub tier: Option<ServiceTier>,
    /// Bytes of generated text, escapes as written. A guess of the output where there is no usage.
    pub content_bytes: u64,
    /// Calls of tools that the provider ran.
    pub server_tool_calls: u64,
}

const USAGE: usize = 0;
const TIER: usize = 1;
const ITEM: usize = 2;
const WATCHES: &[Watch] = &[
    value(&["usage"]),
    value(&["service_tier"]),
    value(&["output", "[]", "type"]),
];

/// Observes one JSON body. Memory is bounded, whatever the size of the body.
#[derive(Debug)]
pub struct BodyMeter {
    protocol: Protocol,
    tap: Tap,
    tally: Tally,
    calls: u64,
}

impl BodyMeter {
    /// A meter for an answer of `protocol`.
    pub fn new(protocol: Protocol) -> Self {
        let tally = Tally::new(protocol, CacheControl::None);
        Self {
            protocol,
            tap: Tap::new(WATCHES),
            tally,
            calls: 0,
        }
    }

    /// Has cache writes whose lifetime the answer leaves open booked as what the request asked for.
    #[must_use]
    pub fn with_cache(mut self, cache: CacheControl) -> Self {
        self.tally = Tally::new(self.protocol, cache);
        self
    }

    /// Feeds the next piece.
    pub fn push(&mut self, bytes: &[u8]) {
        let Self {
            protocol,
            tap,
            tally,
            calls,
        } = self;
        tap.push(bytes, &mut |(watch, value)| match watch {
            USAGE => tally.add(value.unwrap_or_default()),
            TIER => tally.tier = value.and_then(tier_name).or(tally.tier),
            ITEM if *protocol == Protocol::Responses => *calls += u64::from(value.is_some_and(is_server_call)),
            _ => {}
        });
    }

    /// What was seen.
    pub fn finish(self) -> Metered {
        let usage = self.tally.usage();
        Metered {
            usage,
            usage_final: usage.is_some() && self.tap.whole(),
            tier: self.tally.tier,
            content_bytes: self.tap.text_bytes(),
            server_tool_calls: self.calls.saturating_add(self.tally.server_tool_calls),
        }
    }
}

/// The tier that a JSON string names.
pub(crate) fn tier_name(value: &[u8]) -> Option<ServiceTier> {
    let name: &str = serde_json::from_slice(value).ok()?;
    ServiceTier::from_name(name)
}

/// Whether an output item's type, as a JSON string, is a call of a tool that OpenAI runs.
pub(crate) fn is_server_call(value: &[u8]) -> bool {
    let kinds: [&[u8]; 5] = [
        b"\"web_search_call\"",
        b"\"file_search_call\"",
        b"\"code_interpreter_call\"",
        b"\"image_generation_call\"",
        b"\"mcp_call\"",
    ];
    kinds.contains(&value)
}

#[cfg(test)]
mod tests;
