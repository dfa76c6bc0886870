//! How long to wait before a request is tried again.

use std::time::Duration;

use bailey_core::Timestamp;
use http::HeaderMap;

/// The first pause where the forge asks for none.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause that a forge can ask for; what it asks beyond is not believed.
const LONGEST: u64 = 24 * 3_600;

/// What the forge asks for: `Retry-After` in seconds or as a date, or the time at which its limit is lifted.
pub(super) fn asked(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if let Some(value) = text(headers, "retry-after") {
        let seconds = value.parse().ok().or_else(|| {
            let date = jiff::fmt::rfc2822::parse(value).ok()?;
            Some(until(date.timestamp().as_second(), now))
        });
        return seconds.map(|seconds: u64| Duration::from_secs(seconds.min(LONGEST)));
    }
    if !is_limited(headers) {
        return None;
    }
    let reset = text(headers, "ratelimit-reset").or_else(|| text(headers, "x-ratelimit-reset"))?;
    let seconds = until(reset.parse().ok()?, now).min(LONGEST);
    Some(Duration::from_secs(seconds))
}

/// Whether the headers say that a limit is reached.
pub(super) fn is_limited(headers: &HeaderMap) -> bool {
    let remaining = text(headers, "ratelimit-remaining").or_else(|| text(headers, "x-ratelimit-remaining"));
    headers.contains_key("retry-after") || remaining == Some("0")
}

/// The pause before the next attempt: doubled each time, and spread by the clock so that not all servers come back at once.
pub(super) fn backoff(attempt: u32, now: Timestamp) -> Duration {
    let whole = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(6));
    let spread = u32::try_from(now.micros().rem_euclid(512)).unwrap_or(0);
    whole / 2 + whole / 2 * spread / 512
}

fn until(seconds: i64, now: Timestamp) -> u64 {
    u64::try_from(seconds.saturating_sub(now.seconds())).unwrap_or(0)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn asked_by(pairs: &[(&'static str, &str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        asked(&headers, NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_forge_is_taken_at_its_word() {
        assert_eq!(asked_by(&[("retry-after", "7")]), Some(7));
        assert_eq!(asked_by(&[("retry-after", "Tue, 14 Nov 2023 22:13:50 GMT")]), Some(30));
        assert_eq!(asked_by(&[("retry-after", "Tue, 14 Nov 2023 22:13:00 GMT")]), Some(0));
        assert_eq!(
            asked_by(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "1700000060")]),
            Some(60)
        );
        assert_eq!(
            asked_by(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000060")]),
            Some(60)
        );
        assert_eq!(
            asked_by(&[("ratelimit-remaining", "5"), ("ratelimit-reset", "1700000060")]),
            None
        );
        assert_eq!(asked_by(&[("retry-after", "99999999999")]), Some(LONGEST));
        assert_eq!(asked_by(&[("retry-after", "-1")]), None);
        assert_eq!(asked_by(&[("retry-after", "soon")]), None);
        assert_eq!(asked_by(&[]), None);
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for attempt in 1..=40 {
            let (low, high) = (
                backoff(attempt, Timestamp::from_micros(0)),
                backoff(attempt, Timestamp::from_micros(511)),
            );
            let whole = FIRST * (1 << (attempt - 1).min(6));
            assert!(low == whole / 2 && high > low && high <= whole, "{attempt}");
        }
    }
}
