//! What a mock is started with.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use crate::scenario::{self, Scenario};
use crate::usage::UsageSpec;

/// Configuration of one mock server. The default listens on an ephemeral port of 127.0.0.1, has no scenario, answers
/// at once and accepts any credential.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MockConfig {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Rules, tried in order; what matches none of them is answered by [`Defaults`].
    pub scenarios: Vec<Scenario>,
    /// Behaviour where no rule says otherwise.
    pub defaults: Defaults,
    /// What the ledger bills.
    pub prices: Prices,
    /// If set, a model request with another credential (or none) gets the vendor's 401.
    pub api_key: Option<String>,
    /// Names that `GET /v1/models` lists. Any other name is answered too.
    pub models: Vec<String>,
    /// How much is kept in memory.
    pub keep: Keep,
}

impl Default for MockConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            scenarios: Vec::new(),
            defaults: Defaults::default(),
            prices: Prices::default(),
            api_key: None,
            models: ["mock", "claude-mock"].map(str::to_owned).to_vec(),
            keep: Keep::default(),
        }
    }
}

/// Behaviour of answers for which no rule says otherwise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// Wait before the first event of a stream, or before an answer that is not streamed.
    #[serde(with = "scenario::duration")]
    pub first_token_delay: Duration,
    /// Wait between two events of a stream.
    #[serde(with = "scenario::duration")]
    pub event_delay: Duration,
    /// Exact usage to report and bill; `None`, and each field left out, is counted from the text.
    pub usage: Option<UsageSpec>,
    /// Text of every answer; `None` answers with the end of the last user message.
    pub text: Option<String>,
    /// Pieces that each text is streamed in; `None` makes pieces of about 16 bytes.
    pub chunks: Option<usize>,
}

/// Rates of one model, in nano-dollars per million tokens (so $3 per million tokens is 3,000,000,000).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Uncached input.
    pub input: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// Input read from the cache.
    pub cache_read: u64,
    /// Input written to the five-minute cache.
    pub cache_write_5m: u64,
    /// Input written to the one-hour cache.
    pub cache_write_1h: u64,
}

impl Default for Rates {
    /// Per million tokens: input $3, output $15, cache read $0.30, five-minute write $3.75, one-hour write $6.
    fn default() -> Self {
        Self {
            input: 3_000_000_000,
            output: 15_000_000_000,
            cache_read: 300_000_000,
            cache_write_5m: 3_750_000_000,
            cache_write_1h: 6_000_000_000,
        }
    }
}

/// The mock's price list. Nothing is free unless a rate of zero is written down.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// Rates of every model not named in `models`.
    pub default: Rates,
    /// Rates by exact model name, or by `model@tier` for answers that report that service tier.
    pub models: BTreeMap<String, Rates>,
}

impl Prices {
    /// The rates that apply to `model` in an answer of `tier`.
    pub(crate) fn of(&self, model: &str, tier: Option<&str>) -> Rates {
        let tiered = tier.and_then(|tier| self.models.get(&format!("{model}@{tier}")));
        tiered
            .or_else(|| self.models.get(model))
            .copied()
            .unwrap_or(self.default)
    }
}

/// Bounds of what is remembered; totals are kept for ever.
///
/// An entry takes about half a kilobyte.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keep {
    /// Requests kept for [`crate::Mock::requests`]; the oldest go first.
    pub requests: usize,
    /// Bytes of request bodies kept, all requests together.
    pub request_bytes: usize,
    /// Ledger entries kept.
    pub entries: usize,
}

impl Keep {
    /// For a mock that runs for long inside another server: no requests, and the last 10,000 entries.
    pub const fn embedded() -> Self {
        Self {
            requests: 0,
            request_bytes: 0,
            entries: 10_000,
        }
    }
}

impl Default for Keep {
    /// 1,000 requests, 64 MiB of bodies, 100,000 entries.
    fn default() -> Self {
        Self {
            requests: 1_000,
            request_bytes: 64 << 20,
            entries: 100_000,
        }
    }
}
