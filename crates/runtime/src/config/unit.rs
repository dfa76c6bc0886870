//! Durations and sizes as they are written: a whole number and a unit.

use std::time::Duration;

use serde::Serializer;

/// Duration units in milliseconds, the largest first.
const DURATIONS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Size units in bytes, the largest binary ones first.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

/// The longest duration: a hundred years of 365 days.
const LONGEST: u64 = 100 * 365 * 86_400_000;

/// Reads a duration such as `250ms`, `90s`, `5m`, `2h` or `30d`.
///
/// # Errors
/// Says what is allowed where the text is no such duration, or is longer than a hundred years.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let millis = scaled(text, &DURATIONS)
        .ok_or_else(|| format!("`{text}` is no duration; write a whole number and ms, s, m, h or d, such as 90s"))?;
    if millis > LONGEST {
        return Err(format!("`{text}` is longer than a hundred years"));
    }
    Ok(Duration::from_millis(millis))
}

/// Reads a size in bytes such as `64KiB` or `4GiB`.
///
/// # Errors
/// Says what is allowed where the text is no such size, or does not fit 64 bits.
pub fn parse_size(text: &str) -> Result<u64, String> {
    scaled(text, &SIZES).ok_or_else(|| {
        format!("`{text}` is no size; write a whole number and B, KiB, MiB, GiB, TiB, kB, MB, GB or TB, such as 32MiB")
    })
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes a duration the way [`parse_duration`] reads it; parts of a millisecond are dropped.
pub fn format_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    written(millis, &DURATIONS, "0s")
}

/// Writes a size the way [`parse_size`] reads it, exactly.
pub fn format_size(bytes: u64) -> String {
    written(bytes, &SIZES, "0B")
}

/// The number with the largest unit that leaves no remainder.
fn written(number: u64, units: &[(&str, u64)], zero: &str) -> String {
    match units.iter().find(|(_, factor)| number.is_multiple_of(*factor)) {
        Some((unit, factor)) if number > 0 => format!("{}{unit}", number / factor),
        _ => zero.to_owned(),
    }
}

pub(super) fn as_duration<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format_duration(*value))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
pub(super) fn as_size<S: Serializer>(value: &usize, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format_size(u64::try_from(*value).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_scale_and_unknown_ones_are_refused() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("30d"), Ok(Duration::from_hours(720)));
        assert_eq!(parse_size("32MiB"), Ok(32 << 20));
        assert_eq!(parse_size("1 kB"), Ok(1_000));
        for bad in [
            "",
            "5",
            "s",
            "-5s",
            "1.5s",
            "5 parsecs",
            "99999999999999999999s",
            "40000d",
            "5M",
            "é",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        for bad in ["", "5", "MiB", "-1B", "5mib", "99999999999999TiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(millis in 0..LONGEST, bytes: u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
            prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }
    }
}
