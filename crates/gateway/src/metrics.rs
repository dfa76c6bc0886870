//! What the model door counts. Labels come from closed lists or from the configuration; never a person, a key or a text
//! that a client chose.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// A word from a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word(pub &'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

/// Labels of finished requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The protocol.
    pub protocol: Word,
    /// How it ended.
    pub outcome: Word,
}

/// Labels of refusals.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusalLabels {
    /// Bailey's code.
    pub code: Word,
}

/// Labels of what a provider failed at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FailureLabels {
    /// The provider's name in the configuration.
    pub provider: String,
    /// What went wrong.
    pub code: Word,
}

/// Labels of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TokenLabels {
    /// The class.
    pub class: Word,
}

/// The model door's metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Finished requests.
    pub requests: Family<RequestLabels, Counter>,
    /// Refusals.
    pub refusals: Family<RefusalLabels, Counter>,
    /// Failed attempts.
    pub failures: Family<FailureLabels, Counter>,
    /// Tokens billed.
    pub tokens: Family<TokenLabels, Counter>,
    /// From arrival to the last byte.
    pub duration: Histogram,
    /// From arrival to the first content byte.
    pub first_byte: Histogram,
    /// Answers on their way.
    pub open: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = || {
            [
                0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
            ]
            .into_iter()
        };
        Self {
            requests: Family::default(),
            refusals: Family::default(),
            failures: Family::default(),
            tokens: Family::default(),
            duration: Histogram::new(seconds()),
            first_byte: Histogram::new(seconds()),
            open: Gauge::default(),
        }
    }
}

impl Metrics {
    /// Makes them visible at `/metrics`.
    pub fn register(&self, registry: &mut Registry) {
        let r = registry.sub_registry_with_prefix("bailey_model");
        r.register(
            "requests",
            "Requests that ended, by protocol and outcome",
            self.requests.clone(),
        );
        r.register(
            "refusals",
            "Requests that Bailey refused, by code",
            self.refusals.clone(),
        );
        r.register(
            "attempt_failures",
            "Attempts that failed, by provider and code",
            self.failures.clone(),
        );
        r.register("tokens", "Tokens billed, by class", self.tokens.clone());
        r.register_with_unit(
            "duration",
            "From arrival to the last byte",
            Unit::Seconds,
            self.duration.clone(),
        );
        r.register_with_unit(
            "first_byte",
            "From arrival to the first content byte",
            Unit::Seconds,
            self.first_byte.clone(),
        );
        r.register("open", "Answers on their way", self.open.clone());
    }

    pub(crate) fn refused(&self, code: &'static str) {
        self.refusals.get_or_create(&RefusalLabels { code: Word(code) }).inc();
    }

    pub(crate) fn failed(&self, provider: &str, code: &'static str) {
        self.failures
            .get_or_create(&FailureLabels {
                provider: provider.to_owned(),
                code: Word(code),
            })
            .inc();
    }
}
