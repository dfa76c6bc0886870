//! What agent, launcher and init say to each other over the control socket.

use std::io;
use std::path::PathBuf;

use bailey_api::agent::SandboxSpec;
use serde::{Deserialize, Serialize};

use super::{Command, SandboxError};

/// Agent to launcher, once.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) spec: SandboxSpec,
    pub(super) host_name: String,
    /// A directory of the host that the new root is attached to; only this sandbox sees that.
    pub(super) attach: PathBuf,
    /// Files that the launcher writes its own process id into, so that all that follows is in those cgroups.
    pub(super) cgroups: Vec<PathBuf>,
    /// How many processes a user may have, where no cgroup counts them.
    pub(super) process_limit: Option<u64>,
}

/// Agent to init.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) operation: Operation,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operation {
    /// With three descriptors, or, with a size (columns, rows), on a new terminal.
    Spawn {
        command: Command,
        terminal: Option<(u16, u16)>,
    },
    Signal {
        pid: i32,
        signal: i32,
    },
    /// A TCP socket that is not connected yet.
    TcpSocket {
        v6: bool,
    },
    /// A connection to a unix socket, made as the user inside.
    UnixConnect {
        path: String,
    },
}

/// Launcher and init to agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    /// The launcher has made the namespaces; this is init, as the host sees it.
    Started { pid: i32 },
    /// The sandbox is there; with the listeners if its network is isolated.
    Ready,
    /// It cannot be made.
    Failed(Failure),
    /// The request was carried out; with a descriptor if it was for one, and a process if it started one (otherwise 0).
    Done { id: u64, pid: i32 },
    /// It was not.
    Refused { id: u64, failure: Failure },
    /// A process that was spawned has ended.
    Exited { pid: i32, status: i32 },
}

/// A step that failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) step: String,
    errno: Option<i32>,
    text: String,
}

impl Failure {
    pub(super) fn new(step: impl Into<String>, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        Self {
            step: step.into(),
            errno: source.raw_os_error(),
            text: source.to_string(),
        }
    }

    pub(super) fn text(step: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            step: step.into(),
            errno: None,
            text: text.into(),
        }
    }
}

impl From<Failure> for SandboxError {
    fn from(failure: Failure) -> Self {
        let source = match failure.errno {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::other(failure.text),
        };
        Self::Step {
            step: failure.step,
            source,
        }
    }
}

/// Names the step that a result belongs to.
pub(super) trait Step<T> {
    fn step(self, step: &str) -> Result<T, Failure>;
    fn step_with(self, step: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, step: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(step, error))
    }

    fn step_with(self, step: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(step(), error))
    }
}
