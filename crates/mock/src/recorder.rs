//! Making the ledger entry of a call, exactly once, whatever becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;

use crate::call::Protocol;
use crate::config::Rates;
use crate::ledger::{self, Entry, Outcome};
use crate::server::Shared;
use crate::usage::Usage;

/// A call in progress. Dropped before [`Recorder::finish`], it is recorded as left by the client (or as stalled, if
/// the mock was stalling then).
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    /// `None` once recorded.
    entry: Option<Entry>,
    progress: Progress,
}

/// How far the call has come, for its bill.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Bill of the whole answer.
    usage: Usage,
    rates: Rates,
    /// A success status was handed to the connection.
    begun: bool,
    stalling: bool,
    /// Output tokens generated.
    generated: u64,
}

impl Recorder {
    /// Opens the entry of the request that just arrived.
    pub(crate) fn open(shared: Arc<Shared>, protocol: Protocol, arrival: &Arrival<'_>) -> Self {
        shared.opened();
        let entry = Entry {
            sequence: arrival.sequence,
            at_micros: arrival.at_micros,
            protocol,
            path: arrival.path.to_owned(),
            model: String::new(),
            stream: false,
            max_tokens: None,
            bytes_received: arrival.bytes,
            headers: interesting(arrival.headers),
            rule: None,
            status: None,
            service_tier: None,
            usage: Usage::default(),
            cost_nanos: 0,
            outcome: Outcome::ClientGone,
        };
        Self {
            shared,
            entry: Some(entry),
            progress: Progress::default(),
        }
    }

    /// Fills in what the request turned out to be.
    pub(crate) fn describe(&mut self, fill: impl FnOnce(&mut Entry)) {
        if let Some(entry) = &mut self.entry {
            fill(entry);
        }
    }

    /// States what the whole answer will be billed.
    pub(crate) fn bill(&mut self, usage: Usage, rates: Rates) {
        self.progress.usage = usage;
        self.progress.rates = rates;
    }

    /// A success status is on its way.
    pub(crate) fn begin(&mut self, status: u16) {
        self.progress.begun = true;
        self.describe(|entry| entry.status = Some(status));
    }

    /// Whether the mock is stalling from now on.
    pub(crate) fn stalling(&mut self, stalling: bool) {
        self.progress.stalling = stalling;
    }

    /// `tokens` of output are generated in all.
    pub(crate) fn generated(&mut self, tokens: u64) {
        self.progress.generated = tokens;
    }

    /// Records the call; later calls do nothing.
    pub(crate) fn finish(&mut self, outcome: Outcome) {
        if let Some(mut entry) = self.entry.take() {
            entry.outcome = outcome;
            entry.usage = self.progress.billed(outcome);
            entry.cost_nanos = ledger::cost_nanos(&entry.usage, &self.progress.rates);
            self.shared.record(entry);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.finish(if self.progress.stalling {
            Outcome::Stalled
        } else {
            Outcome::ClientGone
        });
    }
}

impl Progress {
    /// The billing rule; the README has it in words.
    fn billed(&self, outcome: Outcome) -> Usage {
        match outcome {
            Outcome::Completed => self.usage,
            Outcome::ClientGone => self.usage.cut_to(self.generated),
            Outcome::Cut | Outcome::Stalled if self.begun => self.usage.cut_to(self.generated),
            Outcome::Error if self.generated > 0 => self.usage.cut_to(self.generated),
            Outcome::Error | Outcome::Cut | Outcome::Stalled => Usage::default(),
        }
    }
}

/// What is known of a request when its body has arrived.
pub(crate) struct Arrival<'a> {
    pub(crate) sequence: u64,
    pub(crate) at_micros: u64,
    /// Path and query.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// Length of the body.
    pub(crate) bytes: u64,
}

/// The headers that go into the ledger: request ids and Bailey's own. No credential is among them.
fn interesting(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            name == "x-request-id" || name == "x-client-request-id" || name.starts_with("x-bailey-")
        })
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_billing_rule() {
        let usage = Usage {
            input: 10,
            cache_read: 5,
            output: 100,
            reasoning: 60,
            ..Usage::default()
        };
        let nothing = Usage::default();
        let progress = |begun, generated| Progress {
            usage,
            begun,
            generated,
            ..Progress::default()
        };
        let input_and = |output: u64| Usage {
            output,
            reasoning: output.min(60),
            ..usage
        };
        for (outcome, begun, generated, billed) in [
            (Outcome::Completed, true, 100, usage),
            (Outcome::Error, false, 0, nothing),
            (Outcome::Error, true, 0, nothing),
            (Outcome::Error, true, 7, input_and(7)),
            (Outcome::Cut, false, 0, nothing),
            (Outcome::Cut, true, 0, input_and(0)),
            (Outcome::Cut, true, 70, input_and(70)),
            (Outcome::Stalled, false, 0, nothing),
            (Outcome::Stalled, true, 3, input_and(3)),
            (Outcome::ClientGone, false, 0, input_and(0)),
            (Outcome::ClientGone, true, 9, input_and(9)),
        ] {
            assert_eq!(
                progress(begun, generated).billed(outcome),
                billed,
                "{outcome:?} {begun} {generated}"
            );
        }
    }
}
