//! Prices in the configuration: dollars per million tokens.

use std::path::PathBuf;

use bailey_core::{Money, Rate};
use bailey_llm::Rates;
use serde::{Serialize, Serializer};

use super::reader::{Section, boolean, text};
use super::tree::{Node, Value};

/// The dearest rate that is believed, in dollars per million tokens; more is taken for a slip of the point.
const DEAREST_USD_PER_MTOK: u64 = 10_000;

/// `[prices]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PricesConfig {
    /// A file that adds to the shipped price table, or overrides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The price of models that have none; `None` = they are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<PriceConfig>,
}

/// What one model costs. A rate that is absent is not free; see [`PriceConfig::rates`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PriceConfig {
    /// Uncached input.
    #[serde(serialize_with = "as_usd_per_mtok")]
    pub input: Rate,
    /// Output, reasoning included.
    #[serde(serialize_with = "as_usd_per_mtok")]
    pub output: Rate,
    /// Input read from the cache.
    #[serde(serialize_with = "as_optional", skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Rate>,
    /// Input written to the five-minute cache.
    #[serde(serialize_with = "as_optional", skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<Rate>,
    /// Input written to the one-hour cache.
    #[serde(serialize_with = "as_optional", skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Rate>,
    /// The model costs nothing: all rates are zero.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub free: bool,
}

impl PriceConfig {
    /// What the mock bills, which are the rates of a middling model: $3 in, $15 out, $0.30 read from the cache, $3.75
    /// and $6 written to it.
    pub const MOCK: Self = Self {
        input: Rate::from_picos(3_000_000),
        output: Rate::from_picos(15_000_000),
        cache_read: Some(Rate::from_picos(300_000)),
        cache_write_5m: Some(Rate::from_picos(3_750_000)),
        cache_write_1h: Some(Rate::from_picos(6_000_000)),
        free: false,
    };

    /// All rates: a cache read without one costs what fresh input costs, a cache write as much as the dearest
    /// input-class rate that is written.
    pub fn rates(&self) -> Rates {
        let written = [self.cache_read, self.cache_write_5m, self.cache_write_1h];
        let dearest = written.into_iter().flatten().fold(self.input, Rate::max);
        Rates {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read.unwrap_or(self.input),
            cache_write_5m: self.cache_write_5m.unwrap_or(dearest),
            cache_write_1h: self.cache_write_1h.unwrap_or(dearest),
        }
    }
}

pub(super) fn prices(s: &mut Section<'_>) -> PricesConfig {
    PricesConfig {
        file: s.path("file"),
        default: price(s, "default"),
    }
}

/// The price below a key, if one is written.
pub(super) fn price(s: &mut Section<'_>, key: &'static str) -> Option<PriceConfig> {
    if !s.has(key) {
        return None;
    }
    s.section(key, |s| {
        let free = s.or("free", false, boolean);
        let price = PriceConfig {
            input: needed(s, "input", free),
            output: needed(s, "output", free),
            cache_read: s.get("cache_read", rate),
            cache_write_5m: s.get("cache_write_5m", rate),
            cache_write_1h: s.get("cache_write_1h", rate),
            free,
        };
        if free && price.rates().all().into_iter().any(|rate| rate > Rate::ZERO) {
            s.note("free", "a free model has no rates; remove them, or this");
        }
        Some(price)
    })
}

fn needed(s: &mut Section<'_>, key: &'static str, free: bool) -> Rate {
    if free {
        return s.or(key, Rate::ZERO, rate);
    }
    let not_zero = |node: &Node| match rate(node)? {
        Rate::ZERO => Err("is zero; write `free = true` for a model that costs nothing".to_owned()),
        rate => Ok(rate),
    };
    s.required(key, not_zero).unwrap_or_default()
}

fn rate(node: &Node) -> Result<Rate, String> {
    let written = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::Other("a number with a point") => {
            return Err("write amounts of money as text, such as \"0.25\", so that they are exact".to_owned());
        }
        _ => text(node)?,
    };
    let rate = Rate::parse_usd_per_mtok(&written)
        .map_err(|error| format!("`{written}` is no price in dollars per million tokens: {error}"))?;
    // $1 per million tokens is 1,000,000 pico-dollars per token.
    if rate.picos() > DEAREST_USD_PER_MTOK * 1_000_000 {
        return Err(format!(
            "{written} dollars per million tokens is more than {DEAREST_USD_PER_MTOK}"
        ));
    }
    Ok(rate)
}

/// A rate as dollars per million tokens, the way it is written.
pub fn format_rate(rate: Rate) -> String {
    // A pico-dollar per token is a micro-dollar per million tokens: a thousand nano-dollars.
    let nanos = rate.picos().saturating_mul(1_000);
    Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)).to_string()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn as_usd_per_mtok<S: Serializer>(rate: &Rate, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format_rate(*rate))
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn as_optional<S: Serializer>(rate: &Option<Rate>, to: S) -> Result<S::Ok, S::Error> {
    match rate {
        Some(rate) => as_usd_per_mtok(rate, to),
        None => to.serialize_none(),
    }
}
