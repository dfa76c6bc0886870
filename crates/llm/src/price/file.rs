//! The price file: TOML in dollars per million tokens, as decimal text.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bailey_core::{Money, Rate, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::rates::{CacheWrites, LongContext, ModelPrice, Rates};
use super::{MAX_RATE_USD_PER_MTOK, PriceTable, Prices};
use crate::usage::ServiceTier;

/// What is wrong with a price file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// It is no TOML, or has a key that is not known.
    #[error("not a price file: {0}")]
    Syntax(String),
    /// The date of the file is missing or no date.
    #[error("`date` must be a date such as \"2026-01-31\"")]
    Date,
    /// An entry is wrong.
    #[error("{entry}: {problem}")]
    Entry {
        /// Which, by the first of its providers and models: `provider/model`.
        entry: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It has no prices at all.
    #[error("the file has no prices")]
    Empty,
    /// More than half of the models of the list in use are missing.
    #[error("{lost} of {total} models of the list in use are missing; this looks like a broken file")]
    Vanished {
        /// How many are missing.
        lost: usize,
        /// How many there were.
        total: usize,
    },
}

/// The file as it is written.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceFile {
    /// When the prices were last checked.
    pub(super) date: String,
    /// The price of models that have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<RateTexts>,
    #[serde(default, rename = "price")]
    pub(super) prices: Vec<Entry>,
}

/// The price of one model, or of several at the same price.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) providers: Vec<String>,
    pub(super) models: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) free: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_writes: Option<CacheWrites>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output: Option<u64>,
    pub(super) source: String,
    pub(super) date: String,
    #[serde(default)]
    pub(super) rates: RateTexts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) long_context: Option<LongEntry>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tiers: BTreeMap<ServiceTier, RateTexts>,
}

/// Rates as they are written: dollars per million tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateTexts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_read: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_write_5m: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_write_1h: Option<String>,
}

/// Rates for much input.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongEntry {
    pub(super) above: u64,
    pub(super) rates: RateTexts,
}

/// Gathers what is wrong.
struct Checker {
    entry: String,
    errors: Vec<PriceError>,
}

impl Checker {
    fn problem(&mut self, problem: impl Into<String>) {
        self.errors.push(PriceError::Entry {
            entry: self.entry.clone(),
            problem: problem.into(),
        });
    }

    fn rate(&mut self, name: &str, text: Option<&String>, free: bool) -> Option<Rate> {
        let text = text?.as_str();
        match Rate::parse_usd_per_mtok(text) {
            Ok(rate) if rate == Rate::ZERO && !free => {
                self.problem(format!(
                    "`{name}` is zero; write `free = true` if the model really costs nothing"
                ));
            }
            Ok(rate) if Money::parse(text).is_ok_and(|usd| usd > MAX_RATE_USD_PER_MTOK) => {
                self.problem(format!(
                    "`{name}` is more than $10,000 per million tokens ({})",
                    rate.picos()
                ));
            }
            Ok(rate) => return Some(rate),
            Err(e) => self.problem(format!("`{name}` = \"{text}\": {e}")),
        }
        // Something that the caller can go on with; the file is refused anyway.
        Some(Rate::ZERO)
    }

    /// The rates of an entry. A class without a rate of its own gets the dearest input rate that is given, except that
    /// reading from a cache costs what reading does.
    fn rates(&mut self, texts: &RateTexts, free: bool) -> Rates {
        let input = self.rate("input", texts.input.as_ref(), free);
        let output = self.rate("output", texts.output.as_ref(), free);
        for (name, rate) in [("input", input), ("output", output)] {
            if rate.is_none() && !free {
                self.problem(format!("`{name}` is missing"));
            }
        }
        let input = input.unwrap_or_default();
        let read = self.rate("cache_read", texts.cache_read.as_ref(), free);
        let five = self.rate("cache_write_5m", texts.cache_write_5m.as_ref(), free);
        let hour = self.rate("cache_write_1h", texts.cache_write_1h.as_ref(), free);
        let dearest = [Some(input), read, five, hour]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or_default();
        Rates {
            input,
            output: output.unwrap_or_default(),
            cache_read: read.unwrap_or(input),
            cache_write_5m: five.unwrap_or(input),
            cache_write_1h: hour.unwrap_or(dearest),
        }
    }

    fn model(&mut self, entry: &Entry) -> ModelPrice {
        let rates = self.rates(&entry.rates, entry.free);
        if entry.free && rates.all().iter().any(|rate| *rate != Rate::ZERO) {
            self.problem("`free = true` beside a rate");
        }
        let long_context = entry.long_context.as_ref().map(|long| {
            if long.above == 0 {
                self.problem("`long_context.above` must be positive");
            }
            LongContext {
                above: long.above,
                rates: self.rates(&long.rates, entry.free),
            }
        });
        let mut tiers = BTreeMap::new();
        for (tier, texts) in &entry.tiers {
            if *tier == ServiceTier::Standard {
                self.problem("`tiers.standard` must not be given: the rates beside it are the standard ones");
            }
            tiers.insert(*tier, self.rates(texts, entry.free));
        }
        if day(&entry.date).is_none() {
            self.problem("`date` must be a date such as \"2026-01-31\"");
        }
        if entry.source.trim().is_empty() {
            self.problem("`source` must say where the price is from");
        }
        let from = entry.from.as_deref().and_then(|from| {
            let instant = day(from);
            if instant.is_none() {
                self.problem("`from` must be a date such as \"2026-01-31\"");
            }
            instant
        });
        ModelPrice {
            rates,
            long_context,
            tiers,
            cache_writes: entry.cache_writes.unwrap_or_default(),
            max_output: entry.max_output,
            context: entry.context,
            from,
            source: entry.source.clone(),
            date: entry.date.clone(),
        }
    }
}

/// The first instant of a day, in UTC.
fn day(text: &str) -> Option<Timestamp> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_micros(start.timestamp().as_microsecond()))
}

pub(super) fn parse(text: &str) -> Result<PriceTable, Vec<PriceError>> {
    let file: PriceFile = toml::from_str(text).map_err(|e| vec![PriceError::Syntax(e.to_string())])?;
    build(&file)
}

/// Checks a file and makes the table.
pub(super) fn build(file: &PriceFile) -> Result<PriceTable, Vec<PriceError>> {
    let mut checker = Checker {
        entry: String::new(),
        errors: Vec::new(),
    };
    if day(&file.date).is_none() {
        checker.errors.push(PriceError::Date);
    }
    if file.prices.is_empty() {
        checker.errors.push(PriceError::Empty);
    }
    let mut prices = Prices::new();
    for entry in &file.prices {
        let first = |names: &[String]| names.first().map_or("?", String::as_str).to_owned();
        checker.entry = format!("{}/{}", first(&entry.providers), first(&entry.models));
        for (key, names) in [("providers", &entry.providers), ("models", &entry.models)] {
            if names.is_empty() || names.iter().any(|name| name.trim().is_empty()) {
                checker.problem(format!("`{key}` must name at least one, and none may be empty"));
            }
        }
        let price = Arc::new(checker.model(entry));
        for (provider, model) in entry
            .providers
            .iter()
            .flat_map(|p| entry.models.iter().map(move |m| (p, m)))
        {
            let models = prices.entry(provider.clone()).or_default();
            let same = models.entry(model.clone()).or_default();
            if same.iter().any(|other| other.from == price.from) {
                checker.problem(format!("`{model}` has two prices from the same day on"));
            }
            same.push(Arc::clone(&price));
        }
    }
    for same in prices.values_mut().flat_map(HashMap::values_mut) {
        same.sort_by_key(|price| price.from);
    }
    "default".clone_into(&mut checker.entry);
    let default = file.default.as_ref().map(|entry| {
        Arc::new(ModelPrice::flat(
            checker.rates(entry, false),
            "the default of the price file",
        ))
    });
    if !checker.errors.is_empty() {
        return Err(checker.errors);
    }
    Ok(PriceTable {
        version: version(file),
        prices,
        default,
    })
}

/// The file's date, and a hash of what it says: comments, order of keys and white space do not count.
fn version(file: &PriceFile) -> String {
    let canonical = toml::to_string(file).unwrap_or_default();
    let hash = Sha256::digest(canonical.as_bytes());
    let hex = hash
        .iter()
        .take(6)
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("{}-{hex}", file.date)
}
