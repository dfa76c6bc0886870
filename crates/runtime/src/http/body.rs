//! Bodies that are sent as they are read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// A body that comes through a channel; or none.
#[derive(Debug)]
pub struct StreamBody(Option<mpsc::Receiver<io::Result<Bytes>>>);

/// A body and where its pieces are put, of which `waiting` may wait. It ends when the sender is dropped.
pub fn channel(waiting: usize) -> (mpsc::Sender<io::Result<Bytes>>, StreamBody) {
    let (sender, receiver) = mpsc::channel(waiting);
    (sender, StreamBody(Some(receiver)))
}

impl StreamBody {
    /// No body.
    pub const fn empty() -> Self {
        Self(None)
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut self.0 {
            Some(receiver) => receiver
                .poll_recv(cx)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.0.is_none() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}
