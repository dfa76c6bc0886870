//! The one place where time is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bailey_core::Timestamp;

/// A source of wall-clock time. Durations are measured with [`std::time::Instant`], never with this.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

/// The hand that moves a manual clock.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until it is moved.
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let cell = Arc::new(AtomicI64::new(start.micros()));
        (Self(Source::Manual(Arc::clone(&cell))), ManualClock(cell))
    }

    /// Now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the system's clock"
    )]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Source::Manual(cell) => Timestamp::from_micros(cell.load(Ordering::Relaxed)),
        }
    }
}

impl ManualClock {
    /// Sets the time.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.micros(), Ordering::Relaxed);
    }

    /// Moves the time by whole seconds, back where negative.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(
            seconds.saturating_mul(bailey_core::time::MICROS_PER_SECOND),
            Ordering::Relaxed,
        );
    }
}
