//! The one place where this crate reads the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01 UTC.
#[expect(
    clippy::disallowed_methods,
    reason = "this crate imports nothing of Bailey, its Clock included"
)]
pub(crate) fn now_micros() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// Seconds since 1970-01-01 UTC, as the vendors write `created`.
pub(crate) fn now_seconds() -> u64 {
    now_micros() / 1_000_000
}
