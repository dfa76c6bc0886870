//! Messages as a pipe of bytes, with a heartbeat.
//!
//! Each side sends an empty message when it has sent nothing for a while, and takes the other for dead when it has heard
//! nothing for longer. Nothing has to answer, so a busy connection pays nothing for it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::io::{AsyncRead, AsyncWrite};
use futures_util::{Sink, Stream};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::ends::{Ends, Frames};

/// The most bytes of one message. A larger one ends the connection.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// What is gathered while a message waits for room.
const GATHER: usize = 64 * 1024;
/// After this long without anything to send, an empty message is sent.
const BEAT: Duration = Duration::from_secs(6);
/// After this long without a message, the other side is dead.
const DEAD: Duration = Duration::from_secs(18);

/// Binary messages in both directions, as a WebSocket has them.
pub trait Transport: Sink<Bytes> + Stream<Item = Result<Bytes, Self::Lost>> + Send + Unpin + 'static {
    /// Why no message arrives any more.
    type Lost: std::error::Error + Send + Sync + 'static;
}

impl<T, E> Transport for T
where
    T: Sink<Bytes> + Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    type Lost = E;
}

/// A transport as a pipe of bytes.
pub(crate) struct Pipe<T> {
    transport: T,
    ends: Arc<Ends>,
    unread: Bytes,
    unsent: BytesMut,
    incoming: Frames,
    outgoing: Frames,
    heard: Instant,
    sent: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<T: Transport> Pipe<T> {
    pub(crate) fn new(transport: T, ends: Arc<Ends>) -> Self {
        let now = Instant::now();
        Self {
            transport,
            ends,
            unread: Bytes::new(),
            unsent: BytesMut::new(),
            incoming: Frames::default(),
            outgoing: Frames::default(),
            heard: now,
            sent: now,
            timer: Box::pin(sleep_until(now + BEAT)),
        }
    }

    /// Beats and listens for the other side's beat. Called whenever the connection looks at the pipe, so that the
    /// timer's wake-up always reaches the driver.
    fn tick(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if now.duration_since(self.heard) >= DEAD {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "nothing was heard from the other side",
                ));
            }
            if now.duration_since(self.sent) >= BEAT && self.unsent.is_empty() {
                if let Poll::Ready(sent) = self.send(cx) {
                    sent?;
                    let _ = Pin::new(&mut self.transport).poll_flush(cx).map_err(lost_sending)?;
                }
                // Where there is no room the other side has enough to hear already.
                self.sent = now;
            }
            let next = (self.sent + BEAT)
                .min(self.heard + DEAD)
                .max(now + Duration::from_millis(1));
            self.timer.as_mut().reset(next);
        }
        Ok(())
    }

    /// Hands what is gathered to the transport, as one message.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.transport).poll_ready(cx)).map_err(|_| gone())?;
        let message = self.unsent.split().freeze();
        Pin::new(&mut self.transport).start_send(message).map_err(|_| gone())?;
        self.sent = Instant::now();
        Poll::Ready(Ok(()))
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the connection is lost")
}

fn lost_sending<E>(_: E) -> io::Error {
    gone()
}

impl<T: Transport> AsyncRead for Pipe<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.tick(cx)?;
        while this.unread.is_empty() {
            match ready!(Pin::new(&mut this.transport).poll_next(cx)) {
                Some(Ok(message)) if message.len() > MAX_MESSAGE => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "a message is too large",
                    )));
                }
                Some(Ok(message)) => {
                    this.heard = Instant::now();
                    this.unread = message;
                }
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(0)),
            }
        }
        let count = this.unread.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), this.unread.get(..count)) {
            to.copy_from_slice(from);
            this.incoming.receive(from, &this.ends);
        }
        this.unread.advance(count);
        Poll::Ready(Ok(count))
    }
}

impl<T: Transport> AsyncWrite for Pipe<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.tick(cx)?;
        if this.unsent.len() >= GATHER {
            ready!(this.send(cx))?;
        }
        this.outgoing.send(bytes, &this.ends);
        this.unsent.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.tick(cx)?;
        let resets = this.outgoing.resets(&this.ends, cx.waker());
        this.unsent.extend_from_slice(&resets);
        if !this.unsent.is_empty() {
            ready!(this.send(cx))?;
        }
        Pin::new(&mut this.transport).poll_flush(cx).map_err(lost_sending)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.get_mut().transport)
            .poll_close(cx)
            .map_err(lost_sending)
    }
}
