//! Tells the other side that nobody reads a stream any more.
//!
//! yamux says so when a stream is dropped while both directions are open, but not when our own direction was closed
//! before: the other side would then write until its window is full and wait for ever. So we watch which ends of streams
//! have gone out, and put a reset behind the end of a stream that was dropped without having been read to its end.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The bytes of a yamux header.
const HEADER: usize = 12;
const TYPE_DATA: u8 = 0;
const FLAG_END: u8 = 4;
const FLAG_RESET: u8 = 8;

/// A stream whose own direction was closed by whoever used it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closed {
    /// The end is on its way.
    Ending,
    /// The end has gone out; the stream is still read.
    Ended,
    /// It was dropped before the end has gone out.
    Dropped { reset: bool },
}

#[derive(Debug, Default)]
struct State {
    streams: HashMap<u32, Closed>,
    due: Vec<u32>,
    driver: Option<Waker>,
}

/// What streams and the pipe below them tell each other.
#[derive(Debug, Default)]
pub(crate) struct Resets(Mutex<State>);

impl Resets {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream's own direction was closed.
    pub(crate) fn closed(&self, id: u32) {
        self.state().streams.entry(id).or_insert(Closed::Ending);
    }

    /// A stream was dropped; `unread` = the other side may still write into it.
    pub(crate) fn dropped(&self, id: u32, unread: bool) {
        let mut state = self.state();
        match state.streams.get(&id) {
            Some(Closed::Ending) => {
                state.streams.insert(id, Closed::Dropped { reset: unread });
            }
            Some(Closed::Ended) => {
                state.streams.remove(&id);
                if unread {
                    state.due.push(id);
                    if let Some(driver) = state.driver.take() {
                        driver.wake();
                    }
                }
            }
            Some(Closed::Dropped { .. }) | None => {}
        }
    }

    /// The end of a stream has gone out.
    fn ended(&self, id: u32) {
        let mut state = self.state();
        match state.streams.get(&id) {
            Some(Closed::Ending) => {
                state.streams.insert(id, Closed::Ended);
            }
            Some(Closed::Dropped { reset }) => {
                let reset = *reset;
                state.streams.remove(&id);
                if reset {
                    state.due.push(id);
                }
            }
            Some(Closed::Ended) | None => {}
        }
    }

    /// The streams to reset now. `driver` is woken when there are more.
    fn take(&self, driver: &Waker) -> Vec<u32> {
        let mut state = self.state();
        state.driver = Some(driver.clone());
        std::mem::take(&mut state.due)
    }
}

/// Follows the frames that go out, byte by byte.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    header: Vec<u8>,
    body: usize,
}

impl Outgoing {
    /// Follows some bytes.
    pub(crate) fn follow(&mut self, mut bytes: &[u8], resets: &Resets) {
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
                if flags & FLAG_END != 0 {
                    resets.ended(u32::from_be_bytes([a, b, c, d]));
                }
            }
        }
    }

    /// The resets that are due, where a frame may begin now.
    pub(crate) fn due(&self, resets: &Resets, driver: &Waker) -> Vec<u8> {
        if self.body > 0 || !self.header.is_empty() {
            return Vec::new();
        }
        let frame = |id: u32| {
            let [a, b, c, d] = id.to_be_bytes();
            [0, TYPE_DATA, 0, FLAG_RESET, a, b, c, d, 0, 0, 0, 0]
        };
        resets.take(driver).into_iter().flat_map(frame).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END_OF_7: [u8; HEADER] = [0, 0, 0, FLAG_END, 0, 0, 0, 7, 0, 0, 0, 0];
    const RESET_OF_7: [u8; HEADER] = [0, 0, 0, FLAG_RESET, 0, 0, 0, 7, 0, 0, 0, 0];

    #[test]
    fn a_reset_follows_the_end_whatever_comes_first() {
        for dropped_first in [true, false] {
            let (resets, mut outgoing) = (Resets::default(), Outgoing::default());
            resets.closed(7);
            if dropped_first {
                resets.dropped(7, true);
                assert!(outgoing.due(&resets, Waker::noop()).is_empty());
                outgoing.follow(&END_OF_7, &resets);
            } else {
                outgoing.follow(&END_OF_7, &resets);
                assert!(outgoing.due(&resets, Waker::noop()).is_empty());
                resets.dropped(7, true);
            }
            assert_eq!(outgoing.due(&resets, Waker::noop()), RESET_OF_7);
            assert!(resets.state().streams.is_empty());
        }
    }

    #[test]
    fn what_was_read_to_its_end_is_not_reset() {
        let (resets, mut outgoing) = (Resets::default(), Outgoing::default());
        resets.closed(7);
        outgoing.follow(&END_OF_7, &resets);
        resets.dropped(7, false);
        // A stream that was never closed by its user is yamux's own affair.
        outgoing.follow(&END_OF_7, &resets);
        assert!(outgoing.due(&resets, Waker::noop()).is_empty());
        assert!(resets.state().streams.is_empty());
    }

    #[test]
    fn resets_stand_between_frames_only() {
        let (resets, mut outgoing) = (Resets::default(), Outgoing::default());
        resets.closed(7);
        resets.dropped(7, true);
        // A data frame with a body that looks like the end of stream 7, cut into pieces.
        let mut bytes = vec![0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 12];
        bytes.extend_from_slice(&END_OF_7);
        for byte in &bytes {
            assert!(outgoing.due(&resets, Waker::noop()).is_empty());
            outgoing.follow(&[*byte], &resets);
        }
        assert!(
            outgoing.due(&resets, Waker::noop()).is_empty(),
            "a body is not a header"
        );
        outgoing.follow(&END_OF_7, &resets);
        assert_eq!(outgoing.due(&resets, Waker::noop()), RESET_OF_7);
    }
}
