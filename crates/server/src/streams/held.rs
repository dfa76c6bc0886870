//! Bodies that last no longer than whoever they are for may have them.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::audit::Entry;

/// How long a body may stand still.
const STILL: Duration = Duration::from_mins(1);

/// A body, until it ends, stands still for too long, or a visit is over.
pub(super) struct Held<B, G> {
    body: B,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    still: Pin<Box<Sleep>>,
    _guard: Option<G>,
    /// What is recorded of it; ended when the body is.
    entry: Option<Entry>,
}

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeldError {
    #[error("who asked may not have it any more")]
    Over,
    #[error("nothing moved for {} s", STILL.as_secs())]
    Still,
    #[error("it broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl<B, G> Held<B, G> {
    /// `guard` is kept for as long as the body is.
    pub(super) fn new(body: B, over: impl Future<Output = ()> + Send + 'static, guard: Option<G>) -> Self {
        Self {
            body,
            over: Box::pin(over),
            still: Box::pin(sleep(STILL)),
            _guard: guard,
            entry: None,
        }
    }

    /// The same, recorded in the audit log: what came of it is known at its end.
    pub(super) fn recorded(mut self, entry: Entry) -> Self {
        self.entry = Some(entry);
        self
    }

    fn fails(&mut self, error: HeldError) -> Poll<Option<Result<Frame<Bytes>, HeldError>>> {
        if let Some(entry) = self.entry.take() {
            entry.fail(error.to_string());
        }
        Poll::Ready(Some(Err(error)))
    }
}

impl<B, G> Body for Held<B, G>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
    G: Unpin,
{
    type Data = Bytes;
    type Error = HeldError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HeldError>>> {
        let this = self.get_mut();
        if this.over.as_mut().poll(cx).is_ready() {
            return this.fails(HeldError::Over);
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.still.as_mut().reset(Instant::now() + STILL);
                // Nobody asks again for what is known to be the end.
                if (frame.is_none() || this.body.is_end_stream())
                    && let Some(entry) = this.entry.take()
                {
                    entry.end();
                }
                match frame {
                    Some(Err(error)) => this.fails(HeldError::Broken(error.into())),
                    Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
                    None => Poll::Ready(None),
                }
            }
            Poll::Pending => match this.still.as_mut().poll(cx) {
                Poll::Ready(()) => this.fails(HeldError::Still),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
