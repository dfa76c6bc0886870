//! The price of one model.

use std::collections::BTreeMap;

use bailey_core::{Rate, Timestamp};
use serde::{Deserialize, Serialize};

use crate::usage::ServiceTier;

/// What a token of each class costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Input that no cache had a part in.
    pub input: Rate,
    /// Output, reasoning included.
    pub output: Rate,
    /// Input read from the provider's cache.
    pub cache_read: Rate,
    /// Input written to a cache that lives five minutes.
    pub cache_write_5m: Rate,
    /// Input written to a cache that lives an hour.
    pub cache_write_1h: Rate,
}

impl Rates {
    /// All rates, in the order of their declaration.
    pub const fn all(&self) -> [Rate; 5] {
        [
            self.input,
            self.output,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
        ]
    }
}

/// Rates for requests with much input. The whole request is billed by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongContext {
    /// They hold for more input tokens than this, cached ones included.
    pub above: u64,
    /// The rates.
    pub rates: Rates,
}

/// When a provider bills cache writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheWrites {
    /// Whenever it likes: the worst case has every token written.
    #[default]
    Always,
    /// Only for requests with `cache_control`.
    Asked,
}

/// The price of one model at one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPrice {
    /// The standard rates.
    pub rates: Rates,
    /// Other rates for much input.
    pub long_context: Option<LongContext>,
    /// Rates of other service tiers. [`ModelPrice::cost`] says how they go with long context.
    pub tiers: BTreeMap<ServiceTier, Rates>,
    /// When cache writes are billed.
    pub cache_writes: CacheWrites,
    /// The most output tokens that the model can produce.
    pub max_output: Option<u64>,
    /// The context window in tokens.
    pub context: Option<u64>,
    /// From when on the price holds; `None` for ever.
    pub from: Option<Timestamp>,
    /// Where it is from.
    pub source: String,
    /// When it was looked up, as `2026-01-31`.
    pub date: String,
}

impl ModelPrice {
    /// A price of `rates` alone, as an administrator configures for a model of their own.
    pub fn flat(rates: Rates, source: &str) -> Self {
        Self {
            rates,
            long_context: None,
            tiers: BTreeMap::new(),
            cache_writes: CacheWrites::Always,
            max_output: None,
            context: None,
            from: None,
            source: source.to_owned(),
            date: String::new(),
        }
    }

    /// Whether every rate is zero.
    pub fn is_free(&self) -> bool {
        self.rates.all().iter().all(|rate| *rate == Rate::ZERO)
    }
}
