//! Durations as scenarios write them: a whole number and a unit, such as `250ms` or `2s`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// How long a stall lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Hold {
    /// Until the client hangs up.
    #[default]
    Forever,
    /// For this long.
    For(Duration),
}

impl TryFrom<String> for Hold {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "forever" {
            Ok(Self::Forever)
        } else {
            parse(&text).map(Self::For)
        }
    }
}

/// Reads `text` as a duration.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let refused = || format!("`{text}` is no duration; write a whole number and one of us, ms, s, m");
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| refused())?;
    match unit {
        "us" => Ok(Duration::from_micros(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs).ok_or_else(refused),
        _ => Err(refused()),
    }
}

/// For `#[serde(with)]` on a `Duration`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// For `#[serde(with)]` on an `Option<Duration>`.
pub(crate) mod optional {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error as _};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::parse(&text))
            .transpose()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("2m"), Ok(Duration::from_mins(2)));
        for refused in [
            "",
            "5",
            "ms",
            "1.5s",
            "-1s",
            "1 s",
            "1h",
            "999999999999999999999s",
            "999999999999999999m",
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
        assert_eq!(Hold::try_from("forever".to_owned()), Ok(Hold::Forever));
    }
}
