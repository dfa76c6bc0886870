//! One byte stream of a connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::io::{AsyncRead as _, AsyncWrite as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use crate::reset::Resets;

/// A byte stream of a link. Its two directions end independently; dropping it before the other side's end was read resets
/// it. Whoever opened it writes first: the other side hears of it with the first bytes.
#[derive(Debug)]
pub struct Stream {
    inner: yamux::Stream,
    shared: Arc<Shared>,
    /// Bytes that were read with the purpose line and belong behind it.
    head: Bytes,
    closed: bool,
    at_end: bool,
    _place: OwnedSemaphorePermit,
}

/// What the streams of a connection share with its driver.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) resets: Arc<Resets>,
    /// The connection has ended, so that an end of a stream may be none.
    pub(crate) over: AtomicBool,
}

impl Stream {
    pub(crate) const fn new(inner: yamux::Stream, shared: Arc<Shared>, place: OwnedSemaphorePermit) -> Self {
        Self {
            inner,
            shared,
            head: Bytes::new(),
            closed: false,
            at_end: false,
            _place: place,
        }
    }

    /// Puts bytes back, to be read before everything else.
    pub(crate) fn unread(&mut self, bytes: Bytes) {
        self.head = bytes;
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.head.is_empty() {
            let count = this.head.len().min(buffer.remaining());
            buffer.put_slice(this.head.get(..count).unwrap_or_default());
            this.head.advance(count);
            return Poll::Ready(Ok(()));
        }
        if this.at_end || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let count = ready!(Pin::new(&mut this.inner).poll_read(cx, buffer.initialize_unfilled()))?;
        buffer.advance(count);
        if count == 0 {
            // yamux reports a reset as an end. It is one only where the other direction could still be open.
            if this.shared.over.load(Ordering::Acquire) || (!this.closed && this.inner.is_closed()) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            this.at_end = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Pin::new(&mut self.get_mut().inner)
            .poll_write(cx, bytes)
            .map_err(broken)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closed {
            return Poll::Ready(Ok(()));
        }
        // Noted before it is asked for: the end may go out at once, on another thread.
        this.shared.resets.closed(this.inner.id().val());
        ready!(Pin::new(&mut this.inner).poll_close(cx)).map_err(broken)?;
        this.closed = true;
        Poll::Ready(Ok(()))
    }
}

fn broken(_: io::Error) -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.closed {
            self.shared.resets.dropped(self.inner.id().val(), !self.at_end);
        }
    }
}
