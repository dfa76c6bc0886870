//! One viewer of a terminal: frames in, frames out.
//!
//! A viewer is never waited for. Output goes out while less than [`WINDOW`] of it is unacknowledged and the stream takes
//! it; a viewer that has fallen behind what is kept gets the screen anew, when it can take it.

use std::sync::Arc;
use std::time::Duration;

use bailey_api::agent::TerminalOpen;
use bailey_api::frame::TerminalFrame;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::session::{Session, State};
use super::{Activity, ring};
use crate::sandbox::Size;

/// The most output that is unacknowledged.
const WINDOW: u64 = ring::CAPACITY as u64;
/// The most output of one frame.
const PIECE: usize = 32 * 1024;
/// The largest frame that a viewer sends.
const MAX_INPUT: usize = 64 * 1024 + 16;
/// How many pieces of input wait for a program that does not read, and how long the next one waits for room before it is
/// dropped.
const QUEUED: usize = 64;
const UNREAD: Duration = Duration::from_secs(2);
/// How long a size must have stood before the screen is drawn anew: windows change in many small steps.
const SETTLED: Duration = Duration::from_millis(40);

/// A terminal that somebody is about to look on.
#[derive(Debug)]
pub struct Viewer {
    session: Arc<Session>,
    number: u64,
    open: TerminalOpen,
    activity: Activity,
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.session.leave(self.number);
    }
}

/// What a viewer has been sent.
#[derive(Debug)]
struct Sent {
    /// The number of the next byte.
    next: u64,
    /// Everything before this number was shown.
    acknowledged: u64,
    /// Which of the terminal's sizes it was drawn for.
    sizes: u64,
    /// The size has changed, and may again.
    is_settling: bool,
}

/// What comes next.
enum Step {
    Send(Vec<TerminalFrame>),
    Wait,
    WaitFor(Duration),
    End(i32),
}

impl Viewer {
    pub(super) fn new(session: Arc<Session>, open: TerminalOpen, activity: Activity) -> Self {
        let size = Size {
            columns: open.columns,
            rows: open.rows,
        };
        let number = session.join(size);
        Self {
            session,
            number,
            open,
            activity,
        }
    }

    /// Serves the viewer until it goes or the program has ended.
    ///
    /// # Errors
    /// Where the stream breaks, or what comes is no frame.
    pub async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let (mut from, mut to) = tokio::io::split(stream);
        let acknowledged = tokio::sync::watch::Sender::new(None);
        let output = async {
            let ended = self.send(&mut to, acknowledged.subscribe()).await;
            let _ = to.shutdown().await;
            ended
        };
        let (queue, mut queued) = mpsc::channel::<Vec<u8>>(QUEUED);
        let input = async {
            while let Some(bytes) = queued.recv().await {
                self.session.input(&bytes).await;
            }
            std::future::pending().await
        };
        tokio::select! {
            result = self.receive(&mut from, &acknowledged, queue) => result,
            result = output => result,
            never = input => never,
        }
    }

    async fn receive(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        acknowledged: &tokio::sync::watch::Sender<Option<u64>>,
        queue: mpsc::Sender<Vec<u8>>,
    ) -> std::io::Result<()> {
        let mut frame = Vec::new();
        let mut is_stuck = false;
        while read_frame(from, &mut frame).await? {
            let frame = TerminalFrame::decode(&frame).map_err(std::io::Error::other)?;
            match frame {
                TerminalFrame::Input(bytes) => {
                    let (bytes, by_person) = self.session.sift(&bytes);
                    if by_person {
                        self.activity.seen();
                    }
                    if !bytes.is_empty() {
                        is_stuck = !hand_on(&queue, bytes, is_stuck).await;
                    }
                }
                TerminalFrame::Resize { columns, rows } => self.session.resize(self.number, Size { columns, rows }),
                TerminalFrame::Acknowledge(number) => {
                    acknowledged.send_modify(|last| *last = (*last).max(Some(number)));
                }
                // What only a terminal says means nothing here.
                _ => {}
            }
        }
        Ok(())
    }

    async fn send(
        &self,
        to: &mut (impl AsyncWrite + Unpin),
        mut acknowledged: tokio::sync::watch::Receiver<Option<u64>>,
    ) -> std::io::Result<()> {
        let mut sent = Sent {
            next: 0,
            acknowledged: 0,
            sizes: 0,
            is_settling: false,
        };
        let mut is_first = true;
        let mut bytes = Vec::new();
        loop {
            let mut changed = std::pin::pin!(self.session.changed.notified());
            changed.as_mut().enable();
            if let Some(number) = *acknowledged.borrow_and_update() {
                sent.acknowledged = sent.acknowledged.max(number);
            }
            let step = if std::mem::take(&mut is_first) {
                self.first(&mut sent)
            } else {
                self.step(&mut sent)
            };
            match step {
                Step::Send(frames) => {
                    bytes.clear();
                    for frame in &frames {
                        append_frame(&mut bytes, frame);
                    }
                    to.write_all(&bytes).await?;
                    to.flush().await?;
                }
                Step::Wait => tokio::select! {
                    () = changed => {}
                    _ = acknowledged.changed() => {}
                },
                Step::WaitFor(duration) => tokio::time::sleep(duration).await,
                Step::End(status) => {
                    bytes.clear();
                    append_frame(&mut bytes, &TerminalFrame::Exited { status });
                    to.write_all(&bytes).await?;
                    return to.flush().await;
                }
            }
        }
    }

    /// The first frames: what the viewer has seen decides.
    fn first(&self, sent: &mut Sent) -> Step {
        let state = self.session.state();
        let has_seen = self
            .open
            .after
            .filter(|_| self.open.epoch == Some(self.session.epoch))
            // What it shows was drawn for the size that the terminal has.
            .filter(|after| state.resized_at.is_none_or(|at| *after > at))
            .filter(|after| state.ring.from(*after, 0).is_some());
        let Some(after) = has_seen else {
            return self.draw(&state, sent);
        };
        sent.next = after;
        sent.acknowledged = after;
        sent.sizes = state.sizes;
        let epoch = self.session.epoch;
        Step::Send(vec![size_frame(state.screen.size()), TerminalFrame::Resumed { epoch }])
    }

    fn step(&self, sent: &mut Sent) -> Step {
        let state = self.session.state();
        if sent.next.saturating_sub(sent.acknowledged) > WINDOW {
            return Step::Wait;
        }
        if sent.sizes != state.sizes {
            sent.sizes = state.sizes;
            sent.is_settling = true;
            return Step::WaitFor(SETTLED);
        }
        if sent.is_settling {
            return self.draw(&state, sent);
        }
        match state.ring.from(sent.next, PIECE) {
            None => self.draw(&state, sent),
            Some(data) if data.is_empty() => state.exit.map_or(Step::Wait, Step::End),
            Some(data) => {
                let at = sent.next;
                sent.next = at.saturating_add(data.len() as u64);
                Step::Send(vec![TerminalFrame::Output { at, data }])
            }
        }
    }

    fn draw(&self, state: &State, sent: &mut Sent) -> Step {
        let next = state.ring.next();
        // What was never sent needs no acknowledgement: after a screen a window's worth may follow at once.
        *sent = Sent {
            next,
            acknowledged: next,
            sizes: state.sizes,
            is_settling: false,
        };
        let epoch = self.session.epoch;
        let data = state.screen.redraw();
        Step::Send(vec![
            size_frame(state.screen.size()),
            TerminalFrame::Screen { epoch, next, data },
        ])
    }
}

/// Queues input for the program, and says whether it takes any. As a terminal does whose program does not read, it drops what
/// is too much: acknowledgements and sizes come on the same stream, and must not wait for the program.
async fn hand_on(queue: &mpsc::Sender<Vec<u8>>, bytes: Vec<u8>, is_stuck: bool) -> bool {
    let Err(mpsc::error::TrySendError::Full(bytes)) = queue.try_send(bytes) else {
        return true;
    };
    if is_stuck {
        return false;
    }
    let taken = tokio::time::timeout(UNREAD, queue.send(bytes)).await.is_ok();
    if !taken {
        tracing::debug!("a program does not read its terminal; input is dropped");
    }
    taken
}

fn size_frame(size: Size) -> TerminalFrame {
    TerminalFrame::Resize {
        columns: size.columns,
        rows: size.rows,
    }
}

/// Reads one frame; false = the stream has ended.
async fn read_frame(from: &mut (impl AsyncRead + Unpin), frame: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
        outcome => outcome?,
    };
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_INPUT {
        return Err(std::io::Error::other("a frame is too large"));
    }
    frame.clear();
    frame.resize(length, 0);
    from.read_exact(frame).await?;
    Ok(true)
}

fn append_frame(bytes: &mut Vec<u8>, frame: &TerminalFrame) {
    let frame = frame.encode();
    bytes.extend_from_slice(&u32::try_from(frame.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(&frame);
}
