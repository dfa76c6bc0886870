//! The health of a route: after repeated failures, or when a provider asks for it, a route rests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bailey_core::Timestamp;

/// When a route rests, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct HealthPolicy {
    /// Failures in a row after which it rests.
    pub failures_to_open: u32,
    /// How long it rests.
    pub cool_down: Duration,
    /// The longest rest that a provider's `Retry-After` can ask for.
    pub max_cool_down: Duration,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    resting_until: Timestamp,
}

/// One route's health.
#[derive(Debug)]
pub struct Health {
    policy: HealthPolicy,
    state: Mutex<State>,
}

impl Health {
    /// Healthy.
    pub fn new(policy: HealthPolicy) -> Self {
        Self {
            policy,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when the route rests, if it does.
    pub fn resting(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.state().resting_until;
        (until > now).then_some(until)
    }

    /// The route answered. After a rest, the first answer makes it healthy again.
    pub fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// The route failed; `retry_after` is what the provider asked for. A route that has rested and fails again rests again
    /// at once, since its failures were not forgotten.
    pub fn failed(&self, now: Timestamp, retry_after: Option<Duration>) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let rest = match retry_after {
            Some(asked) => Some(asked.min(self.policy.max_cool_down)),
            None => (state.failures >= self.policy.failures_to_open).then_some(self.policy.cool_down),
        };
        if let Some(rest) = rest {
            let micros = i64::try_from(rest.as_micros()).unwrap_or(i64::MAX);
            let until = Timestamp::from_micros(now.micros().saturating_add(micros));
            state.resting_until = state.resting_until.max(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        let (cool_down, max_cool_down) = (Duration::from_secs(30), Duration::from_mins(1));
        Health::new(HealthPolicy {
            failures_to_open: 3,
            cool_down,
            max_cool_down,
        })
    }

    #[test]
    fn a_route_rests_after_failures_in_a_row_and_wakes_with_the_first_answer() {
        let (health, now) = (health(), Timestamp::from_seconds(1_000));
        health.failed(now, None);
        health.failed(now, None);
        assert_eq!(health.resting(now), None);
        health.failed(now, None);
        assert_eq!(health.resting(now), Some(now.plus_seconds(30)));
        let later = now.plus_seconds(31);
        assert_eq!(health.resting(later), None);
        health.failed(later, None);
        assert!(health.resting(later).is_some(), "still failing, rests at once");
        health.succeeded();
        health.failed(later, None);
        assert_eq!(health.resting(later), None);
    }

    #[test]
    fn retry_after_is_honoured_up_to_a_bound() {
        let (health, now) = (health(), Timestamp::from_seconds(1_000));
        health.failed(now, Some(Duration::from_secs(7)));
        assert_eq!(health.resting(now), Some(now.plus_seconds(7)));
        health.failed(now, Some(Duration::from_secs(7_000)));
        assert_eq!(health.resting(now), Some(now.plus_seconds(60)));
    }
}
