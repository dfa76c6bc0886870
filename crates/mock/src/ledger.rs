//! What the mock saw and would bill. This is the independent judge of a gateway's accounting, so the arithmetic here
//! is plain and shares nothing with it.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::call::Protocol;
use crate::config::Rates;
use crate::usage::Usage;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole answer was handed to the connection.
    Completed,
    /// An error status, an error event in a stream, a redirect, or garbage.
    Error,
    /// The mock cut the connection.
    Cut,
    /// The client hung up before the end.
    ClientGone,
    /// The client hung up while the mock was stalling.
    Stalled,
}

/// One call of a model route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Number of the request on this server, from 1, in the order of arrival.
    pub sequence: u64,
    /// Arrival, microseconds since 1970-01-01 UTC.
    pub at_micros: u64,
    /// Wire format.
    pub protocol: Protocol,
    /// Path and query as received.
    pub path: String,
    /// Model asked for.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// `max_tokens` (or its counterpart) as received.
    pub max_tokens: Option<u64>,
    /// Bytes of the request's body.
    pub bytes_received: u64,
    /// `x-request-id`, `x-client-request-id` and every header that starts with `x-bailey-`.
    pub headers: BTreeMap<String, String>,
    /// Scenario and number of the rule (from 1) that decided the answer.
    pub rule: Option<String>,
    /// Status sent; `None` if no response was begun.
    pub status: Option<u16>,
    /// Service tier reported in the answer.
    pub service_tier: Option<String>,
    /// Tokens billed, by class.
    pub usage: Usage,
    /// Bill in nano-dollars: the sum of tokens times rate, rounded up once.
    pub cost_nanos: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// Sums over calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Calls, failed ones included.
    pub calls: u64,
    /// Tokens billed.
    pub usage: Usage,
    /// Bills in nano-dollars, each rounded up by itself.
    pub cost_nanos: u64,
}

impl Total {
    fn add(&mut self, entry: &Entry) {
        self.calls = self.calls.saturating_add(1);
        self.usage.add(&entry.usage);
        self.cost_nanos = self.cost_nanos.saturating_add(entry.cost_nanos);
    }
}

/// The ledger: entries in the order in which the calls ended, and totals over all of them, forgotten ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Finished calls, the oldest first.
    pub entries: VecDeque<Entry>,
    /// Sums over every finished call.
    pub total: Total,
    /// The same by model asked for.
    pub models: BTreeMap<String, Total>,
    /// Calls in progress.
    pub open: u64,
    /// Entries forgotten because of [`crate::Keep::entries`].
    pub forgotten: u64,
}

/// More model names than this are summed under `(other)`, so that a client cannot grow the table without end.
const MODELS_KEPT: usize = 1_000;

impl Ledger {
    pub(crate) fn record(&mut self, entry: Entry, keep: usize) {
        self.total.add(&entry);
        let name = if self.models.len() < MODELS_KEPT || self.models.contains_key(&entry.model) {
            entry.model.as_str()
        } else {
            "(other)"
        };
        match self.models.get_mut(name) {
            Some(total) => total.add(&entry),
            None => self.models.entry(name.to_owned()).or_default().add(&entry),
        }
        self.entries.push_back(entry);
        while self.entries.len() > keep {
            self.entries.pop_front();
            self.forgotten = self.forgotten.saturating_add(1);
        }
    }
}

/// Nano-dollars that `usage` costs at `rates`: all classes summed exactly, then rounded up once.
pub(crate) fn cost_nanos(usage: &Usage, rates: &Rates) -> u64 {
    let classes = [
        (usage.input, rates.input),
        (usage.cache_read, rates.cache_read),
        (usage.cache_write_5m, rates.cache_write_5m),
        (usage.cache_write_1h, rates.cache_write_1h),
        (usage.output, rates.output), // reasoning is part of the output and not billed again
    ];
    // Each product is below 2^128 and a sum of five may not be, hence saturating; real figures are far below.
    let sum = classes.iter().fold(0_u128, |sum, (tokens, rate)| {
        sum.saturating_add(u128::from(*tokens) * u128::from(*rate))
    });
    u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_with_every_class_worked_out_by_hand() {
        // Default rates: input $3, output $15, read $0.30, 5m $3.75, 1h $6 per million tokens, so in nano-dollars per
        // token 3000, 15000, 300, 3750, 6000.
        //   1000 input  x  3000 = 3,000,000
        //   2000 read   x   300 =   600,000
        //    300 5m     x  3750 = 1,125,000
        //     40 1h     x  6000 =   240,000
        //    100 output x 15000 = 1,500,000
        //                  sum  = 6,465,000 nano-dollars = $0.006465
        let usage = Usage {
            input: 1000,
            cache_read: 2000,
            cache_write_5m: 300,
            cache_write_1h: 40,
            output: 100,
            reasoning: 60,
        };
        assert_eq!(cost_nanos(&usage, &Rates::default()), 6_465_000);
    }

    #[test]
    fn a_fraction_is_rounded_up_once_over_the_sum() {
        // $0.0000001 per million tokens = 100 nano-dollars per million. One token of each of two classes:
        // 0.0001 + 0.0001 nano = 0.0002, rounded up once = 1 (rounding each would give 2).
        let rates = Rates {
            input: 100,
            output: 100,
            cache_read: 0,
            cache_write_5m: 0,
            cache_write_1h: 0,
        };
        assert_eq!(
            cost_nanos(
                &Usage {
                    input: 1,
                    output: 1,
                    ..Usage::default()
                },
                &rates
            ),
            1
        );
        // 10,000 x 100 = 1,000,000 = exactly 1 nano; one token more begins the second.
        assert_eq!(
            cost_nanos(
                &Usage {
                    input: 10_000,
                    ..Usage::default()
                },
                &rates
            ),
            1
        );
        assert_eq!(
            cost_nanos(
                &Usage {
                    input: 10_001,
                    ..Usage::default()
                },
                &rates
            ),
            2
        );
        assert_eq!(cost_nanos(&Usage::default(), &rates), 0);
    }

    #[test]
    fn an_absurd_bill_saturates() {
        let rates = Rates {
            input: u64::MAX,
            ..Rates::default()
        };
        assert_eq!(
            cost_nanos(
                &Usage {
                    input: u64::MAX,
                    ..Usage::default()
                },
                &rates
            ),
            u64::MAX
        );
    }

    #[test]
    fn totals_outlive_forgotten_entries() {
        let entry = Entry {
            sequence: 1,
            at_micros: 0,
            protocol: Protocol::Chat,
            path: "/v1/chat/completions".to_owned(),
            model: "m".to_owned(),
            stream: false,
            max_tokens: None,
            bytes_received: 2,
            headers: BTreeMap::new(),
            rule: None,
            status: Some(200),
            service_tier: None,
            usage: Usage {
                input: 2,
                output: 3,
                ..Usage::default()
            },
            cost_nanos: 51_000, // 2 x 3000 + 3 x 15000
            outcome: Outcome::Completed,
        };
        let mut ledger = Ledger::default();
        for _ in 0..3 {
            ledger.record(entry.clone(), 2);
        }
        assert_eq!((ledger.entries.len(), ledger.forgotten), (2, 1));
        assert_eq!(ledger.total.cost_nanos, 153_000);
        assert_eq!(ledger.models["m"], ledger.total);
        assert_eq!(ledger.total.usage.output, 9);
    }
}
