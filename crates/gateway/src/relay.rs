//! Passing an answer on while it is metered.
//!
//! The relay belongs to the task that owns the grant. It reads the provider's answer at the client's pace; when the client
//! leaves, it either cancels (self-hosted) or reads on to the final usage, bounded in time and number (pay per token).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bailey_core::ledger::{ChargeFlag, Outcome, Usage};
use bailey_gate::grant::Bill;
use bailey_llm::{BodyMeter, CacheControl, Metered, Protocol, ServiceTier, StreamRelay};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::answer::Piece;

/// A client that takes nothing for this long is taken for gone.
const CLIENT_STALL: Duration = Duration::from_mins(2);

/// How much of an answer is put together before it is handed on.
const GATHER: usize = 16 * 1024;

/// How answers whose client has left are read on.
#[derive(Debug, Clone)]
pub(crate) struct Drains {
    /// The longest one goes on.
    pub(crate) max_time: Duration,
    /// How many go on at once.
    pub(crate) places: Arc<Semaphore>,
}

/// What may end an answer early.
pub(crate) struct Watch {
    /// The key was revoked, or its person suspended.
    pub(crate) ended: CancellationToken,
    /// The server gives up waiting for streams.
    pub(crate) shutdown: CancellationToken,
    /// The longest silence of the provider.
    pub(crate) idle: Duration,
    /// Whether to cancel rather than read on when the client leaves.
    pub(crate) cancel_on_hangup: bool,
    /// How to read on.
    pub(crate) drains: Drains,
}

/// Why an answer is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The provider sent all of it.
    Whole,
    /// The provider's connection broke, or the stream stopped short of its end.
    Broken,
    /// The provider was silent for too long.
    Idle,
    /// The provider sent what is no event stream.
    Garbage,
    /// The client left, and the answer was cancelled.
    Cancelled,
    /// The client left, and reading on met its bound.
    DrainBound,
}

/// Why the client got no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It hung up.
    HungUp,
    /// Its key ended.
    KeyEnded,
    /// The server shuts down.
    Shutdown,
}

impl Cut {
    /// The code that the client is told; one that has hung up is told nothing.
    pub(crate) const fn code(self) -> Option<&'static str> {
        match self {
            Self::HungUp => None,
            Self::KeyEnded => Some("key_ended"),
            Self::Shutdown => Some("shutting_down"),
        }
    }
}

impl Ending {
    /// The code that the client is told, where the answer has not come to its own end.
    pub(crate) const fn code(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::Idle => Some("upstream_idle"),
            Self::Garbage => Some("upstream_garbage"),
            Self::Broken | Self::Cancelled | Self::DrainBound => Some("upstream_cut"),
        }
    }
}

enum Meter {
    Stream(Box<StreamRelay>),
    Body(Box<BodyMeter>),
}

/// An answer on its way.
pub(crate) struct Relay {
    incoming: Incoming,
    meter: Option<Meter>,
    ready: Vec<Bytes>,
    ended: Option<Ending>,
}

/// How far an answer is after its first pieces.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Primed {
    /// Content has begun, or there is nothing to wait for.
    Begun,
    /// The stream brought an error before any content.
    ErrorEvent {
        /// Its kind in the provider's words.
        kind: String,
        /// Whether another attempt may go better.
        retryable: bool,
    },
    /// It broke before any content.
    Failed(Ending),
}

impl Relay {
    pub(crate) fn stream(incoming: Incoming, protocol: Protocol, cache: CacheControl, hide_usage: bool) -> Self {
        let meter = Meter::Stream(Box::new(StreamRelay::new(protocol, hide_usage).with_cache(cache)));
        Self {
            incoming,
            meter: Some(meter),
            ready: Vec::new(),
            ended: None,
        }
    }

    pub(crate) fn body(incoming: Incoming, protocol: Protocol, cache: CacheControl) -> Self {
        let meter = BodyMeter::new(protocol).with_cache(cache);
        Self {
            incoming,
            meter: Some(Meter::Body(Box::new(meter))),
            ready: Vec::new(),
            ended: None,
        }
    }

    /// Reads until the first content, so that another route can still be tried. Without one to try, a stream is passed on
    /// from its first byte.
    pub(crate) async fn prime(&mut self, idle: Duration, another_route: bool) -> Primed {
        loop {
            match &self.meter {
                Some(Meter::Stream(stream)) => {
                    if let Some(error) = stream.error().filter(|_| !stream.content_started()) {
                        return Primed::ErrorEvent {
                            kind: error.kind.clone(),
                            retryable: error.retryable,
                        };
                    }
                    let held: usize = self.ready.iter().map(Bytes::len).sum();
                    if stream.content_started() || held > GATHER || (!another_route && self.ended.is_none()) {
                        return Primed::Begun;
                    }
                }
                Some(Meter::Body(_)) if !self.ready.is_empty() => return Primed::Begun,
                _ => {}
            }
            match self.ended {
                None => self.read(idle).await,
                Some(Ending::Whole) if self.finished() => return Primed::Begun,
                Some(Ending::Whole) => return Primed::Failed(Ending::Broken),
                Some(ending) => return Primed::Failed(ending),
            }
        }
    }

    async fn read(&mut self, idle: Duration) {
        match timeout(idle, self.incoming.frame()).await {
            Ok(frame) => self.take(frame),
            Err(_) => self.ended = Some(Ending::Idle),
        }
    }

    /// Takes what else is there already, so that a burst of events costs the client's connection one write.
    pub(crate) async fn gather(&mut self) {
        while self.ended.is_none() && self.ready.iter().map(Bytes::len).sum::<usize>() < GATHER {
            // The connection's task hands the next piece over only when it has had a turn.
            tokio::task::yield_now().await;
            let mut next = pin!(self.incoming.frame());
            match poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
                Poll::Ready(frame) => self.take(frame),
                Poll::Pending => break,
            }
        }
        if self.ready.len() > 1 {
            let mut all = BytesMut::with_capacity(self.ready.iter().map(Bytes::len).sum());
            for piece in self.ready.drain(..) {
                all.extend_from_slice(&piece);
            }
            self.ready.push(all.freeze());
        }
    }

    fn take(&mut self, frame: Option<Result<hyper::body::Frame<Bytes>, hyper::Error>>) {
        match frame {
            None => self.ended = Some(Ending::Whole),
            Some(Err(_)) => self.ended = Some(Ending::Broken),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { return };
                let fault = match &mut self.meter {
                    Some(Meter::Stream(stream)) => stream.push(data, &mut self.ready).is_err(),
                    Some(Meter::Body(meter)) => {
                        meter.push(&data);
                        self.ready.push(data);
                        false
                    }
                    None => false,
                };
                if fault {
                    self.ended = Some(Ending::Garbage);
                }
                if self.incoming.is_end_stream() && self.ended.is_none() {
                    self.ended = Some(Ending::Whole);
                }
            }
        }
    }

    /// The whole answer, if it is there already: then it needs no channel.
    pub(crate) fn take_whole(&mut self) -> Option<Bytes> {
        let whole = self.ended == Some(Ending::Whole) && self.finished() && self.ready.len() <= 1;
        whole.then(|| self.ready.pop().unwrap_or_default())
    }

    /// Whether what came is an answer to its end: a stream has its last event, or an error in its place.
    fn finished(&self) -> bool {
        match &self.meter {
            Some(Meter::Stream(stream)) => stream.complete() || stream.error().is_some(),
            _ => true,
        }
    }

    /// Brings the answer to its end, when the client has been served or cut off: what is left of it is read on or
    /// cancelled.
    pub(crate) async fn conclude(&mut self, cut: Option<Cut>, watch: &Watch) -> Ending {
        if let Some(reason) = cut
            && self.ended.is_none()
        {
            self.ended = Some(self.after(reason, watch).await);
        }
        match self.ended.unwrap_or(Ending::Broken) {
            Ending::Whole if !self.finished() => Ending::Broken,
            ending => ending,
        }
    }

    /// Serves the client until the answer or the client is done.
    pub(crate) async fn serve(&mut self, client: &mpsc::Sender<Piece>, watch: &Watch) -> Option<Cut> {
        let mut closed = pin!(client.closed());
        let mut key_ended = pin!(watch.ended.cancelled());
        let mut shutdown = pin!(watch.shutdown.cancelled());
        let mut silence = pin!(sleep_until(Instant::now() + watch.idle));
        let mut last = Instant::now();
        loop {
            for piece in self.ready.drain(..) {
                let piece = match client.try_send(Piece::Data(piece)) {
                    Ok(()) => continue,
                    Err(mpsc::error::TrySendError::Closed(_)) => return Some(Cut::HungUp),
                    Err(mpsc::error::TrySendError::Full(piece)) => piece,
                };
                tokio::select! {
                    sent = timeout(CLIENT_STALL, client.send(piece)) => {
                        if !matches!(sent, Ok(Ok(()))) {
                            return Some(Cut::HungUp);
                        }
                    }
                    () = &mut key_ended => return Some(Cut::KeyEnded),
                    () = &mut shutdown => return Some(Cut::Shutdown),
                }
            }
            if self.ended.is_some() {
                return None;
            }
            tokio::select! {
                biased;
                () = &mut key_ended => return Some(Cut::KeyEnded),
                frame = self.incoming.frame() => {
                    last = Instant::now();
                    self.take(frame);
                    self.gather().await;
                }
                () = &mut closed => return Some(Cut::HungUp),
                () = &mut shutdown => return Some(Cut::Shutdown),
                () = &mut silence => {
                    // The timer is moved only when it fires, not at every event.
                    if last.elapsed() >= watch.idle {
                        self.ended = Some(Ending::Idle);
                    } else {
                        silence.as_mut().reset(last + watch.idle);
                    }
                }
            }
        }
    }

    /// What becomes of an answer that nobody waits for any more.
    async fn after(&mut self, reason: Cut, watch: &Watch) -> Ending {
        self.ready.clear();
        if watch.cancel_on_hangup {
            return Ending::Cancelled;
        }
        let place: Option<OwnedSemaphorePermit> = match reason {
            Cut::Shutdown => None,
            Cut::HungUp | Cut::KeyEnded => Arc::clone(&watch.drains.places).try_acquire_owned().ok(),
        };
        if place.is_none() {
            return Ending::DrainBound;
        }
        let deadline = Instant::now() + watch.drains.max_time;
        loop {
            tokio::select! {
                () = self.read(watch.idle) => {}
                () = sleep_until(deadline) => return Ending::DrainBound,
                () = watch.shutdown.cancelled() => return Ending::DrainBound,
            }
            self.ready.clear();
            if let Some(ending) = self.ended {
                return ending;
            }
        }
    }

    /// What was metered.
    fn reading(&mut self) -> Reading {
        match self.meter.take() {
            Some(Meter::Stream(stream)) => {
                let (is_final, error, content) = (
                    stream.usage_is_final(),
                    stream.error().is_some(),
                    stream.content_started(),
                );
                Reading {
                    is_final,
                    error,
                    content,
                    metered: Some(stream.finish().0),
                }
            }
            Some(Meter::Body(meter)) => {
                let metered = meter.finish();
                Reading {
                    is_final: metered.usage_final && metered.usage.is_some(),
                    error: false,
                    content: true,
                    metered: Some(metered),
                }
            }
            None => Reading {
                is_final: false,
                error: false,
                content: true,
                metered: None,
            },
        }
    }
}

/// What was seen of an answer.
struct Reading {
    /// Whether the provider's usage is its last word.
    is_final: bool,
    /// Whether an error event came.
    error: bool,
    /// Whether content came.
    content: bool,
    metered: Option<Metered>,
}

/// What an answer is billed by, how it ended, and the code of what went wrong.
pub(crate) fn judge(
    relay: &mut Relay,
    ending: Ending,
    cut: Option<Cut>,
    input_bound: u64,
) -> (Bill, Outcome, Option<&'static str>) {
    let Reading {
        is_final,
        error,
        content,
        metered,
    } = relay.reading();
    let usage = metered.as_ref().and_then(|m| m.usage).unwrap_or_default();
    let tier = metered.as_ref().and_then(|m| m.tier).unwrap_or(ServiceTier::Standard);
    let received = metered.as_ref().map_or(0, |m| m.content_bytes);
    let bill = match ending {
        _ if is_final => Bill::Final(usage, tier),
        // The provider says itself that it failed before it produced anything.
        _ if error && !content => Bill::Nothing,
        // What a self-hosted provider has done is bounded by what it was given and what came back.
        Ending::Cancelled => {
            let input = if usage.total_input() == 0 {
                Usage {
                    input: input_bound,
                    ..usage
                }
            } else {
                usage
            };
            Bill::Estimate(
                Usage {
                    output: usage.output.max(received),
                    ..input
                },
                tier,
            )
        }
        Ending::DrainBound => Bill::Hold(usage, ChargeFlag::DrainBound),
        Ending::Whole | Ending::Broken | Ending::Idle | Ending::Garbage => Bill::Hold(usage, ChargeFlag::HoldCharged),
    };
    let (outcome, code) = match (cut, ending) {
        (Some(Cut::HungUp), _) => (Outcome::ClientGone, None),
        (Some(cut), _) => (Outcome::Error, cut.code()),
        (None, Ending::Whole) if error => (Outcome::Error, Some("upstream_error_event")),
        (None, Ending::Whole) => (Outcome::Ok, None),
        (None, ending) => (Outcome::Error, ending.code()),
    };
    (bill, outcome, code)
}
