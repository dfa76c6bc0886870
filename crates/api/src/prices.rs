//! The price table in use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Time;

/// Dollars per million tokens, as decimal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rates {
    /// Input read afresh.
    #[schema(example = "3")]
    pub input: String,
    /// Output.
    #[schema(example = "15")]
    pub output: String,
    /// Input read from a cache.
    pub cache_read: String,
    /// Input written to a cache that lives five minutes.
    pub cache_write_5m: String,
    /// Input written to a cache that lives an hour.
    pub cache_write_1h: String,
}

/// Rates that hold for long inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LongContext {
    /// They hold for a whole request whose input, cached or not, has more tokens than this.
    pub above: u64,
    /// The rates.
    pub rates: Rates,
}

/// The price of one model at one kind of provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Price {
    /// The kind of provider that was asked for.
    pub provider: String,
    /// The model that was asked for.
    pub model: String,
    /// Its rates.
    pub rates: Rates,
    /// Those for long inputs, where there are any.
    pub long_context: Option<LongContext>,
    /// Those of other service tiers, by their names.
    pub tiers: BTreeMap<String, Rates>,
    /// Since when it holds; absent = always.
    pub from: Option<Time>,
    /// Where the price is from.
    pub source: String,
    /// The day on which it was read there.
    pub date: String,
}

/// The price table in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Prices {
    /// Its version, which each row of the ledger names.
    pub version: String,
    /// How many models it has.
    pub models: usize,
    /// What a model without a price costs; absent = it is refused.
    pub default: Option<Rates>,
    /// The price that was asked for, if it is there.
    pub price: Option<Price>,
}

/// Which price is asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PriceQuery {
    /// The kind of provider: `anthropic`, `openai`, and so on. Together with `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The provider's own name of a model. Together with `provider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}
