//! One byte stream of a connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::io::{AsyncRead as _, AsyncWrite as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use crate::ends::Ends;

/// A byte stream of a link. Its two directions end independently; dropping it before the other side's end was read resets
/// it. Whoever opened it writes first: the other side hears of it with the first bytes.
#[derive(Debug)]
pub struct Stream {
    inner: yamux::Stream,
    ends: Arc<Ends>,
    /// Bytes that were read with the purpose line and belong behind it.
    head: Bytes,
    closed: bool,
    at_end: bool,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    pub(crate) fn new(inner: yamux::Stream, ends: Arc<Ends>, place: OwnedSemaphorePermit) -> Self {
        ends.opened(inner.id().val());
        Self {
            inner,
            ends,
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
            // yamux reports a reset, and the loss of the connection, as an end.
            if !this.ends.read_whole(this.inner.id().val()) {
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
        this.ends.closed(this.inner.id().val());
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
        self.ends.dropped(self.inner.id().val());
    }
}
