//! Prices as data, and what a request costs by them.
//!
//! Every class of tokens has its own rate; there are no multipliers in code. A price file that is wrong is refused
//! whole, with all its errors, so that a broken update never makes anything free.

mod cost;
mod file;
mod import;
mod import_litellm;
mod import_models_dev;
mod rates;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bailey_core::{Money, Timestamp};

pub use cost::CostError;
pub use file::PriceError;
pub use import::{ImportError, Imported, Skipped};
pub use import_litellm::import_litellm;
pub use import_models_dev::import_models_dev;
pub use rates::{CacheWrites, LongContext, ModelPrice, Rates};

/// The name that stands for every model of a provider that has no price of its own.
pub const ANY_MODEL: &str = "*";

/// By provider kind and model, the prices in the order of their effective dates.
type Prices = HashMap<String, HashMap<String, Vec<Arc<ModelPrice>>>>;

/// A price list.
#[derive(Debug, Clone, Default)]
pub struct PriceTable {
    version: String,
    prices: Prices,
    default: Option<Arc<ModelPrice>>,
}

/// The price list that comes with the program.
const SHIPPED: &str = include_str!("../prices.toml");

static SHIPPED_TABLE: LazyLock<Arc<PriceTable>> = LazyLock::new(|| {
    // A test parses the same text; should it fail all the same, nothing has a price and so nothing is served.
    Arc::new(PriceTable::parse(SHIPPED).unwrap_or_default())
});

impl PriceTable {
    /// Reads a price file. All that is wrong with it is reported at once.
    pub fn parse(text: &str) -> Result<Self, Vec<PriceError>> {
        file::parse(text)
    }

    /// The price list that comes with the program.
    pub fn shipped() -> Arc<Self> {
        Arc::clone(&SHIPPED_TABLE)
    }

    /// The text of the shipped price list.
    pub const fn shipped_text() -> &'static str {
        SHIPPED
    }

    /// This list, and what `base` has besides: an administrator's own prices win, the shipped ones fill in.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let mut prices = base.prices.clone();
        for (kind, models) in &self.prices {
            let known: &mut HashMap<_, _> = prices.entry(kind.clone()).or_default();
            known.extend(models.iter().map(|(model, list)| (model.clone(), list.clone())));
        }
        let default = self.default.clone().or_else(|| base.default.clone());
        let version = format!("{}+{}", self.version, base.version);
        Self {
            version,
            prices,
            default,
        }
    }

    /// This list with another price for models that have none.
    #[must_use]
    pub fn with_default(mut self, price: ModelPrice) -> Self {
        self.default = Some(Arc::new(price));
        self
    }

    /// What names this list in the ledger: its date and the start of a hash of what it says.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many models have a price.
    pub fn len(&self) -> usize {
        self.prices.values().map(HashMap::len).sum()
    }

    /// Whether no model has a price.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every price: provider kind, model, price.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Arc<ModelPrice>)> {
        self.prices.iter().flat_map(|(provider, models)| {
            let prices = models
                .iter()
                .flat_map(|(model, prices)| prices.iter().map(move |price| (model, price)));
            prices.map(move |(model, price)| (provider.as_str(), model.as_str(), price))
        })
    }

    /// The newest price of a model: by its name, by its name without the date that vendors append, or by the provider's
    /// entry for any model. Never the default price.
    pub fn lookup(&self, provider_kind: &str, model: &str) -> Option<&Arc<ModelPrice>> {
        self.find(provider_kind, model)?.last()
    }

    /// As [`Self::lookup`], by the price that was in effect at `at`.
    pub fn lookup_at(&self, provider_kind: &str, model: &str, at: Timestamp) -> Option<&Arc<ModelPrice>> {
        self.find(provider_kind, model)?
            .iter()
            .rev()
            .find(|price| price.from.is_none_or(|from| from <= at))
    }

    /// The price for models that have none, if the list has one.
    pub const fn default_price(&self) -> Option<&Arc<ModelPrice>> {
        self.default.as_ref()
    }

    fn find(&self, provider_kind: &str, model: &str) -> Option<&Vec<Arc<ModelPrice>>> {
        let models = self.prices.get(provider_kind)?;
        let undated = || models.get(without_date(model)?);
        models.get(model).or_else(undated).or_else(|| models.get(ANY_MODEL))
    }

    /// Refuses a list that has lost more than half of the models that `previous` has: a broken download looks so.
    pub fn check_against(&self, previous: &Self) -> Result<(), PriceError> {
        let has = |provider: &String, model: &String| {
            let models = self.prices.get(provider);
            models.is_some_and(|models| models.contains_key(model))
        };
        let count = |(provider, models): (&String, &HashMap<String, _>)| {
            models.keys().filter(|model| !has(provider, model)).count()
        };
        let lost: usize = previous.prices.iter().map(count).sum();
        let total = previous.len();
        if lost * 2 > total {
            Err(PriceError::Vanished { lost, total })
        } else {
            Ok(())
        }
    }
}

/// A model's name without the date that vendors append: `-20251001`, `-2024-08-06`, `@20251001`.
fn without_date(model: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (stem, tail) = model.split_at_checked(model.len().checked_sub(9)?)?;
    if tail.starts_with(['-', '@']) && digits(&tail[1..]) {
        return Some(stem);
    }
    let (stem, tail) = model.split_at_checked(model.len().checked_sub(11)?)?;
    let parts: Vec<&str> = tail.split('-').collect();
    match parts.as_slice() {
        ["", year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
            [year, month, day].iter().all(|part| digits(part)).then_some(stem)
        }
        _ => None,
    }
}

/// The most that a rate may be: 10,000 dollars per million tokens. More is a slip of the unit.
pub const MAX_RATE_USD_PER_MTOK: Money = Money::usd(10_000);

#[cfg(test)]
mod tests;
