//! When a running workspace is stopped without anybody asking for it.

use std::fmt;

use crate::Timestamp;
use crate::time::MICROS_PER_SECOND;

/// Why a workspace is stopped by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Nothing was done in it for this many seconds.
    Idle(u64),
    /// It has run for this many seconds, the most that it may.
    Lifetime(u64),
}

/// How every [`StopReason::Idle`] begins.
const IDLE: &str = "stopped by itself: nothing was done in it for";

impl StopReason {
    /// Whether the text of a reason is that nothing was done.
    pub fn is_idle(text: &str) -> bool {
        text.starts_with(IDLE)
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle(seconds) => write!(f, "{IDLE} {seconds} s"),
            Self::Lifetime(seconds) => write!(f, "stopped by itself: it may run for {seconds} s at a time"),
        }
    }
}

/// Whether a workspace that was started and last active then is to be stopped now. `None` in a limit = never.
pub fn stop_due(
    started_at: Timestamp,
    last_active_at: Timestamp,
    auto_stop: Option<u64>,
    max_lifetime: Option<u64>,
    now: Timestamp,
) -> Option<StopReason> {
    // A clock that was set back never stops anything.
    let over = |since: Timestamp, seconds: u64| {
        let limit = i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(MICROS_PER_SECOND);
        now.micros().saturating_sub(since.micros()) >= limit
    };
    if let Some(seconds) = max_lifetime.filter(|s| over(started_at, *s)) {
        return Some(StopReason::Lifetime(seconds));
    }
    auto_stop
        .filter(|s| over(last_active_at.max(started_at), *s))
        .map(StopReason::Idle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_idleness_is_known_again() {
        assert!(StopReason::is_idle(&StopReason::Idle(7).to_string()));
        assert!(!StopReason::is_idle(&StopReason::Lifetime(7).to_string()));
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * MICROS_PER_SECOND)
    }

    #[test]
    fn activity_postpones_idleness_and_not_the_end_of_a_life() {
        let due = |active, now| stop_due(at(0), at(active), Some(60), Some(1000), at(now));
        assert_eq!(due(0, 59), None);
        assert_eq!(due(0, 60), Some(StopReason::Idle(60)));
        assert_eq!(due(30, 60), None);
        assert_eq!(due(990, 1000), Some(StopReason::Lifetime(1000)));
        assert_eq!(due(0, -5), None);
    }

    #[test]
    fn a_start_counts_as_activity() {
        assert_eq!(stop_due(at(500), at(3), Some(60), None, at(510)), None);
        assert_eq!(stop_due(at(500), at(3), None, None, at(9_000_000)), None);
    }
}
