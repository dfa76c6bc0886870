//! What the importers of foreign price lists share.

use super::PriceTable;
use super::file::{Entry, PriceFile, RateTexts, build};

/// An entry that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name in the foreign list.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What an import gave.
#[derive(Debug, Clone)]
pub struct Imported {
    /// A price file in Bailey's own form.
    pub toml: String,
    /// How many entries it has.
    pub taken: usize,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Why a foreign list is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is not what it should be.
    #[error("not a price list of the expected form: {0}")]
    Form(String),
    /// Most entries that should have a price have a broken one.
    #[error("{broken} of {total} entries have broken prices, so the list is refused; the first: {first}")]
    MostlyBroken {
        /// How many are broken.
        broken: usize,
        /// How many were looked at.
        total: usize,
        /// What is wrong with the first.
        first: String,
    },
    /// What came out is no price file.
    #[error("the import gave no valid price file: {0}")]
    Result(String),
}

/// Why an entry is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Skip {
    /// It is about something that has no price per token here: images, audio, embeddings.
    Elsewhere(String),
    /// It should have a price, and what it has is none.
    Broken(String),
}

/// Gathers entries and what is wrong with others.
#[derive(Debug, Default)]
pub(super) struct Collector {
    entries: Vec<Entry>,
    skipped: Vec<Skipped>,
    broken: usize,
}

impl Collector {
    pub(super) fn add(&mut self, name: &str, entry: Result<Entry, Skip>) {
        let reason = match entry {
            Ok(entry) => return self.entries.push(entry),
            Err(Skip::Elsewhere(reason)) => reason,
            Err(Skip::Broken(reason)) => {
                self.broken += 1;
                reason
            }
        };
        self.skipped.push(Skipped {
            name: name.to_owned(),
            reason,
        });
    }

    /// The file, unless most of what was looked at is broken.
    pub(super) fn finish(mut self, date: &str) -> Result<Imported, ImportError> {
        let total = self.entries.len() + self.broken;
        if self.broken * 2 > total || self.entries.is_empty() {
            let first = self
                .skipped
                .first()
                .map(|s| format!("{}: {}", s.name, s.reason))
                .unwrap_or_default();
            return Err(ImportError::MostlyBroken {
                broken: self.broken,
                total,
                first,
            });
        }
        self.entries
            .sort_by(|a, b| (&a.providers, &a.models).cmp(&(&b.providers, &b.models)));
        // Two foreign entries may come to one name here; the first is kept, so that the file is valid.
        self.entries
            .dedup_by(|a, b| a.providers == b.providers && a.models == b.models);
        let taken = self.entries.len();
        let file = PriceFile {
            date: date.to_owned(),
            default: None,
            prices: self.entries,
        };
        build(&file).map_err(|errors| {
            let first = errors.first().map(ToString::to_string).unwrap_or_default();
            ImportError::Result(first)
        })?;
        let toml = toml::to_string(&file).map_err(|e| ImportError::Result(e.to_string()))?;
        PriceTable::parse(&toml)
            .map_err(|errors| ImportError::Result(errors.first().map(ToString::to_string).unwrap_or_default()))?;
        Ok(Imported {
            toml,
            taken,
            skipped: self.skipped,
        })
    }
}

/// Which rate is read, for messages.
pub(super) fn rate(name: &str, text: Option<&str>, per_token: bool) -> Result<Option<String>, Skip> {
    let Some(text) = text.map(str::trim).filter(|text| *text != "null") else {
        return Ok(None);
    };
    let shift = if per_token { 6 } else { 0 };
    match decimal(text, shift) {
        Some(Decimal::Positive(usd)) => Ok(Some(usd)),
        Some(Decimal::Zero) => Err(Skip::Broken(format!("`{name}` is zero"))),
        Some(Decimal::TooLarge) => Err(Skip::Broken(format!(
            "`{name}` = {text} is more than $10,000 per million tokens"
        ))),
        None => Err(Skip::Broken(format!("`{name}` = {text} is no positive number"))),
    }
}

/// A number as it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decimal {
    Positive(String),
    Zero,
    TooLarge,
}

/// Significant digits that are believed: more are the noise of printing binary floats.
const SIGNIFICANT: usize = 15;
/// Decimal places of dollars per million tokens: one is a pico-dollar per token.
const PLACES: i64 = 6;

/// Reads a JSON number's text exactly, times `10^shift`, rounded up at the sixth decimal place. `None` for what is no
/// number or negative.
pub(super) fn decimal(text: &str, shift: i64) -> Option<Decimal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok().filter(|e| e.abs() < 1_000)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) || text.len() > 60 {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some(Decimal::Zero);
    }
    // value = significant x 10^scale
    let mut scale = exponent + shift - i64::try_from(fraction.len()).ok()?;
    let kept = significant.get(..SIGNIFICANT).unwrap_or(significant);
    scale += i64::try_from(significant.len() - kept.len()).ok()?;
    let mut value: u128 = kept.parse().ok()?;
    let dropped = significant.get(SIGNIFICANT..).unwrap_or_default();
    if dropped.bytes().next().is_some_and(|b| b >= b'5') {
        value += 1;
    }
    // In units of the last place.
    scale += PLACES;
    for _ in 0..scale.clamp(0, 40) {
        value = value.saturating_mul(10);
    }
    for _ in 0..(-scale).clamp(0, 40) {
        value = value.div_ceil(10);
    }
    let unit = 10_u128.pow(6);
    if value > 10_000 * unit {
        return Some(Decimal::TooLarge);
    }
    let text = format!("{}.{:06}", value / unit, value % unit);
    Some(Decimal::Positive(
        text.trim_end_matches('0').trim_end_matches('.').to_owned(),
    ))
}

/// Refuses rates that lack what every price must have.
pub(super) fn complete(rates: RateTexts) -> Result<RateTexts, Skip> {
    match (&rates.input, &rates.output) {
        (Some(_), Some(_)) => Ok(rates),
        (None, None) => Err(Skip::Elsewhere("no price per token".to_owned())),
        (None, _) => Err(Skip::Broken("no price of input".to_owned())),
        (_, None) => Err(Skip::Broken("no price of output".to_owned())),
    }
}

#[cfg(test)]
mod tests;
