//! Leave to make one attempt at one provider.
//!
//! Only [`Call::admit`] makes a grant, and only a grant can send: a door that forgets to ask has nothing to send with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bailey_core::budget::{Hold, HoldState};
use bailey_core::ledger::{AccountKey, AttemptRecord, ChargeFlag, Intent, JournalRecord, Outcome, Settlement, Usage};
use bailey_core::{AttemptId, Money};
use bailey_llm::{CacheControl, CostError, ModelPrice, ServiceTier};
use bailey_runtime::ids::NewId;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::budgets::{BudgetIx, Fit};
use crate::call::{Call, Inner, Pending, clip};
use crate::gate::Gate;
use crate::journal::{JournalError, Reservation};
use crate::provider::Provider;
use crate::refused::Refused;

/// What an attempt may cost.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The provider it goes to.
    pub provider: &'a Arc<Provider>,
    /// The provider's own name of the model.
    pub model: &'a str,
    /// The model's price; `None` for calls that no provider bills, such as counting tokens.
    pub price: Option<&'a Arc<ModelPrice>>,
    /// The version of the price table.
    pub price_version: &'a str,
    /// The most input tokens it can have, or what has no bound.
    pub input_bound: Result<u64, &'a str>,
    /// The output tokens wished for: finite.
    pub output: u64,
    /// The least output that makes sense; with less affordable than this, it is refused.
    pub floor: u64,
    /// Answers asked for at once.
    pub choices: u64,
    /// What the request asks of the provider's cache.
    pub cache: CacheControl,
    /// The service tier it names.
    pub tier: Option<&'a str>,
}

/// Why nothing was sent, or no answer came.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The intent could not be written, so nothing was sent.
    #[error("the journal could not be written")]
    Journal(#[from] JournalError),
    /// The intent is journalled, and the store did not take it over in time, as `audit.mode = "blocking"` demands.
    #[error("the request could not be recorded in the database")]
    Unrecorded,
    /// The attempt has been sent or settled before.
    #[error("the attempt is over")]
    Over,
    /// The request could not be made.
    #[error("the request cannot be sent")]
    Request(#[from] http::Error),
    /// No connection; nothing was sent.
    #[error("no connection to provider `{provider}`")]
    Connect {
        /// The provider.
        provider: String,
        /// Why.
        #[source]
        source: hyper_util::client::legacy::Error,
    },
    /// The connection broke before the answer began.
    #[error("the connection to provider `{provider}` broke before it answered")]
    Broken {
        /// The provider.
        provider: String,
        /// Why.
        #[source]
        source: hyper_util::client::legacy::Error,
    },
    /// No answer began in time.
    #[error("provider `{provider}` did not begin to answer within {} s", after.as_secs())]
    Timeout {
        /// The provider.
        provider: String,
        /// How long was waited.
        after: Duration,
    },
}

impl SendError {
    /// Whether the provider cannot have seen the request.
    pub const fn unsent(&self) -> bool {
        matches!(
            self,
            Self::Journal(_) | Self::Unrecorded | Self::Over | Self::Request(_) | Self::Connect { .. }
        )
    }
}

/// What an attempt is charged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bill {
    /// Nothing: it was not sent, or the provider answered with an error before any content.
    Nothing,
    /// The provider's own final usage.
    Final(Usage, ServiceTier),
    /// What was received, for a self-hosted provider that was cancelled: its usage so far, as far as known.
    Estimate(Usage, ServiceTier),
    /// No final usage: the whole hold, and why.
    Hold(Usage, ChargeFlag),
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The provider's status, if it answered.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, as a code.
    pub code: Option<String>,
    /// What it is charged by.
    pub bill: Bill,
}

/// Leave to make one attempt. Settled exactly once: by [`Grant::settle`], or by its state when it is dropped.
pub struct Grant {
    call: Call,
    provider: Arc<Provider>,
    output: u64,
}

/// An attempt under way.
pub(crate) struct AttemptState {
    price: Option<Arc<ModelPrice>>,
    hold: Hold,
    /// Gone once it is journalled.
    intent: Option<Box<Intent>>,
    record: AttemptRecord,
    accounts: Vec<AccountKey>,
    price_version: String,
    began: Instant,
    reservation: Reservation,
}

impl Call {
    /// Holds the worst case of an attempt on every budget of the key, lowering its output to what is affordable.
    pub async fn admit(mut self, ask: Ask<'_>) -> Result<Grant, (Refused, Self)> {
        self.0.flush_pending();
        match hold(&self.0.gate, &self.0.entry.budgets, &ask).await {
            Ok(held) => {
                let (provider, output) = (Arc::clone(ask.provider), held.2.output);
                self.0.begin(&ask, held);
                Ok(Grant {
                    call: self,
                    provider,
                    output,
                })
            }
            Err(refused) => Err((refused, self)),
        }
    }
}

type Held = (Hold, Vec<AccountKey>, Fit, Reservation);

async fn hold(gate: &Gate, budgets: &[BudgetIx], ask: &Ask<'_>) -> Result<Held, Refused> {
    let now = gate.clock().now();
    let reservation = gate
        .journal()
        .reserve()
        .map_err(|error| Refused::Unavailable { why: error.to_string() })?;
    let bound = match (ask.price, ask.input_bound) {
        (Some(price), Ok(bound)) => Some((price, bound)),
        (Some(_), Err(what)) if !budgets.is_empty() => return Err(Refused::Unbounded { what: what.to_owned() }),
        _ => None,
    };
    if let Some((price, bound)) = bound {
        // What has no price at any amount is not a matter of budgets.
        price
            .worst_case(bound, 0, ask.cache, ask.tier)
            .map_err(|error| match error {
                CostError::Tier(tier) => Refused::TierNotPriced {
                    tier,
                    model: ask.model.to_owned(),
                },
                CostError::Amount(_) => Refused::Unbounded {
                    what: error.to_string(),
                },
            })?;
    }
    let fit = |money: Money| -> Option<Fit> {
        let Some((price, bound)) = bound else {
            return Some(Fit {
                amount: Money::ZERO,
                output: ask.output,
            });
        };
        let output = price.affordable_output(bound, ask.output, ask.choices, ask.cache, ask.tier, money)?;
        let tokens = output.saturating_mul(ask.choices);
        let amount = price.worst_case(bound, tokens, ask.cache, ask.tier).ok()?;
        (output >= ask.floor.min(ask.output)).then_some(Fit { amount, output })
    };
    let (hold, accounts, fit) = gate.budgets().hold(budgets, now, fit).await?;
    Ok((hold, accounts, fit, reservation))
}

impl Inner {
    fn begin(&mut self, ask: &Ask<'_>, (hold, accounts, fit, reservation): Held) {
        self.attempts += 1;
        let started_at = self.gate.clock().now();
        let id = AttemptId::new_at(started_at);
        let (provider, model) = (ask.provider.name().to_owned(), clip(ask.model.to_owned()));
        let intent = Intent {
            attempt: id,
            request: self.id,
            number: self.attempts,
            started_at: self.started_at,
            subject: self.subject.clone(),
            provider: provider.clone(),
            provider_model: model.clone(),
            hold: fit.amount,
            accounts: accounts.clone(),
            price_version: ask.price_version.to_owned(),
        };
        let record = AttemptRecord {
            id,
            request: self.id,
            number: self.attempts,
            provider,
            provider_model: model,
            started_at,
            latency_us: 0,
            status: None,
            outcome: Outcome::Unknown,
            code: None,
            usage: Usage::default(),
            cost: Money::ZERO,
            overrun: Money::ZERO,
            flag: None,
        };
        self.attempt = Some(AttemptState {
            price: ask.price.cloned(),
            hold,
            intent: Some(Box::new(intent)),
            record,
            accounts,
            price_version: ask.price_version.to_owned(),
            began: Instant::now(),
            reservation,
        });
    }

    /// A grant was dropped: nothing sent, nothing charged; sent, charged in full and flagged.
    pub(crate) fn settle_by_state(&mut self) {
        let sent = self.attempt.as_ref().is_some_and(|a| a.hold.state() == HoldState::Sent);
        let bill = if sent {
            Bill::Hold(Usage::default(), ChargeFlag::HoldCharged)
        } else {
            Bill::Nothing
        };
        self.settle_attempt(Attempt {
            status: None,
            outcome: Outcome::Unknown,
            code: Some("dropped".to_owned()),
            bill,
        });
    }

    fn settle_attempt(&mut self, attempt: Attempt) {
        let Some(state) = self.attempt.take() else { return };
        let AttemptState {
            price,
            hold,
            mut record,
            accounts,
            price_version,
            began,
            reservation,
            ..
        } = state;
        let (usage, cost, flag) = attempt.bill.price(price.as_deref(), hold.amount());
        let charge = match hold.state() {
            HoldState::Sent => self.gate.budgets().settle(hold, cost),
            HoldState::Held => self.gate.budgets().void(hold),
        };
        record.latency_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        record.status = attempt.status;
        record.outcome = attempt.outcome;
        record.code = attempt.code;
        record.usage = usage;
        record.cost = charge.charge;
        record.overrun = charge.overrun;
        record.flag = if charge.overrun > Money::ZERO {
            Some(ChargeFlag::Overrun)
        } else {
            flag
        };
        let settlement = Settlement {
            attempt: Some(record.id),
            accounts,
            charge: charge.charge,
            overrun: charge.overrun,
            detail: None,
            request: None,
        };
        self.settled(
            Pending {
                settlement,
                record,
                reservation,
            },
            price_version,
        );
    }
}

impl Grant {
    /// The output tokens that are held for: what the request's limit must be lowered to.
    pub const fn output(&self) -> u64 {
        self.output
    }

    /// The call it belongs to.
    pub const fn call(&self) -> &Call {
        &self.call
    }

    /// The provider it is for.
    pub const fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }

    /// Journals the intent, then sends. `path` is taken at the provider's own origin, and `headers` lose any credential
    /// they came with: the provider's takes its place.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, SendError> {
        let gate = Arc::clone(&self.call.0.gate);
        let provider = Arc::clone(&self.provider);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = provider.address(path)?;
        *request.headers_mut() = headers;
        provider.sign(request.headers_mut());
        let Some(attempt) = self.call.0.attempt.as_mut() else {
            return Err(SendError::Over);
        };
        attempt.journal_intent(&gate).await?;
        let name = || provider.name().to_owned();
        let answer = tokio::time::timeout(provider.first_byte_timeout, provider.client.request(request)).await;
        bailey_runtime::failpoint::hit("sent.after");
        match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(source)) if source.is_connect() => Err(SendError::Connect {
                provider: name(),
                source,
            }),
            Ok(Err(source)) => Err(SendError::Broken {
                provider: name(),
                source,
            }),
            Err(_) => Err(SendError::Timeout {
                provider: name(),
                after: provider.first_byte_timeout,
            }),
        }
    }

    /// Charges the attempt and gives the call back, for its row or for another attempt.
    pub fn settle(mut self, attempt: Attempt) -> Call {
        self.call.0.settle_attempt(attempt);
        self.call
    }
}

impl AttemptState {
    /// Writes that the attempt is about to be sent. From here on it is charged.
    async fn journal_intent(&mut self, gate: &Gate) -> Result<(), SendError> {
        let Some(intent) = self.intent.take() else {
            return Err(SendError::Over);
        };
        bailey_runtime::failpoint::hit("intent.before");
        let position = gate.journal().append(&JournalRecord::Intent(intent))?;
        self.hold.sent();
        bailey_runtime::failpoint::hit("intent.after");
        gate.recorded(position).await
    }
}

impl Bill {
    /// Usage, cost and flag; `hold` is what is charged where the cost is not known.
    fn price(&self, price: Option<&ModelPrice>, hold: Money) -> (Usage, Money, Option<ChargeFlag>) {
        let cost = |usage: &Usage, tier: ServiceTier| price.map_or(Ok(Money::ZERO), |p| p.cost(usage, tier)).ok();
        match *self {
            Self::Nothing => (Usage::default(), Money::ZERO, None),
            Self::Final(usage, tier) => match cost(&usage, tier) {
                Some(cost) => (usage, cost, None),
                None => (usage, hold, Some(ChargeFlag::HoldCharged)),
            },
            Self::Estimate(usage, tier) => (
                usage,
                cost(&usage, tier).unwrap_or(hold).min(hold),
                Some(ChargeFlag::Estimated),
            ),
            Self::Hold(usage, flag) => (usage, hold, Some(flag)),
        }
    }
}
