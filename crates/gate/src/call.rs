//! One request at a door, from its key to its row.

use std::sync::Arc;
use std::time::Instant;

use bailey_core::ledger::{
    AttemptRecord, ChargeFlag, JournalRecord, Outcome, RequestRecord, Settlement, Subject, Usage,
};
use bailey_core::{Money, RequestId, Timestamp};
use bailey_runtime::ids::NewId;

use crate::directory::{KeyEntry, Place};
use crate::gate::Gate;
use crate::grant::AttemptState;
use crate::journal::Reservation;
use crate::refused::Refused;

/// The longest text that is kept of anything a client names: it bounds a settlement's size.
const MAX_TEXT: usize = 200;

/// What a client asks for, as far as the ledger wants to know.
#[derive(Debug, Clone)]
pub struct CallInfo {
    /// The protocol spoken.
    pub protocol: &'static str,
    /// The model asked for.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The client's own session id.
    pub session: Option<String>,
    /// About how many tokens the request has, for the limit on tokens per minute.
    pub tokens: u64,
}

/// How a request was answered.
#[derive(Debug, Clone)]
pub struct Closing {
    /// The HTTP status.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Bailey's error code, where there is one.
    pub code: Option<String>,
    /// Microseconds from arrival to the first content byte.
    pub ttft_us: Option<u64>,
    /// The provider's id of the request.
    pub provider_request_id: Option<String>,
}

impl Closing {
    /// The closing of a request that Bailey refused.
    pub fn refused(status: u16, code: &str) -> Self {
        let code = Some(code.to_owned());
        Self {
            status,
            outcome: Outcome::Denied,
            code,
            ttft_us: None,
            provider_request_id: None,
        }
    }
}

/// One request at a door. It ends in exactly one row of the ledger: by [`Call::close`], or when it is dropped.
pub struct Call(pub(crate) Box<Inner>);

pub(crate) struct Inner {
    pub(crate) gate: Arc<Gate>,
    pub(crate) entry: Arc<KeyEntry>,
    place: Option<Place>,
    pub(crate) id: RequestId,
    started: Instant,
    pub(crate) started_at: Timestamp,
    pub(crate) subject: Subject,
    pub(crate) attempts: u32,
    /// The attempt under way.
    pub(crate) attempt: Option<AttemptState>,
    /// The settlement of the last attempt, written together with the row where no other attempt follows.
    pending: Option<Pending>,
    totals: Totals,
    closed: bool,
}

pub(crate) struct Pending {
    pub(crate) settlement: Settlement,
    pub(crate) record: AttemptRecord,
    pub(crate) reservation: Reservation,
}

/// What all attempts come to.
#[derive(Default)]
struct Totals {
    provider: Option<(String, String)>,
    price_version: Option<String>,
    usage: Usage,
    cost: Money,
    overrun: Money,
    flag: Option<ChargeFlag>,
}

impl Call {
    pub(crate) fn open(
        gate: Arc<Gate>,
        entry: Arc<KeyEntry>,
        info: CallInfo,
        started: Instant,
    ) -> Result<Self, (Refused, Self)> {
        let started_at = gate.clock().now();
        let subject = Subject {
            key: entry.token.is_none().then_some(entry.key.id),
            token: entry.token,
            person: Some(entry.person.id),
            group: entry.group,
            workspace: entry.key.workspace,
            protocol: info.protocol.to_owned(),
            model: clip(info.model),
            stream: info.stream,
            session: info.session.map(clip),
        };
        let admitted = entry
            .usable(started_at)
            .and_then(|()| entry.enter(info.tokens, started_at));
        let (place, refused) = match admitted {
            Ok(place) => (Some(place), None),
            Err(refused) => (None, Some(refused)),
        };
        gate.call_opened();
        let call = Self(Box::new(Inner {
            id: RequestId::new_at(started_at),
            gate,
            entry,
            place,
            started,
            started_at,
            subject,
            attempts: 0,
            attempt: None,
            pending: None,
            totals: Totals::default(),
            closed: false,
        }));
        match refused {
            None => Ok(call),
            Some(refused) => Err((refused, call)),
        }
    }

    /// Its id, also sent to the client.
    pub fn id(&self) -> RequestId {
        self.0.id
    }

    /// The key and its chain.
    pub fn entry(&self) -> &Arc<KeyEntry> {
        &self.0.entry
    }

    /// What its settled attempts have cost, with what was billed beyond their holds.
    pub fn cost(&self) -> Money {
        self.0.totals.cost.saturating_add(self.0.totals.overrun)
    }

    /// Microseconds since it arrived.
    pub fn elapsed_us(&self) -> u64 {
        self.0.elapsed_us()
    }

    /// Writes the row. The request is over.
    pub fn close(mut self, closing: Closing) {
        self.0.write_row(closing);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.attempt.is_some() {
            self.settle_by_state();
        }
        if !self.closed {
            let code = Some("dropped".to_owned());
            self.write_row(Closing {
                status: 499,
                outcome: Outcome::Unknown,
                code,
                ttft_us: None,
                provider_request_id: None,
            });
        }
        self.gate.call_closed();
    }
}

impl Inner {
    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes an attempt's settlement in. It is written with the row, or before the next attempt.
    pub(crate) fn settled(&mut self, pending: Pending, price_version: String) {
        self.flush_pending();
        let record = &pending.record;
        let totals = &mut self.totals;
        totals.usage = totals.usage.plus(&record.usage);
        totals.cost = totals.cost.saturating_add(record.cost);
        totals.overrun = totals.overrun.saturating_add(record.overrun);
        totals.flag = record.flag.or(totals.flag);
        totals.provider = Some((record.provider.clone(), record.provider_model.clone()));
        totals.price_version = Some(price_version);
        self.pending = Some(pending);
    }

    /// Writes the settlement of an attempt that another one follows.
    pub(crate) fn flush_pending(&mut self) {
        if let Some(Pending {
            mut settlement,
            record,
            reservation,
        }) = self.pending.take()
        {
            settlement.detail = Some(record);
            self.append(settlement, Some(reservation));
        }
    }

    fn append(&self, settlement: Settlement, reservation: Option<Reservation>) {
        let record = JournalRecord::Settlement(Box::new(settlement));
        match reservation {
            Some(reservation) => self.gate.journal().append_settlement(record, reservation),
            // A refusal has no room of its own, and must not use up that of others.
            None => {
                if let Err(error) = self.gate.journal().append(&record) {
                    tracing::error!(request = %self.id, error = &error as &dyn std::error::Error, "a refusal could not be recorded");
                }
            }
        }
    }

    fn write_row(&mut self, closing: Closing) {
        self.closed = true;
        if let Some(mut place) = self.place.take() {
            place.correct(self.totals.usage.total(), self.started_at, self.gate.clock().now());
        }
        let (mut settlement, reservation) = match self.pending.take() {
            Some(Pending {
                mut settlement,
                record,
                reservation,
            }) => {
                settlement.detail = (self.attempts > 1).then_some(record);
                (settlement, Some(reservation))
            }
            None => (Settlement::default(), None),
        };
        let totals = std::mem::take(&mut self.totals);
        let (provider, provider_model) = totals.provider.unzip();
        settlement.request = Some(RequestRecord {
            id: self.id,
            subject: std::mem::take(&mut self.subject),
            started_at: self.started_at,
            latency_us: self.elapsed_us(),
            ttft_us: closing.ttft_us,
            status: closing.status,
            outcome: closing.outcome,
            code: closing.code.map(clip),
            provider,
            provider_model,
            attempts: self.attempts,
            usage: totals.usage,
            cost: totals.cost,
            overrun: totals.overrun,
            flag: totals.flag,
            price_version: totals.price_version,
            provider_request_id: closing.provider_request_id.map(clip),
        });
        bailey_runtime::failpoint::hit("settlement.before");
        self.append(settlement, reservation);
        bailey_runtime::failpoint::hit("settlement.after");
    }
}

/// Cuts text that a client chose to a bounded length, at a character's border.
/// Control characters go: PostgreSQL takes no NUL, and nobody needs the others.
pub(crate) fn clip(mut text: String) -> String {
    text.retain(|c| !c.is_control());
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
