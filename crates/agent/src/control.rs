//! The control stream: what the agent reports, and what the server tells it.

use std::sync::Arc;

use bailey_api::agent::{Committer, FromAgent, FromServer, Handed, LinkClass, Purpose};
use bailey_link::{Opener, Stream};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};

use crate::links::Links;
use crate::outbox::{Cursor, Outbox};
use crate::tasks::Tasks;

/// The most bytes of one line of the server's.
const LONGEST: u64 = 64 * 1024;

/// What the control stream and the rest of the agent share.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) outbox: Outbox,
    key: watch::Sender<Option<Handed>>,
    committer: watch::Sender<Option<Committer>>,
    welcomed: watch::Sender<bool>,
    last_word: watch::Sender<bool>,
    started_at: i64,
}

impl Control {
    pub(crate) fn new(started_at: i64) -> Self {
        Self {
            outbox: Outbox::default(),
            key: watch::Sender::new(None),
            committer: watch::Sender::new(None),
            welcomed: watch::Sender::new(false),
            last_word: watch::Sender::new(false),
            started_at,
        }
    }

    /// The workspace's key, where the server has given one.
    pub(crate) fn key(&self) -> Option<Handed> {
        self.key.borrow().clone()
    }

    /// Whose name commits are made under, where the server has said so.
    pub(crate) fn committer(&self) -> Option<Committer> {
        self.committer.borrow().clone()
    }

    /// Waits until a server has welcomed this agent, which is when there is a key.
    pub(crate) async fn welcomed(&self) {
        // The sender lives in `self`, so there is no other end than `true`.
        let _ = self.welcomed.subscribe().wait_for(|welcomed| *welcomed).await;
    }

    /// Waits until the server was told that it failed or ended.
    pub(crate) async fn said_last_word(&self) {
        let _ = self.last_word.subscribe().wait_for(|said| *said).await;
    }

    /// Keeps a control stream on each interactive connection. What the server asks for goes to `orders`.
    pub(crate) fn keep(self: &Arc<Self>, tasks: &Tasks, links: &Links, orders: mpsc::Sender<u64>) {
        let (control, mut link) = (Arc::clone(self), links.watch(LinkClass::Interactive));
        tasks.spawn(async move {
            loop {
                // One that has ended stays where it is until the keeper has noticed.
                let live = |opener: &Option<Opener>| opener.as_ref().is_some_and(|opener| !opener.is_closed());
                let Ok(opener) = link.wait_for(live).await.map(|opener| opener.clone()) else {
                    return;
                };
                let Some(opener) = opener else { continue };
                if let Err(error) = control.talk(&opener, &orders).await {
                    tracing::info!("the control stream ended: {error}");
                }
                // Another stream only on another connection, and not at once where the server closes the stream alone.
                tokio::select! {
                    () = opener.closed() => {}
                    () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
                }
            }
        });
    }

    async fn talk(&self, opener: &Opener, orders: &mpsc::Sender<u64>) -> std::io::Result<()> {
        let stream = bailey_link::request(opener, &Purpose::Control)
            .await
            .map_err(std::io::Error::other)?;
        let (reader, writer) = tokio::io::split(stream);
        tokio::select! {
            ended = self.listen(reader, orders) => ended,
            ended = self.report(writer) => ended,
        }
    }

    async fn listen(&self, reader: ReadHalf<Stream>, orders: &mpsc::Sender<u64>) -> std::io::Result<()> {
        let mut reader = BufReader::with_capacity(1024, reader);
        let mut line = Vec::new();
        loop {
            line.clear();
            (&mut reader).take(LONGEST).read_until(b'\n', &mut line).await?;
            if line.last() != Some(&b'\n') {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            match serde_json::from_slice(&line) {
                Ok(FromServer::Welcome { key, committer }) => {
                    self.committer.send_replace(committer);
                    if key.is_some() {
                        self.key.send_replace(key);
                    }
                    self.welcomed.send_replace(true);
                }
                Ok(FromServer::LogStored { number }) => self.outbox.stored(number),
                Ok(FromServer::Stop { grace }) => {
                    // One is enough; a second finds the first at work.
                    let _ = orders.try_send(grace);
                }
                // A newer server may say more. The line is not repeated: it may hold the key.
                Err(error) => tracing::warn!("a message of the server is not understood: line {}", error.line()),
            }
        }
    }

    async fn report(&self, mut writer: WriteHalf<Stream>) -> std::io::Result<()> {
        let ready = self.outbox.is_ready();
        let hello = FromAgent::Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            needs_key: self.key.borrow().is_none(),
            ready,
        };
        send(&mut writer, &hello).await?;
        writer.flush().await?;
        let mut cursor = Cursor::after_hello(ready);
        loop {
            while let Some(message) = self.outbox.next(&mut cursor) {
                send(&mut writer, &message).await?;
            }
            writer.flush().await?;
            if cursor.said_last_word() {
                self.last_word.send_replace(true);
            }
            self.outbox.filled().await;
        }
    }
}

async fn send(writer: &mut WriteHalf<Stream>, message: &FromAgent) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message).map_err(std::io::Error::other)?;
    line.push(b'\n');
    writer.write_all(&line).await
}
