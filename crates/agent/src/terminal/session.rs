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
        let (mut period, mut in_period) = (Instant::now(), 0_usize);
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
            let Ok(length @ 1..) = outcome else { break };
            self.take(buffer.get(..length).unwrap_or_default()).await;
            in_period = in_period.saturating_add(length);
            let now = Instant::now();
            if now.saturating_duration_since(period) >= PERIOD {
                (period, in_period) = (now, length);
            } else if in_period >= PERIOD_BYTES {
                tokio::time::sleep(PERIOD.saturating_sub(now.saturating_duration_since(period))).await;
                (period, in_period) = (Instant::now(), 0);
            }
            // Other terminals come between any two pieces.
            tokio::task::yield_now().await;
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

    /// Shows output to the screen and the viewers.
    async fn take(&self, bytes: &[u8]) {
        let answers = {
            let mut state = self.state();
            state.ring.push(bytes);
            let size = state.screen.size();
            let screen = &mut state.screen;
            // What a program prints cannot end the agent, whatever it finds.
            if catch_unwind(AssertUnwindSafe(|| screen.feed(bytes))).is_err() {
                tracing::error!("the screen of a terminal was lost to a bug");
                state.screen = Screen::new(size);
            }
            state.active_at = Instant::now();
            state.questions()
        };
        self.changed.notify_waiters();
        if !answers.is_empty() {
            // A program that asks without end and reads no answer is not waited for.
            let _ = tokio::time::timeout(PERIOD, self.write(&answers)).await;
        }
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

    /// Passes a viewer's input on; says whether a person did something. A program that has ended takes none.
    pub(super) async fn input(&self, bytes: &[u8]) -> bool {
        let (bytes, by_person) = self.state().waiting.filter(bytes, Instant::now());
        if !bytes.is_empty() {
            let _ = self.write(&bytes).await;
        }
        by_person
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
