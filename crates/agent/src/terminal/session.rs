//! One terminal: its PTY, its screen, and what its viewers have in common.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::replies::Waiting;
use super::ring::Ring;
use super::screen::{Screen, bounded};
use crate::sandbox::Size;

/// How much is read at once. The kernel's own buffer is not larger.
const READ: usize = 16 * 1024;
/// How much of one terminal is read within one [`PERIOD`]; more waits for the next. A program that prints without end
/// gets no more than its share of the agent.
const PERIOD_BYTES: usize = 256 * 1024;
const PERIOD: Duration = Duration::from_millis(10);
/// How long one terminal's output is worked on within one [`PERIOD`]: few bytes can mean much work.
const PERIOD_WORK: Duration = Duration::from_millis(5);
/// How many cells of the screen are touched before others come: a fraction of a millisecond.
const SLICE: usize = 32 * 1024;
/// How long it takes until a terminal is looked at again that no process has open.
const CLOSED: Duration = Duration::from_millis(50);
/// How long output is waited for after the program has ended, while something else still has the terminal open, and how
/// long it is read at most.
const DRAIN: Duration = Duration::from_millis(100);
const DRAIN_AT_MOST: Duration = Duration::from_secs(2);

/// What the parts of a terminal share.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) epoch: u64,
    state: Mutex<State>,
    /// Waited on by viewers, each with a place of its own.
    pub(super) changed: Notify,
    master: AsyncFd<OwnedFd>,
    /// Input of several viewers does not mix within a piece.
    writing: tokio::sync::Mutex<()>,
}

/// What changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) screen: Screen,
    pub(super) ring: Ring,
    pub(super) exit: Option<i32>,
    pub(super) active_at: Instant,
    /// Counts up at each change of the size: what a viewer shows does not fit any more.
    pub(super) sizes: u64,
    /// The number of the next byte at the last change.
    pub(super) resized_at: Option<u64>,
    viewers: Vec<(u64, Size)>,
    next_viewer: u64,
    waiting: Waiting,
}

/// What one terminal has had of the agent's time.
#[derive(Debug)]
struct Share {
    since: Instant,
    bytes: usize,
    work: Duration,
}

impl Share {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            bytes: 0,
            work: Duration::ZERO,
        }
    }

    fn note(&mut self, bytes: usize, work: Duration) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.work = self.work.saturating_add(work);
    }

    /// Lets others come, and where the share is used up waits for the next period.
    async fn rest(&mut self) {
        let over = self.since.elapsed();
        if self.bytes >= PERIOD_BYTES || self.work >= PERIOD_WORK {
            // What took longer than its share is paid for.
            let due = PERIOD.max(self.work.saturating_mul(2));
            tokio::time::sleep(due.saturating_sub(over)).await;
            *self = Self::new();
        } else if over >= PERIOD {
            *self = Self::new();
        }
        tokio::task::yield_now().await;
    }
}

impl Session {
    /// Takes over a terminal's master side.
    #[expect(
        deprecated,
        reason = "`register` is unsafe for types that change or close their descriptor; `OwnedFd` does neither"
    )]
    pub(super) fn new(master: OwnedFd, epoch: u64, size: Size) -> std::io::Result<Arc<Self>> {
        rustix::io::ioctl_fionbio(&master, true)?;
        let state = State {
            screen: Screen::new(size),
            ring: Ring::default(),
            exit: None,
            active_at: Instant::now(),
            sizes: 0,
            resized_at: None,
            viewers: Vec::new(),
            next_viewer: 0,
            waiting: Waiting::default(),
        };
        Ok(Arc::new(Self {
            epoch,
            state: Mutex::new(state),
            changed: Notify::new(),
            master: AsyncFd::new(master)?,
            writing: tokio::sync::Mutex::new(()),
        }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with it left a screen that is wrong at worst.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the terminal until its program has ended and its output is read, then says so to the viewers.
    pub(super) async fn run(&self, exit: impl Future<Output = i32>) {
        let mut exit = std::pin::pin!(exit);
        let mut status = None;
        let mut buffer = vec![0; READ];
        let mut share = Share::new();
        loop {
            let read = self.read(&mut buffer);
            let outcome = match status {
                None => tokio::select! {
                    biased;
                    ended = &mut exit => {
                        status = Some((ended, Instant::now()));
                        continue;
                    }
                    outcome = read => outcome,
                },
                Some((_, since)) if since.elapsed() > DRAIN_AT_MOST => break,
                Some(_) => tokio::time::timeout(DRAIN, read).await.unwrap_or(Ok(0)),
            };
            match outcome {
                Ok(length @ 1..) => self.take(buffer.get(..length).unwrap_or_default(), &mut share).await,
                // No process has it open, but the program lives and may open it again.
                _ if status.is_none() => tokio::time::sleep(CLOSED).await,
                _ => break,
            }
        }
        let status = match status {
            Some((status, _)) => status,
            None => exit.await,
        };
        self.state().exit = Some(status);
        self.changed.notify_waiters();
    }

    async fn read(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let mut ready = self.master.readable().await?;
            match ready.try_io(|master| Ok(rustix::io::read(master, &mut *buffer)?)) {
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(outcome) => return outcome,
                Err(_would_block) => {}
            }
        }
    }

    /// Shows output to the screen and the viewers, in pieces between which others come.
    async fn take(&self, bytes: &[u8], share: &mut Share) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let start = Instant::now();
            let (taken, answers) = self.take_some(rest);
            share.note(taken, start.elapsed());
            rest = rest.get(taken..).unwrap_or_default();
            self.changed.notify_waiters();
            if !answers.is_empty() {
                // A program that asks without end and reads no answer is not waited for.
                let _ = tokio::time::timeout(PERIOD, self.write(&answers)).await;
            }
            share.rest().await;
        }
    }

    /// Shows the first of the output: how many bytes, and what the program is to be answered.
    fn take_some(&self, bytes: &[u8]) -> (usize, Vec<u8>) {
        let mut state = self.state();
        let size = state.screen.size();
        let screen = &mut state.screen;
        // What a program prints cannot end the agent, whatever it finds.
        let taken = catch_unwind(AssertUnwindSafe(|| screen.feed_some(bytes, SLICE))).unwrap_or_else(|_| {
            tracing::error!("the screen of a terminal was lost to a bug");
            state.screen = Screen::new(size);
            bytes.len()
        });
        // No more than what the screen shows: a viewer that comes now gets the screen, and then what follows.
        state.ring.push(bytes.get(..taken).unwrap_or(bytes));
        state.active_at = Instant::now();
        (taken.max(1), state.questions())
    }

    async fn write(&self, mut bytes: &[u8]) -> std::io::Result<()> {
        let _turn = self.writing.lock().await;
        while !bytes.is_empty() {
            let mut ready = self.master.writable().await?;
            match ready.try_io(|master| Ok(rustix::io::write(master, bytes)?)) {
                Ok(Ok(count)) => bytes = bytes.get(count..).unwrap_or_default(),
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
        Ok(())
    }

    /// What of a viewer's input is for the program, and whether a person did something.
    pub(super) fn sift(&self, bytes: &[u8]) -> (Vec<u8>, bool) {
        self.state().waiting.filter(bytes, Instant::now())
    }

    /// Passes input on, however long the program does not read. One that has ended takes none.
    pub(super) async fn input(&self, bytes: &[u8]) {
        let _ = self.write(bytes).await;
    }

    /// A viewer comes: its number.
    pub(super) fn join(&self, size: Size) -> u64 {
        let mut state = self.state();
        let viewer = state.next_viewer;
        state.next_viewer = viewer.wrapping_add(1);
        state.viewers.push((viewer, bounded(size)));
        self.fit(&mut state);
        viewer
    }

    /// A viewer's window has another size.
    pub(super) fn resize(&self, viewer: u64, size: Size) {
        let mut state = self.state();
        if let Some(place) = state.viewers.iter_mut().find(|(number, _)| *number == viewer) {
            place.1 = bounded(size);
        }
        self.fit(&mut state);
    }

    /// A viewer goes.
    pub(super) fn leave(&self, viewer: u64) {
        let mut state = self.state();
        state.viewers.retain(|(number, _)| *number != viewer);
        self.fit(&mut state);
    }

    /// Brings the terminal to the smallest of its viewers' sizes, so that each shows all of it. Without any it stays.
    fn fit(&self, state: &mut State) {
        let sizes = state.viewers.iter().map(|(_, size)| *size);
        let smallest = sizes.reduce(|a, b| Size {
            columns: a.columns.min(b.columns),
            rows: a.rows.min(b.rows),
        });
        let Some(size) = smallest.filter(|size| *size != state.screen.size()) else {
            return;
        };
        state.screen.resize(size);
        state.sizes = state.sizes.wrapping_add(1);
        state.resized_at = Some(state.ring.next());
        // The kernel tells the programs. It fails where they have ended.
        let _ = set_size(&self.master, size);
        self.changed.notify_waiters();
    }
}

fn set_size(master: &AsyncFd<OwnedFd>, size: Size) -> Result<(), Errno> {
    let size = Winsize {
        ws_col: size.columns,
        ws_row: size.rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(master.get_ref(), size)
}

impl State {
    /// How many look on.
    pub(super) fn viewers(&self) -> usize {
        self.viewers.len()
    }

    /// Notes new questions for the viewers' terminals to answer; where nobody looks on, answers what can be.
    fn questions(&mut self) -> Vec<u8> {
        let mut answers = Vec::new();
        for question in self.screen.take_questions() {
            if self.viewers.is_empty() {
                answers.extend(self.screen.answer(question).unwrap_or_default());
            } else {
                self.waiting.ask(question, Instant::now());
            }
        }
        answers
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.screen.memory().saturating_add(self.ring.memory())
    }
}
