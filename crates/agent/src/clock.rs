//! The one place of the agent that reads the clock and chance.

use std::time::{Duration, SystemTime};

/// Microseconds since the epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "the agent's own clock: it must not depend on bailey-runtime"
)]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Somewhere between nothing and `most`: the full jitter that keeps agents from coming back all at once.
pub(crate) fn jitter(most: Duration) -> Duration {
    let share = getrandom::u32().unwrap_or(u32::MAX / 2);
    most.mul_f64(f64::from(share) / f64::from(u32::MAX))
}
