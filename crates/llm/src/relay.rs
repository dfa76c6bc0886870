//! Passes an event stream on while reading from it what must be known: usage, errors, the first content, the end.
//!
//! Whole events are handed on as slices of what was received, many at once where they lie side by side. An event that
//! comes in pieces is kept until it is whole, so that one that the client must not see can be left out; one longer than
//! [`MAX_HELD`] is passed on piece by piece and read as it passes. What is read does not depend on how the stream was
//! cut into pieces.

mod chat;
mod error;
mod find;
mod long;
mod messages;
mod observed;
mod responses;

use bytes::{Bytes, BytesMut};

pub use error::StreamErrorEvent;

use crate::Protocol;
use crate::meter::Metered;
use crate::request::CacheControl;
use crate::sse::{Event, Framer, Utf8};
use long::LongEvent;
use observed::{Disposition, Observed};

/// The longest event that is held back until it is whole.
pub const MAX_HELD: usize = 64 * 1024;

/// Why a stream cannot be passed on any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// Bytes that are not UTF-8.
    #[error("the provider sent bytes that are not UTF-8")]
    Utf8,
    /// The stream does not begin as an event stream does, or an event's data is no JSON object.
    #[error("the provider sent something that is no event stream")]
    NotEvents,
}

/// Relays one stream.
#[derive(Debug)]
pub struct StreamRelay {
    framer: Framer,
    utf8: Utf8,
    /// An event that is not whole yet.
    held: BytesMut,
    /// An event that is too long to be held.
    long: Option<LongEvent>,
    observed: Observed,
    /// An event of a known shape has been seen.
    recognised: bool,
    /// The last event was left out.
    hid_last: bool,
    fault: Option<StreamFault>,
}

impl StreamRelay {
    /// A relay for a stream of `protocol`. `hide_usage_chunk` leaves out the chat chunk that carries nothing but the
    /// usage: for clients that did not ask for it.
    pub fn new(protocol: Protocol, hide_usage_chunk: bool) -> Self {
        Self {
            framer: Framer::new(),
            utf8: Utf8::default(),
            held: BytesMut::new(),
            long: None,
            observed: Observed::new(protocol, hide_usage_chunk),
            recognised: false,
            hid_last: false,
            fault: None,
        }
    }

    /// Has cache writes whose lifetime the stream leaves open booked as what the request asked for.
    #[must_use]
    pub fn with_cache(mut self, cache: CacheControl) -> Self {
        self.observed.book_writes_as(cache);
        self
    }

    /// Feeds what the provider sent next. What may be passed on now is appended to `out`, also where a fault follows
    /// it; after a fault nothing more is taken.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), StreamFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let valid = self.utf8.valid(&chunk);
        let broken = valid < chunk.len();
        let chunk = if broken { chunk.slice(..valid) } else { chunk };
        let result = self.relay(&chunk, out);
        let fault = result.err().or(broken.then_some(StreamFault::Utf8));
        self.fault = fault;
        fault.map_or(Ok(()), Err)
    }

    fn relay(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> Result<(), StreamFault> {
        let mut start = self.finish_open(chunk, out)?;
        let mut pass_from = start;
        if start == 0 {
            // An LF that only completes the end of an event goes with that event.
            start = self.framer.trailing_lf(chunk);
            pass_from = if self.hid_last { start } else { 0 };
        }
        while let Some(end) = self.framer.event_end(chunk, start) {
            let raw = chunk.get(start..end).unwrap_or_default();
            let disposition = self.event(raw);
            self.hid_last = disposition == Ok(Disposition::Hide);
            if disposition != Ok(Disposition::Pass) {
                pass(chunk, pass_from, start, out);
                pass_from = end;
                disposition?;
            }
            start = end;
        }
        pass(chunk, pass_from, start, out);
        self.begin(chunk.slice(start.min(chunk.len())..), out)
    }

    /// Ends the event that earlier pieces began, if this chunk has its end. Returns where the next one starts.
    fn finish_open(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> Result<usize, StreamFault> {
        if self.held.is_empty() && self.long.is_none() {
            return Ok(0);
        }
        let end = self.framer.event_end(chunk, 0);
        let piece = chunk.slice(..end.unwrap_or(chunk.len()));
        let long = match self.long.take() {
            Some(mut long) => {
                long.feed(&piece);
                Some(long)
            }
            None if self.held.len() + piece.len() > MAX_HELD => {
                let held = self.held.split().freeze();
                let long = self.long_event(&[&held, &piece])?;
                out.push(held);
                Some(long)
            }
            None => None,
        };
        match (long, end) {
            (Some(long), Some(_)) => {
                out.push(piece);
                long.finish(&mut self.observed);
                self.hid_last = false;
            }
            (Some(long), None) => {
                out.push(piece);
                self.long = Some(long);
            }
            (None, Some(_)) => {
                self.held.extend_from_slice(&piece);
                let event = self.held.split().freeze();
                let disposition = self.event(&event)?;
                self.hid_last = disposition == Disposition::Hide;
                if !self.hid_last {
                    out.push(event);
                }
            }
            (None, None) => self.held.extend_from_slice(&piece),
        }
        Ok(end.unwrap_or(chunk.len()))
    }

    /// Takes the start of an event whose end is not there yet.
    fn begin(&mut self, piece: Bytes, out: &mut Vec<Bytes>) -> Result<(), StreamFault> {
        if piece.len() > MAX_HELD {
            self.long = Some(self.long_event(&[&piece])?);
            out.push(piece);
        } else {
            self.held.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// Begins to read an event that is longer than [`MAX_HELD`]. What is in its first bytes decides whether it is one,
    /// wherever it was cut.
    fn long_event(&mut self, parts: &[&[u8]]) -> Result<LongEvent, StreamFault> {
        let mut long = self.observed.long_event();
        let mut head = MAX_HELD;
        for part in parts {
            let (first, rest) = part.split_at(part.len().min(head));
            long.feed(first);
            head -= first.len();
            if head == 0 && !first.is_empty() && !long.is_event() {
                return Err(StreamFault::NotEvents);
            }
            long.feed(rest);
        }
        self.recognised = true;
        Ok(long)
    }

    /// Reads one whole event.
    fn event(&mut self, raw: &[u8]) -> Result<Disposition, StreamFault> {
        if raw.len() > MAX_HELD {
            self.long_event(&[raw])?.finish(&mut self.observed);
            return Ok(Disposition::Pass);
        }
        let event = Event::parse(raw);
        if event.foreign && !self.recognised {
            return Err(StreamFault::NotEvents);
        }
        let Some(data) = &event.data else {
            return Ok(Disposition::Pass);
        };
        let data = data.trim_ascii();
        if !is_payload(data) {
            return Err(StreamFault::NotEvents);
        }
        self.recognised = true;
        Ok(self.observed.event(event.name, data))
    }

    /// Whether the first event with content has been seen: from here on no other route may answer.
    pub const fn content_started(&self) -> bool {
        self.observed.started
    }

    /// The error that the stream reported, if it did.
    pub const fn error(&self) -> Option<&StreamErrorEvent> {
        self.observed.error.as_ref()
    }

    /// Whether the event that ends the stream has been seen.
    pub fn complete(&self) -> bool {
        self.observed.complete()
    }

    /// Whether the usage is the last word.
    pub fn usage_is_final(&self) -> bool {
        self.observed.usage_is_final()
    }

    /// Ends the relay: what was metered, and an event that never became whole, which must not be passed on.
    pub fn finish(self) -> (Metered, Bytes) {
        (self.observed.metered(), self.held.freeze())
    }
}

/// Whether an event's data is what a provider sends: an object, or the end mark.
fn is_payload(data: &[u8]) -> bool {
    data.is_empty() || data == b"[DONE]" || (data.starts_with(b"{") && data.ends_with(b"}"))
}

/// Hands on `chunk[from..to]`.
fn pass(chunk: &Bytes, from: usize, to: usize, out: &mut Vec<Bytes>) {
    if from < to {
        out.push(chunk.slice(from..to));
    }
}

#[cfg(test)]
mod tests;
