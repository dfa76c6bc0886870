//! Which routes of a model may answer a request, and in which order they are tried.

use std::sync::atomic::{AtomicI64, Ordering};

use bailey_core::Timestamp;
use bailey_llm::Protocol;

use crate::routes::{Model, Route};

/// The routes that speak the protocol: healthy ones first, each part in its configured order. Routes that rest are kept as
/// a last resort, since a rest is a guess.
pub(crate) fn candidates(model: &Model, protocol: Protocol, now: Timestamp) -> Vec<&Route> {
    let speaks = |route: &&Route| route.provider.protocols.contains(&protocol);
    let (healthy, resting): (Vec<_>, Vec<_>) = model
        .routes
        .iter()
        .filter(speaks)
        .partition(|route| route.health.resting(now).is_none());
    healthy.into_iter().chain(resting).collect()
}

/// Keeps retries to a tenth of all requests, so that a provider in trouble is not buried: each request earns a tenth of a
/// retry, and ten are in hand at most.
#[derive(Debug)]
pub(crate) struct RetryBudget(AtomicI64);

const ONE: i64 = 10;
const MOST: i64 = 10 * ONE;

impl Default for RetryBudget {
    fn default() -> Self {
        Self(AtomicI64::new(MOST))
    }
}

impl RetryBudget {
    /// A request came in.
    pub(crate) fn earn(&self) {
        // A race may earn one tenth too much, which does no harm.
        if self.0.load(Ordering::Relaxed) < MOST {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether one more retry is in hand; it is spent.
    pub(crate) fn spend(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                (left >= ONE).then_some(left - ONE)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_tenth_of_requests() {
        let budget = RetryBudget::default();
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
        for _ in 0..50 {
            budget.earn();
        }
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 5);
    }
}
