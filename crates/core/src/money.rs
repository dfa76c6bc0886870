//! Money in integer nano-dollars and rates in integer pico-dollars per token.
//!
//! `1 USD = 1_000_000_000 nano-dollars`; `$1 per million tokens = 1_000_000 pico-dollars per token`.
//! Products are taken in `i128`; a result that does not fit is an error, never a wrap.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Nano-dollars in one dollar.
pub const NANOS_PER_USD: i64 = 1_000_000_000;
/// Pico-dollars in one nano-dollar.
const PICOS_PER_NANO: i128 = 1_000;

/// Why an amount was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The result does not fit 64 bits of nano-dollars (about 9.2 billion dollars).
    #[error("the amount is larger than 9,223,372,036 dollars")]
    Overflow,
    /// The text is no decimal number.
    #[error("not a decimal number of dollars such as 5 or 0.25")]
    Malformed,
    /// Amounts of money are never negative at Bailey's edges.
    #[error("the amount is negative")]
    Negative,
    /// More than nine digits behind the point.
    #[error("more than nine decimal places; the smallest unit is a nano-dollar")]
    TooPrecise,
}

/// An amount in nano-dollars. Never a float.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// An amount from nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-dollars.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// A whole number of dollars; meant for constants.
    pub const fn usd(dollars: u32) -> Self {
        Self(dollars as i64 * NANOS_PER_USD)
    }

    /// A whole number of cents; meant for constants.
    pub const fn cents(cents: u32) -> Self {
        Self(cents as i64 * (NANOS_PER_USD / 100))
    }

    /// The sum, or [`MoneyError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// The difference, or [`MoneyError::Overflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_sub(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// The sum, held at [`Money::MAX`]: right for a bound, which may only grow.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of `self` after `other`, never below zero.
    #[must_use]
    pub fn minus_or_zero(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }

    /// The text of an amount: dollars with up to nine decimals and no trailing zeros, such as `0.25`.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let text = text.trim();
        let text = text.strip_prefix('$').unwrap_or(text);
        if text.starts_with('-') {
            return Err(MoneyError::Negative);
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
            return Err(MoneyError::Malformed);
        }
        if fraction.len() > 9 {
            return Err(MoneyError::TooPrecise);
        }
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| MoneyError::Overflow)?
        };
        let padded = format!("{fraction:0<9}");
        let nanos: i128 = padded.parse().map_err(|_| MoneyError::Malformed)?;
        let total = whole
            .checked_mul(i128::from(NANOS_PER_USD))
            .and_then(|w| w.checked_add(nanos));
        total
            .and_then(|t| i64::try_from(t).ok())
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let unit = NANOS_PER_USD.unsigned_abs();
        let fraction = format!("{:09}", nanos % unit);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{}", nanos / unit),
            digits => write!(f, "{sign}{}.{digits}", nanos / unit),
        }
    }
}

impl FromStr for Money {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// A price in pico-dollars per token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(u64);

impl Rate {
    /// Free.
    pub const ZERO: Self = Self(0);

    /// A rate from pico-dollars per token.
    pub const fn from_picos(picos: u64) -> Self {
        Self(picos)
    }

    /// Pico-dollars per token.
    pub const fn picos(self) -> u64 {
        self.0
    }

    /// Dollars per million tokens as decimal text, such as `2.50`: at most six decimals, never negative.
    pub fn parse_usd_per_mtok(text: &str) -> Result<Self, MoneyError> {
        // 1 USD/Mtok = 10^6 pico-dollars per token = 10^9 nano-dollars / 10^3.
        let nanos = Money::parse(text)?.nanos();
        if nanos % 1_000 != 0 {
            return Err(MoneyError::TooPrecise);
        }
        u64::try_from(nanos / 1_000).map(Self).map_err(|_| MoneyError::Negative)
    }

    /// `tokens x rate` in pico-dollars, held at [`i128::MAX`], which [`nanos_ceil`] refuses. Add such products with
    /// `saturating_add`, so that the refusal is kept.
    pub fn times(self, tokens: u64) -> i128 {
        i128::from(self.0).saturating_mul(i128::from(tokens))
    }
}

/// `ceil(picos / 1000)`: the one place where a sum of `tokens x rate` becomes money, so rounding happens once, upwards.
pub fn nanos_ceil(picos: i128) -> Result<Money, MoneyError> {
    if picos < 0 {
        return Err(MoneyError::Negative);
    }
    let nanos = picos / PICOS_PER_NANO + i128::from(picos % PICOS_PER_NANO != 0);
    i64::try_from(nanos).map(Money).map_err(|_| MoneyError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_rounds_up_once() {
        for (text, nanos) in [
            ("5", 5_000_000_000),
            ("0.25", 250_000_000),
            (".000000001", 1),
            ("$10.50", 10_500_000_000),
        ] {
            assert_eq!(Money::parse(text).unwrap().nanos(), nanos, "{text}");
        }
        assert_eq!(Money::from_nanos(10_500_000_000).to_string(), "10.5");
        assert_eq!(nanos_ceil(1).unwrap().nanos(), 1);
        assert_eq!(nanos_ceil(1_000).unwrap().nanos(), 1);
        assert_eq!(Rate::parse_usd_per_mtok("2.50").unwrap().picos(), 2_500_000);
    }

    #[test]
    fn nan_negative_and_overflowing_amounts_are_refused() {
        assert_eq!(Money::parse("NaN"), Err(MoneyError::Malformed));
        assert_eq!(Money::parse("inf"), Err(MoneyError::Malformed));
        assert_eq!(Money::parse("1e3"), Err(MoneyError::Malformed));
        assert_eq!(Money::parse("-1"), Err(MoneyError::Negative));
        assert_eq!(Money::parse("9223372037"), Err(MoneyError::Overflow));
        assert_eq!(
            Money::parse("99999999999999999999999999999999999999999"),
            Err(MoneyError::Overflow)
        );
        assert_eq!(Money::parse("0.0000000001"), Err(MoneyError::TooPrecise));
        assert_eq!(
            nanos_ceil(Rate::from_picos(u64::MAX).times(u64::MAX)),
            Err(MoneyError::Overflow)
        );
    }
}
