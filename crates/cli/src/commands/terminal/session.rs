//! What is shown of a terminal, and how it goes on after a connection was lost.

use std::pin::pin;
use std::time::{Duration, Instant};

use bailey_api::frame::{MAX_PAYLOAD, TerminalFrame};
use bailey_runtime::http::{Arrived, Reader, Writer};
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

use super::keys::Keys;
use super::tty::{self, Event, Events, Raw, Size};
use crate::failure::Failure;

/// Output that is shown before the terminal is told so.
const ACKNOWLEDGED: u64 = 16 * 1024;
/// Frames that wait for the connection. Beyond, keys wait.
const WAITING: usize = 64;
/// Room that is kept for frames that are no keys.
const SPARE: usize = 8;
/// What is typed while there is no connection.
const TYPED: usize = 64 * 1024;
/// How often the server is asked whether it is there, and how long it may be silent.
const PING: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(15);
/// After how long without a connection that is said.
const NOTICE: Duration = Duration::from_secs(3);
const NOTICE_TEXT: &[u8] =
    b"\x1b7\x1b[1;1H\x1b[0;7m the connection is lost; connecting again (Enter ~ . leaves) \x1b[0m\x1b8";

/// Why a terminal is not shown any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Its program has ended.
    Exited(i32),
    /// The person has left it.
    Left,
    /// This process was told to end.
    Signal(u8),
    /// The connection is lost.
    Lost,
}

/// What is shown.
pub(super) struct Session {
    size: Size,
    keys: Keys,
    /// The terminal that is shown.
    epoch: Option<u64>,
    /// The number of the first byte that was not shown.
    next: u64,
    told: u64,
    /// Something of ours stands on the screen: the whole of it is wanted anew.
    is_spoilt: bool,
    /// What was typed without a connection.
    typed: Vec<u8>,
}

impl Session {
    /// Nothing is shown yet.
    pub(super) const fn new(size: Size) -> Self {
        Self {
            size,
            keys: Keys::new(),
            epoch: None,
            next: 0,
            told: 0,
            is_spoilt: false,
            typed: Vec::new(),
        }
    }

    /// What is asked for, as a query.
    pub(super) fn query(&self, name: &str) -> String {
        let name = crate::client::segment(name);
        let Size { columns, rows } = self.size;
        let query = format!("name={name}&columns={columns}&rows={rows}");
        match self.epoch.filter(|_| !self.is_spoilt) {
            Some(epoch) => format!("{query}&epoch={epoch}&after={}", self.next),
            None => query,
        }
    }

    /// Shows the terminal over one connection.
    pub(super) async fn show(
        &mut self,
        events: &mut Events,
        raw: &Raw<'_>,
        (mut reader, writer): (Reader, Writer),
    ) -> Result<Over, Failure> {
        let (queue, queued) = mpsc::channel(WAITING);
        let typed = std::mem::take(&mut self.typed);
        send_keys(&queue, &typed);
        let mut sender = pin!(send(writer, queued));
        loop {
            let keys = queue.capacity() > SPARE;
            tokio::select! {
                arrived = timeout(SILENCE, reader.next()) => match arrived {
                    Ok(Ok(Arrived::Binary(bytes))) => {
                        if let Some(over) = self.frame(&TerminalFrame::decode(&bytes)?, &queue)? {
                            return Ok(over);
                        }
                    }
                    Ok(Ok(Arrived::Alive)) => {}
                    Ok(Ok(Arrived::Closed(_)) | Err(_)) | Err(_) => return Ok(Over::Lost),
                },
                event = events.next(keys) => match event {
                    Event::Typed(typed) => match self.keys.feed(&typed) {
                        Some(typed) => send_keys(&queue, &typed),
                        None => return Ok(Over::Left),
                    },
                    Event::Resized => {
                        self.size = tty::size();
                        let Size { columns, rows } = self.size;
                        let _ = queue.try_send(TerminalFrame::Resize { columns, rows });
                    }
                    Event::Suspend => {
                        self.suspend(raw)?;
                        return Ok(Over::Lost);
                    }
                    Event::End(number) => return Ok(Over::Signal(number)),
                },
                // The reader notices that the connection is lost.
                () = &mut sender => return Ok(Over::Lost),
            }
        }
    }

    fn suspend(&mut self, raw: &Raw<'_>) -> Result<(), Failure> {
        self.is_spoilt = true;
        raw.suspend()?;
        self.size = tty::size();
        Ok(())
    }

    fn frame(&mut self, frame: &TerminalFrame, queue: &mpsc::Sender<TerminalFrame>) -> Result<Option<Over>, Failure> {
        match frame {
            TerminalFrame::Output { at, data } => {
                let until = at.saturating_add(data.len() as u64);
                let known = usize::try_from(self.next.saturating_sub(*at)).unwrap_or(usize::MAX);
                if let Some(news) = data.get(known..) {
                    tty::write(news)?;
                    self.next = until;
                }
                if self.next.saturating_sub(self.told) >= ACKNOWLEDGED
                    && queue.try_send(TerminalFrame::Acknowledge(self.next)).is_ok()
                {
                    self.told = self.next;
                }
            }
            TerminalFrame::Screen { epoch, next, data } => {
                tty::write(&self.before_screen())?;
                tty::write(data)?;
                (self.epoch, self.next, self.told) = (Some(*epoch), *next, *next);
                self.is_spoilt = false;
            }
            TerminalFrame::Exited { status } => return Ok(Some(Over::Exited(*status))),
            _ => {}
        }
        Ok(None)
    }

    /// What stood on the screen before the first one is moved out of its way; what stood there since is shown anew, and so
    /// are the lines above it.
    fn before_screen(&self) -> Vec<u8> {
        if self.epoch.is_some() {
            return b"\x1b[3J".to_vec();
        }
        let mut bytes = b"\x1b[999;1H".to_vec();
        bytes.resize(bytes.len().saturating_add(usize::from(self.size.rows)), b'\n');
        bytes
    }

    /// Waits before another try to connect.
    pub(super) async fn wait(
        &mut self,
        events: &mut Events,
        raw: &Raw<'_>,
        began: Instant,
        pause: Duration,
    ) -> Result<Option<Over>, Failure> {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(over) = timeout(left, self.idle(events, raw, began)).await else {
                return Ok(None);
            };
            if let Some(over) = over? {
                return Ok(Some(over));
            }
        }
    }

    /// Looks after the terminal while there is no connection, until something happens that matters now.
    pub(super) async fn idle(
        &mut self,
        events: &mut Events,
        raw: &Raw<'_>,
        began: Instant,
    ) -> Result<Option<Over>, Failure> {
        loop {
            let silent = NOTICE.saturating_sub(began.elapsed());
            let event = tokio::select! {
                event = events.next(self.typed.len() < TYPED) => event,
                () = tokio::time::sleep(silent), if !self.is_spoilt => {
                    self.is_spoilt = true;
                    tty::write(NOTICE_TEXT)?;
                    return Ok(None);
                }
            };
            match event {
                Event::Typed(typed) => match self.keys.feed(&typed) {
                    Some(typed) => self.typed.extend(typed),
                    None => return Ok(Some(Over::Left)),
                },
                Event::Resized => self.size = tty::size(),
                Event::Suspend => {
                    self.suspend(raw)?;
                    return Ok(None);
                }
                Event::End(number) => return Ok(Some(Over::Signal(number))),
            }
        }
    }
}

fn send_keys(queue: &mpsc::Sender<TerminalFrame>, typed: &[u8]) {
    for part in typed.chunks(MAX_PAYLOAD) {
        // There is room: keys are taken only where there is.
        let _ = queue.try_send(TerminalFrame::Input(part.to_vec()));
    }
}

/// Sends what waits, and signs of life, until the connection breaks.
async fn send(mut writer: Writer, mut queued: mpsc::Receiver<TerminalFrame>) {
    let mut pings = interval(PING);
    loop {
        let sent = tokio::select! {
            frame = queued.recv() => match frame {
                Some(frame) => writer.send(frame.encode()).await,
                None => return,
            },
            _ = pings.tick() => writer.ping().await,
        };
        if sent.is_err() {
            return;
        }
    }
}
