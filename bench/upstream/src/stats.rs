//! Percentiles of durations.

use std::time::Duration;

use serde::Serialize;

/// Durations, in whole microseconds; at most about 71 minutes each.
#[derive(Debug, Default)]
pub struct Durations(Vec<u32>);

/// What is told of them, in microseconds.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many there are.
    pub count: usize,
    /// Half of them are shorter.
    pub p50: u32,
    /// 99 of 100 are shorter.
    pub p99: u32,
    /// The longest.
    pub max: u32,
    /// How many were 30 ms or longer: a delayed acknowledgement takes 40.
    pub stalls: usize,
}

impl Durations {
    /// Adds one.
    pub fn add(&mut self, duration: Duration) {
        self.0.push(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds all of another's.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Sorts and sums them up; all zero where there are none.
    pub fn summary(mut self) -> Summary {
        self.0.sort_unstable();
        let at = |percent: usize| {
            let index = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
            self.0.get(index).copied().unwrap_or(0)
        };
        let stalls = self.0.len() - self.0.partition_point(|micros| *micros < 30_000);
        Summary {
            count: self.0.len(),
            p50: at(50),
            p99: at(99),
            max: at(100),
            stalls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_of_a_hundred() {
        let mut durations = Durations::default();
        (1..=100)
            .rev()
            .for_each(|millis| durations.add(Duration::from_millis(millis)));
        let summary = durations.summary();
        assert_eq!(
            summary,
            Summary {
                count: 100,
                p50: 51_000,
                p99: 100_000,
                max: 100_000,
                stalls: 71
            }
        );
        assert_eq!(
            Durations::default().summary(),
            Summary {
                count: 0,
                p50: 0,
                p99: 0,
                max: 0,
                stalls: 0
            }
        );
    }
}
