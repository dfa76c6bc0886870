//! Playing the steps of a response body to the connection.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::connection::{Control, Ending};
use crate::recorder::Recorder;
use crate::scenario::{CutHow, Hold};
use crate::steps::Step;

/// The connection is to end now, as [`Control`] says.
#[derive(Debug, thiserror::Error)]
#[error("the mock ends the connection as its scenario says")]
pub(crate) struct Ended;

impl From<Infallible> for Ended {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A response body. It is pulled by the connection, so when the client hangs up it is dropped, and generation stops.
pub(crate) struct Player {
    steps: VecDeque<Step>,
    recorder: Option<Recorder>,
    control: Control,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Something was just sent, and the connection has to flush it before it gets more.
    unflushed: bool,
    /// Bytes still to come, where they are announced as `content-length`.
    length: Option<u64>,
}

impl Player {
    /// A body of these bytes, whose call (if it is one) is recorded already.
    pub(crate) fn fixed(bytes: Bytes, control: Control) -> Self {
        let length = Some(bytes.len() as u64);
        let steps = if bytes.is_empty() {
            VecDeque::new()
        } else {
            VecDeque::from([Step::Send { bytes, generated: 0 }])
        };
        Self {
            steps,
            recorder: None,
            control,
            sleep: None,
            unflushed: false,
            length,
        }
    }

    /// A body of `steps`, announced with `length` if it is known.
    pub(crate) fn play(steps: VecDeque<Step>, length: Option<u64>, recorder: Recorder, control: Control) -> Self {
        Self {
            steps,
            recorder: Some(recorder),
            control,
            sleep: None,
            unflushed: false,
            length,
        }
    }

    fn record(&mut self, change: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = &mut self.recorder {
            change(recorder);
        }
    }

    fn send(&mut self, bytes: Bytes, generated: u64) -> Frame<Bytes> {
        self.unflushed = true;
        self.length = self.length.map(|length| length.saturating_sub(bytes.len() as u64));
        self.record(|recorder| recorder.generated(generated));
        // The ledger is written before the client can see the end, so whoever has seen the end finds the entry.
        if let Some(Step::End(outcome)) = self.steps.front().cloned() {
            self.record(|recorder| recorder.finish(outcome));
        }
        Frame::data(bytes)
    }

    fn cut(&mut self, how: CutHow) -> Ended {
        self.record(|recorder| recorder.finish(crate::ledger::Outcome::Cut));
        self.control.end(match how {
            CutHow::Fin => Ending::Close,
            CutHow::Rst => Ending::Reset,
        });
        Ended
    }
}

impl Body for Player {
    type Data = Bytes;
    type Error = Ended;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Ended>>> {
        loop {
            if self.unflushed {
                self.unflushed = false;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
                self.record(|recorder| recorder.stalling(false));
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Wait(time)) => self.sleep = Some(Box::pin(tokio::time::sleep(time))),
                Some(Step::Stall(hold)) => {
                    self.record(|recorder| recorder.stalling(true));
                    match hold {
                        Hold::For(time) => self.sleep = Some(Box::pin(tokio::time::sleep(time))),
                        Hold::Forever => {
                            // Nothing wakes this body again; the connection drops it when the client leaves.
                            self.steps.push_front(Step::Stall(hold));
                            return Poll::Pending;
                        }
                    }
                }
                Some(Step::Send { bytes, generated }) => return Poll::Ready(Some(Ok(self.send(bytes, generated)))),
                Some(Step::Cut(how)) => return Poll::Ready(Some(Err(self.cut(how)))),
                Some(Step::End(outcome)) => self.record(|recorder| recorder.finish(outcome)),
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
