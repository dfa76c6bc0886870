//! Instants and durations on the wire.

use std::fmt;
use std::str::FromStr;

use bailey_core::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// An instant: RFC 3339 in UTC, such as `2026-11-20T18:53:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-20T18:53:00Z")]
pub struct Time(pub Timestamp);

/// How long something lives: a whole number and one of `s`, `m`, `h`, `d`, `w`; or `never`, which means that it does
/// not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// It does not end.
    Never,
    /// It ends after this many seconds; at least one.
    Seconds(i64),
}

/// An instant in the past or future: RFC 3339, a date (its first instant, UTC), or a duration back from now (`24h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// This instant.
    At(Timestamp),
    /// This many seconds before now.
    Ago(i64),
}

/// The text is no instant or duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not an instant.
    #[error("not an instant of the form 2026-11-20T18:53:00Z")]
    Instant,
    /// Not a duration.
    #[error("not a duration: write a whole number and s, m, h, d or w, such as 90s, 12h or 30d")]
    Duration,
    /// A duration of nothing.
    #[error("the duration is zero")]
    Zero,
    /// A duration beyond all use.
    #[error("the duration is longer than ten years")]
    TooLong,
}

const MAX_SECONDS: i64 = 10 * 366 * 86_400;

/// Seconds of text such as `90s` or `30d`.
fn seconds(text: &str) -> Result<i64, TimeError> {
    let unit = text.chars().last().ok_or(TimeError::Duration)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(TimeError::Duration),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(TimeError::Duration);
    }
    let count: i64 = digits.parse().map_err(|_| TimeError::TooLong)?;
    match count.checked_mul(factor) {
        Some(0) => Err(TimeError::Zero),
        Some(seconds) if seconds <= MAX_SECONDS => Ok(seconds),
        _ => Err(TimeError::TooLong),
    }
}

impl Lifetime {
    /// When it ends, for something that begins at `now`.
    pub fn end(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::Seconds(seconds) => Some(now.plus_seconds(seconds)),
        }
    }
}

impl Moment {
    /// The instant, seen from `now`.
    pub const fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(seconds) => now.plus_seconds(-seconds),
        }
    }
}

impl FromStr for Time {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        Timestamp::parse(text).map(Self).ok_or(TimeError::Instant)
    }
}

impl FromStr for Lifetime {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        if text == "never" {
            return Ok(Self::Never);
        }
        seconds(text).map(Self::Seconds)
    }
}

impl FromStr for Moment {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        if let Ok(ago) = seconds(text) {
            return Ok(Self::Ago(ago));
        }
        let midnight = || Timestamp::parse(&format!("{text}T00:00:00Z"));
        Timestamp::parse(text)
            .or_else(midnight)
            .map(Self::At)
            .ok_or(TimeError::Instant)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Seconds(seconds) => write!(f, "{seconds}s"),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => fmt::Display::fmt(at, f),
            Self::Ago(seconds) => write!(f, "{seconds}s"),
        }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

as_text!(Time, Lifetime, Moment);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_known_unit() {
        assert_eq!("30d".parse(), Ok(Lifetime::Seconds(30 * 86_400)));
        assert_eq!("never".parse(), Ok(Lifetime::Never));
        for (text, error) in [
            ("", TimeError::Duration),
            ("30", TimeError::Duration),
            ("30y", TimeError::Duration),
            ("d", TimeError::Duration),
            ("-1d", TimeError::Duration),
            ("+1d", TimeError::Duration),
            ("1.5h", TimeError::Duration),
            ("1h30m", TimeError::Duration),
            ("1\u{30c}", TimeError::Duration),
            ("0s", TimeError::Zero),
            ("5000w", TimeError::TooLong),
            ("99999999999999999999d", TimeError::TooLong),
        ] {
            assert_eq!(text.parse::<Lifetime>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_moment_is_an_instant_a_date_or_a_while_ago() {
        let now = Timestamp::parse("2026-11-20T12:00:00Z").unwrap();
        let at = |text: &str| text.parse::<Moment>().unwrap().at(now).to_string();
        assert_eq!(at("2026-11-20"), "2026-11-20T00:00:00Z");
        assert_eq!(at("2026-11-20T01:00:00+01:00"), "2026-11-20T00:00:00Z");
        assert_eq!(at("12h"), "2026-11-20T00:00:00Z");
        assert!("yesterday".parse::<Moment>().is_err());
    }
}
