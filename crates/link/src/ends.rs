//! Ends and resets of streams, which yamux does not tell apart well enough.
//!
//! It reports a reset to a reader as an end; and when a stream is dropped whose own direction was closed before, it tells
//! nothing to the other side, which would then write until its window is full and wait for ever. So we follow the frames in both
//! directions: an end is one only where the other side's has come in, and behind our own end of a stream that was dropped
//! without having been read to its end, a reset is sent.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The bytes of a yamux header.
const HEADER: usize = 12;
const TYPE_DATA: u8 = 0;
const FLAG_BEGIN: u8 = 1;
const FLAG_END: u8 = 4;
const FLAG_RESET: u8 = 8;

/// How far our own direction of a stream is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Own {
    #[default]
    Open,
    /// Closed; the end is on its way.
    Ending,
    /// The end has gone out; the stream is still read.
    Ended,
    /// The stream was dropped before the end has gone out.
    Dropped { reset: bool },
}

#[derive(Debug, Default)]
struct Known {
    own: Own,
    /// The other side's end has come in.
    read_whole: bool,
}

#[derive(Debug, Default)]
struct State {
    streams: HashMap<u32, Known>,
    resets: Vec<u32>,
    driver: Option<Waker>,
}

impl State {
    fn reset(&mut self, id: u32) {
        self.resets.push(id);
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }
}

/// What streams and the pipe below them tell each other.
#[derive(Debug, Default)]
pub(crate) struct Ends(Mutex<State>);

impl Ends {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream is there. It stays known until it was dropped.
    pub(crate) fn opened(&self, id: u32) {
        self.state().streams.entry(id).or_default();
    }

    /// Whether the other side's direction has ended as it should.
    pub(crate) fn read_whole(&self, id: u32) -> bool {
        self.state().streams.get(&id).is_some_and(|known| known.read_whole)
    }

    /// A stream's own direction was closed.
    pub(crate) fn closed(&self, id: u32) {
        if let Some(known) = self.state().streams.get_mut(&id)
            && known.own == Own::Open
        {
            known.own = Own::Ending;
        }
    }

    /// A stream was dropped.
    pub(crate) fn dropped(&self, id: u32) {
        let mut state = self.state();
        let Some(known) = state.streams.get_mut(&id) else {
            return;
        };
        let reset = !known.read_whole;
        match known.own {
            Own::Ending => known.own = Own::Dropped { reset },
            // yamux resets it by itself.
            Own::Open | Own::Dropped { .. } => {
                state.streams.remove(&id);
            }
            Own::Ended => {
                state.streams.remove(&id);
                if reset {
                    state.reset(id);
                }
            }
        }
    }

    fn went_out(&self, header: Header) {
        if header.flags & FLAG_END == 0 {
            return;
        }
        let mut state = self.state();
        let Some(known) = state.streams.get_mut(&header.stream) else {
            return;
        };
        match known.own {
            Own::Ending => known.own = Own::Ended,
            Own::Dropped { reset } => {
                state.streams.remove(&header.stream);
                if reset {
                    state.reset(header.stream);
                }
            }
            Own::Open | Own::Ended => {}
        }
    }

    fn came_in(&self, header: Header) {
        if header.flags & FLAG_END == 0 {
            return;
        }
        let mut state = self.state();
        if let Some(known) = state.streams.get_mut(&header.stream) {
            known.read_whole = true;
        } else if header.flags & FLAG_BEGIN != 0 {
            // It becomes a stream of ours in a moment.
            state.streams.insert(
                header.stream,
                Known {
                    own: Own::Open,
                    read_whole: true,
                },
            );
        }
    }

    /// The streams to reset now. `driver` is woken when there are more.
    fn take(&self, driver: &Waker) -> Vec<u32> {
        let mut state = self.state();
        state.driver = Some(driver.clone());
        std::mem::take(&mut state.resets)
    }
}

#[derive(Debug, Clone, Copy)]
struct Header {
    flags: u8,
    stream: u32,
}

/// Follows the frames of one direction, byte by byte.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    header: Vec<u8>,
    body: usize,
}

impl Frames {
    /// Follows bytes that go out.
    pub(crate) fn send(&mut self, bytes: &[u8], ends: &Ends) {
        self.follow(bytes, |header| ends.went_out(header));
    }

    /// Follows bytes that come in.
    pub(crate) fn receive(&mut self, bytes: &[u8], ends: &Ends) {
        self.follow(bytes, |header| ends.came_in(header));
    }

    fn follow(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Header)) {
        while !bytes.is_empty() {
            let skipped = self.body.min(bytes.len());
            self.body -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let (head, rest) = bytes.split_at(bytes.len().min(HEADER - self.header.len()));
            self.header.extend_from_slice(head);
            bytes = rest;
            if let Ok([_, kind, _, flags, a, b, c, d, length @ ..]) = <[u8; HEADER]>::try_from(self.header.as_slice()) {
                self.header.clear();
                if kind == TYPE_DATA {
                    self.body = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                }
                let stream = u32::from_be_bytes([a, b, c, d]);
                seen(Header { flags, stream });
            }
        }
    }

    /// The resets that are due, where a frame may begin now.
    pub(crate) fn resets(&self, ends: &Ends, driver: &Waker) -> Vec<u8> {
        if self.body > 0 || !self.header.is_empty() {
            return Vec::new();
        }
        let frame = |id: u32| {
            let [a, b, c, d] = id.to_be_bytes();
            [0, TYPE_DATA, 0, FLAG_RESET, a, b, c, d, 0, 0, 0, 0]
        };
        ends.take(driver).into_iter().flat_map(frame).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END_OF_7: [u8; HEADER] = [0, 0, 0, FLAG_END, 0, 0, 0, 7, 0, 0, 0, 0];
    const RESET_OF_7: [u8; HEADER] = [0, 0, 0, FLAG_RESET, 0, 0, 0, 7, 0, 0, 0, 0];

    fn with_stream() -> (Ends, Frames) {
        let ends = Ends::default();
        ends.opened(7);
        (ends, Frames::default())
    }

    #[test]
    fn a_reset_follows_the_end_whatever_comes_first() {
        for dropped_first in [true, false] {
            let (ends, mut outgoing) = with_stream();
            ends.closed(7);
            if dropped_first {
                ends.dropped(7);
                assert!(outgoing.resets(&ends, Waker::noop()).is_empty());
                outgoing.send(&END_OF_7, &ends);
            } else {
                outgoing.send(&END_OF_7, &ends);
                assert!(outgoing.resets(&ends, Waker::noop()).is_empty());
                ends.dropped(7);
            }
            assert_eq!(outgoing.resets(&ends, Waker::noop()), RESET_OF_7);
            assert!(ends.state().streams.is_empty());
        }
    }

    #[test]
    fn what_was_read_to_its_end_is_not_reset() {
        let (ends, mut outgoing) = with_stream();
        assert!(!ends.read_whole(7));
        Frames::default().receive(&END_OF_7, &ends);
        assert!(ends.read_whole(7));
        ends.closed(7);
        outgoing.send(&END_OF_7, &ends);
        ends.dropped(7);
        // A stream that is gone is not remembered, whatever still comes of it.
        Frames::default().receive(&END_OF_7, &ends);
        outgoing.send(&END_OF_7, &ends);
        assert!(outgoing.resets(&ends, Waker::noop()).is_empty());
        assert!(ends.state().streams.is_empty());
    }

    #[test]
    fn a_stream_that_begins_and_ends_at_once_is_known() {
        let ends = Ends::default();
        let mut frame = END_OF_7;
        frame[3] |= FLAG_BEGIN;
        Frames::default().receive(&frame, &ends);
        ends.opened(7);
        assert!(ends.read_whole(7));
        ends.dropped(7);
        assert!(ends.state().streams.is_empty());
    }

    #[test]
    fn resets_stand_between_frames_only() {
        let (ends, mut outgoing) = with_stream();
        ends.closed(7);
        ends.dropped(7);
        // A data frame with a body that looks like the end of stream 7, cut into pieces.
        let mut bytes = vec![0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 12];
        bytes.extend_from_slice(&END_OF_7);
        for byte in &bytes {
            assert!(outgoing.resets(&ends, Waker::noop()).is_empty());
            outgoing.send(&[*byte], &ends);
        }
        assert!(
            outgoing.resets(&ends, Waker::noop()).is_empty(),
            "a body is not a header"
        );
        outgoing.send(&END_OF_7, &ends);
        assert_eq!(outgoing.resets(&ends, Waker::noop()), RESET_OF_7);
    }
}
