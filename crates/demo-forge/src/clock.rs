//! The one place where this crate reads the time of day, and the ways in which GitLab writes it.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Milliseconds since 1970-01-01 UTC: as exact as GitLab's API writes times, so that what is written can be asked for again.
#[expect(
    clippy::disallowed_methods,
    reason = "this crate imports nothing of Bailey, its Clock included"
)]
pub(crate) fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// A time as the API writes it: `2026-11-25T09:05:00.000Z`.
pub(crate) fn api(millis: i64) -> String {
    format!("{:.3}", at(millis))
}

/// A time as webhooks write it: `2026-11-25 09:05:00 UTC`.
pub(crate) fn hook(millis: i64) -> String {
    at(millis).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A time as pages write it: `2026-11-25 09:05`.
pub(crate) fn page(millis: i64) -> String {
    at(millis).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Reads a time as the API's callers write it.
pub(crate) fn parse(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_gitlab_does_and_read_back() {
        let millis = parse("2026-11-25T09:05:00.120Z").unwrap();
        assert_eq!(api(millis), "2026-11-25T09:05:00.120Z");
        assert_eq!(hook(millis), "2026-11-25 09:05:00 UTC");
        assert_eq!(page(millis), "2026-11-25 09:05");
        assert_eq!(parse("yesterday"), None);
        assert!(api(i64::MAX).starts_with("1970"));
    }
}
