//! Terminals: programs on a PTY that run whether or not somebody looks on.
//!
//! A terminal has a name and is made when it is first opened; it ends with its program. All its output is numbered. A
//! viewer that has seen everything up to a number that is still kept gets exactly what follows; any other gets the screen
//! drawn, and then what follows.
//!
//! Several viewers share one terminal. It has the smallest of their sizes, so that each shows all of it, and tells them that
//! size. Where the program asks its terminal something, the first viewer's answer counts (see `replies`).

mod parser;
mod replies;
mod ring;
pub mod screen;
mod session;
#[cfg(test)]
mod tests;
mod viewer;

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bailey_api::agent::TerminalOpen;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};

use self::session::Session;
pub use self::viewer::Viewer;
use crate::sandbox::Size;

/// The most terminals at once.
pub const MAX_TERMINALS: usize = 32;
/// The most viewers of one terminal.
pub const MAX_VIEWERS: usize = 32;
/// How long a terminal that has ended is kept for a viewer that was away, and how many are.
const AFTERLIFE: Duration = Duration::from_mins(1);
const MAX_ENDED: usize = 8;

/// A future that can be given away.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A program on a terminal.
pub struct Program {
    /// The terminal's master side.
    pub master: OwnedFd,
    /// Its exit status, or 128 and the signal's number.
    pub exit: Later<i32>,
}

/// What terminals need from outside.
#[derive(Clone)]
pub struct Hooks {
    /// Starts the user's shell on a terminal of this size.
    pub start: Arc<dyn Fn(Size) -> Later<Result<Program, String>> + Send + Sync>,
    /// Runs a task until it ends.
    pub spawn: Arc<dyn Fn(Later<()>) + Send + Sync>,
    /// Somebody types. Called at most once in [`ACTIVITY_EVERY`] and terminal.
    pub activity: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

/// How often activity is told.
pub const ACTIVITY_EVERY: Duration = Duration::from_secs(1);

/// A terminal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The name is none.
    #[error("a terminal's name is 1 to 64 letters, digits, `-` and `_`")]
    Name,
    /// There are too many.
    #[error("there are {MAX_TERMINALS} terminals already")]
    TooMany,
    /// Too many look on.
    #[error("{MAX_VIEWERS} look on already")]
    TooManyViewers,
    /// Its program does not start.
    #[error("cannot start a shell: {0}")]
    Start(String),
    /// The descriptor is of no use.
    #[error("cannot use the terminal: {0}")]
    Terminal(#[from] std::io::Error),
}

/// One terminal, as `GET /terminals` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its epoch.
    pub epoch: u64,
    /// Its title.
    pub title: String,
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
    /// How many look on.
    pub viewers: usize,
    /// Whether its program runs.
    pub alive: bool,
    /// Seconds since there was input or output.
    pub idle_seconds: u64,
    /// About how much memory it takes, in bytes.
    pub memory: usize,
}

/// Tells of activity, not too often.
#[derive(Debug, Clone)]
struct Activity {
    hooks: Hooks,
    last: Arc<Mutex<Option<Instant>>>,
}

impl Activity {
    fn seen(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= ACTIVITY_EVERY) {
            *last = Some(Instant::now());
            drop(last);
            (self.hooks.activity)();
        }
    }
}

#[derive(Debug, Default)]
struct Table {
    /// Those that run, by name.
    running: BTreeMap<String, Arc<Session>>,
    /// Those that have ended, the oldest first.
    ended: Vec<(String, Arc<Session>, Instant)>,
}

/// All terminals of a workspace. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Terminals {
    hooks: Hooks,
    table: Arc<Mutex<Table>>,
    /// One is opened at a time, so that a name is started once.
    opening: Arc<tokio::sync::Mutex<()>>,
    activity: Activity,
}

impl Terminals {
    /// None yet.
    pub fn new(hooks: Hooks) -> Self {
        let activity = Activity {
            hooks: hooks.clone(),
            last: Arc::default(),
        };
        Self {
            hooks,
            table: Arc::default(),
            opening: Arc::default(),
            activity,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.ended.retain(|(_, _, at)| at.elapsed() < AFTERLIFE);
        table
    }

    /// Opens a terminal for a viewer, and makes it if it is not there. A viewer that was away while it ended gets the rest
    /// of its output.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(&self, open: TerminalOpen) -> Result<Viewer, OpenError> {
        if !is_name(&open.name) {
            return Err(OpenError::Name);
        }
        let _turn = self.opening.lock().await;
        let session = match self.find(&open)? {
            Some(session) => session,
            None => self.start(&open).await?,
        };
        if session.state().viewers() >= MAX_VIEWERS {
            return Err(OpenError::TooManyViewers);
        }
        Ok(Viewer::new(session, open, self.activity.clone()))
    }

    /// Opens a terminal and serves the viewer; frames follow their length (four bytes, big-endian).
    ///
    /// # Errors
    /// Where it cannot be opened, or the stream breaks.
    pub async fn serve(&self, open: TerminalOpen, stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let viewer = self.open(open).await.map_err(std::io::Error::other)?;
        viewer.serve(stream).await
    }

    fn find(&self, open: &TerminalOpen) -> Result<Option<Arc<Session>>, OpenError> {
        let table = self.table();
        let is_meant = |session: &Session| open.after.is_some() && open.epoch == Some(session.epoch);
        let ended = table
            .ended
            .iter()
            .find(|(name, session, _)| *name == open.name && is_meant(session));
        if let Some((_, session, _)) = ended {
            return Ok(Some(Arc::clone(session)));
        }
        match table.running.get(&open.name) {
            Some(session) => Ok(Some(Arc::clone(session))),
            None if table.running.len() >= MAX_TERMINALS => Err(OpenError::TooMany),
            None => Ok(None),
        }
    }

    async fn start(&self, open: &TerminalOpen) -> Result<Arc<Session>, OpenError> {
        let size = screen::bounded(Size {
            columns: open.columns,
            rows: open.rows,
        });
        let program = (self.hooks.start)(size).await.map_err(OpenError::Start)?;
        let session = Session::new(program.master, epoch()?, size)?;
        self.table().running.insert(open.name.clone(), Arc::clone(&session));
        let (terminals, name, running) = (self.clone(), open.name.clone(), Arc::clone(&session));
        (self.hooks.spawn)(Box::pin(async move {
            running.run(program.exit).await;
            let mut table = terminals.table();
            table.running.remove(&name);
            if table.ended.len() >= MAX_ENDED {
                table.ended.remove(0);
            }
            table.ended.push((name, running, Instant::now()));
        }));
        Ok(session)
    }

    /// All terminals.
    pub fn list(&self) -> Vec<Listed> {
        let table = self.table();
        table
            .running
            .iter()
            .map(|(name, session)| {
                let state = session.state();
                let size = state.screen.size();
                Listed {
                    name: name.clone(),
                    epoch: session.epoch,
                    title: state.screen.title().to_owned(),
                    columns: size.columns,
                    rows: size.rows,
                    viewers: state.viewers(),
                    alive: state.exit.is_none(),
                    idle_seconds: state.active_at.elapsed().as_secs(),
                    memory: state.memory(),
                }
            })
            .collect()
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(is_part)
}

/// A number that no other terminal has; browsers count up to 2^53.
fn epoch() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(u64::from_be_bytes(bytes) >> 11 | 1)
}
