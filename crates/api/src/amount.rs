//! Amounts of money on the wire.

use std::fmt;

use bailey_core::{Money, MoneyError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// An amount of money, twice: to read, and exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Amount {
    /// Dollars as decimal text, exact, without trailing zeros.
    #[schema(example = "0.25")]
    pub usd: String,
    /// The same in nano-dollars (10^-9 dollars).
    #[schema(example = 250_000_000)]
    pub nanos: i64,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self {
            usd: money.to_string(),
            nanos: money.nanos(),
        }
    }
}

impl Amount {
    /// The amount as money.
    pub const fn money(&self) -> Money {
        Money::from_nanos(self.nanos)
    }
}

/// An amount of dollars as it is asked for: decimal text such as `"0.25"`, or a whole number. Fractions are written as
/// text, because a JSON number with a point is a float to most programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, example = "0.25", pattern = r"^\$?[0-9]*(\.[0-9]{1,9})?$")]
pub struct AmountInput(pub Money);

impl Serialize for AmountInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AmountInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl de::Visitor<'_> for AmountVisitor {
    type Value = AmountInput;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of dollars as text, such as \"0.25\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AmountInput, E> {
        text.parse().map(AmountInput).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, dollars: u64) -> Result<AmountInput, E> {
        Money::parse(&dollars.to_string()).map(AmountInput).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, dollars: i64) -> Result<AmountInput, E> {
        match u64::try_from(dollars) {
            Ok(dollars) => self.visit_u64(dollars),
            Err(_) => Err(E::custom(MoneyError::Negative)),
        }
    }

    fn visit_f64<E: de::Error>(self, dollars: f64) -> Result<AmountInput, E> {
        if dollars < 0.0 {
            return Err(E::custom(MoneyError::Negative));
        }
        Err(E::custom("write a fraction of a dollar as text, such as \"0.25\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_text_and_whole_dollars_may_be_numbers() {
        let read = |json: &str| serde_json::from_str::<AmountInput>(json).map(|a| a.0);
        assert_eq!(read("\"0.25\"").unwrap(), Money::cents(25));
        assert_eq!(read("5").unwrap(), Money::usd(5));
        for bad in [
            "0.25",
            "-1",
            "-0.5",
            "\"-1\"",
            "\"NaN\"",
            "\"1e3\"",
            "1e300",
            "9223372037",
            "null",
            "true",
            "[]",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
