//! One multiplexed connection.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::ends::Ends;
use crate::pipe::{Pipe, Transport};
use crate::stream::Stream;

/// How many streams each side may have open at a time.
pub const MAX_STREAMS: usize = 256;
/// How many of the other side's are held here at most. The other side may have let go of streams that are still read
/// here, so this is more than it may have open; those beyond are reset.
const MAX_INCOMING: usize = 2 * MAX_STREAMS;
/// What yamux is told. It ends the connection beyond, so our own limits, which do not, come first.
const MAX_TOTAL: usize = 2 * (MAX_STREAMS + MAX_INCOMING);
/// What the windows of busy streams may grow by, all together, on connections with long round trips.
const GROWTH: usize = 16 * 1024 * 1024;

/// A link, or a stream of it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// [`MAX_STREAMS`] are open.
    #[error("too many streams are open")]
    TooManyStreams,
    /// The connection has ended.
    #[error("the link is not connected")]
    Closed,
    /// The connection broke.
    #[error("the link broke: {0}")]
    Broken(#[source] io::Error),
}

/// Moves the bytes of a connection; to be run as a task. Ends when the connection does, or when every [`Opener`] is
/// gone. Dropping it ends the connection at once.
pub type Driver = Pin<Box<dyn Future<Output = Result<(), LinkError>> + Send>>;

/// One multiplexed connection, on either side.
#[must_use]
pub struct Connection {
    /// Opens streams. The connection is closed when all clones are gone.
    pub opener: Opener,
    /// The other side's streams.
    pub incoming: Incoming,
    /// To be run as a task.
    pub driver: Driver,
}

impl Connection {
    /// The side that dialled.
    pub fn client<T: Transport>(transport: T) -> Self {
        Self::new(transport, yamux::Mode::Client)
    }

    /// The side that was dialled.
    pub fn server<T: Transport>(transport: T) -> Self {
        Self::new(transport, yamux::Mode::Server)
    }

    fn new<T: Transport>(transport: T, mode: yamux::Mode) -> Self {
        let ends = Arc::new(Ends::default());
        let mut config = yamux::Config::default();
        config.set_max_connection_receive_window(None);
        config.set_max_num_streams(MAX_TOTAL);
        config.set_max_connection_receive_window(Some(MAX_TOTAL * yamux::DEFAULT_CREDIT as usize + GROWTH));
        let pipe = Pipe::new(transport, Arc::clone(&ends));
        let (ask, asked) = mpsc::channel(MAX_STREAMS);
        let (arrive, arrived) = mpsc::channel(MAX_INCOMING);
        let run = Run {
            yamux: yamux::Connection::new(pipe, config, mode),
            asked,
            waiting: None,
            arrive,
            places: Arc::new(Semaphore::new(MAX_INCOMING)),
            ends,
            closing: false,
        };
        Self {
            opener: Opener {
                ask,
                places: Arc::new(Semaphore::new(MAX_STREAMS)),
            },
            incoming: Incoming(arrived),
            driver: Box::pin(run.drive()),
        }
    }
}

type Answer = oneshot::Sender<Stream>;

/// Opens streams.
#[derive(Debug, Clone)]
pub struct Opener {
    ask: mpsc::Sender<(Answer, OwnedSemaphorePermit)>,
    places: Arc<Semaphore>,
}

impl Opener {
    /// Opens a stream. The other side hears of it with the first bytes that are written.
    ///
    /// # Errors
    /// Where too many are open, or the connection has ended.
    pub async fn open(&self) -> Result<Stream, LinkError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| LinkError::TooManyStreams)?;
        let (answer, stream) = oneshot::channel();
        self.ask.send((answer, place)).await.map_err(|_| LinkError::Closed)?;
        stream.await.map_err(|_| LinkError::Closed)
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.ask.is_closed()
    }

    /// Waits until the connection has ended.
    pub async fn closed(&self) {
        self.ask.closed().await;
    }
}

/// The streams that the other side opens.
#[derive(Debug)]
pub struct Incoming(mpsc::Receiver<Stream>);

impl Incoming {
    /// The next one; `None` = the connection has ended.
    pub async fn next(&mut self) -> Option<Stream> {
        self.0.recv().await
    }
}

struct Run<T> {
    yamux: yamux::Connection<Pipe<T>>,
    asked: mpsc::Receiver<(Answer, OwnedSemaphorePermit)>,
    waiting: Option<(Answer, OwnedSemaphorePermit)>,
    arrive: mpsc::Sender<Stream>,
    places: Arc<Semaphore>,
    ends: Arc<Ends>,
    closing: bool,
}

impl<T: Transport> Run<T> {
    async fn drive(mut self) -> Result<(), LinkError> {
        poll_fn(|cx| self.step(cx)).await.map_err(|error| match error {
            yamux::ConnectionError::Io(error) => LinkError::Broken(error),
            other => LinkError::Broken(io::Error::other(other)),
        })
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), yamux::ConnectionError>> {
        if !self.closing {
            self.open(cx)?;
        }
        if self.closing {
            return self.yamux.poll_close(cx);
        }
        loop {
            match self.yamux.poll_next_inbound(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(stream)) => self.arrived(stream?),
            }
        }
    }

    /// Opens what was asked for.
    fn open(&mut self, cx: &mut Context<'_>) -> Result<(), yamux::ConnectionError> {
        loop {
            if self.waiting.is_none() {
                match self.asked.poll_recv(cx) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(None) => {
                        self.closing = true;
                        return Ok(());
                    }
                    Poll::Ready(Some(asked)) => self.waiting = Some(asked),
                }
            }
            match self.yamux.poll_new_outbound(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(stream) => {
                    let stream = stream?;
                    if let Some((answer, place)) = self.waiting.take() {
                        // Whoever asked may have gone: the stream is dropped and nothing of it was sent.
                        let _ = answer.send(Stream::new(stream, Arc::clone(&self.ends), place));
                    }
                }
            }
        }
    }

    /// Hands a stream of the other side on, or resets it where there are too many.
    fn arrived(&self, stream: yamux::Stream) {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => {
                let _ = self.arrive.try_send(Stream::new(stream, Arc::clone(&self.ends), place));
            }
            Err(_) => self.ends.dropped(stream.id().val()),
        }
    }
}
