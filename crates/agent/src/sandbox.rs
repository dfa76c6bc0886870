//! The sandbox of one workspace, seen from outside it.
//!
//! [`Sandbox::launch`] runs this binary again as a single-threaded launcher, which makes the namespaces and leaves a small
//! init inside. Whatever is done inside is asked of that init over a socket pair: it starts processes, opens terminals
//! and makes sockets, whose descriptors come back.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use bailey_api::agent::{Limit, SandboxSpec};

/// The sandbox cannot be made, or something inside it cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// This machine cannot isolate; there is no way around it.
    #[error("this machine cannot isolate workspaces: {0}")]
    Isolation(String),
    /// A limit that is asked for cannot be enforced here, and its absence is not allowed.
    #[error("this machine cannot limit {limit:?}: {cause}")]
    Limit {
        /// The limit.
        limit: Limit,
        /// Why.
        cause: String,
    },
    /// A step of making it failed.
    #[error("cannot {step}: {source}")]
    Step {
        /// The step, as "mount the home directory".
        step: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It has ended.
    #[error("the sandbox has ended")]
    Ended,
}

/// What is run inside.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// Program and arguments. The program is looked up in the `PATH` of `environment`.
    pub arguments: Vec<String>,
    /// All of its variables.
    pub environment: BTreeMap<String, String>,
    /// Where, as a path inside.
    pub directory: String,
}

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// A process inside, a leader of its own session and group. Dropping it leaves it running.
#[derive(Debug)]
pub struct Process {
    /// Its id inside.
    pub pid: i32,
    exit: tokio::sync::oneshot::Receiver<i32>,
}

impl Process {
    /// Waits for its end: the exit status, or 128 and the signal's number.
    pub async fn wait(&mut self) -> Result<i32, SandboxError> {
        (&mut self.exit).await.map_err(|_| SandboxError::Ended)
    }
}

/// Listeners that were opened inside, and are held here.
#[derive(Debug)]
pub struct Listeners {
    /// `127.0.0.1:GATE_PORT` inside.
    pub gate: std::net::TcpListener,
    /// Where every other TCP connection that leaves loopback is turned to; `SO_ORIGINAL_DST` tells where it was going.
    pub redirect: std::net::TcpListener,
    /// Where DNS over UDP is turned to.
    pub dns_udp: std::net::UdpSocket,
    /// Where DNS over TCP is turned to.
    pub dns_tcp: std::net::TcpListener,
}

/// A running sandbox. Dropping the last clone ends it and everything inside.
#[derive(Debug, Clone)]
pub struct Sandbox {}

impl Sandbox {
    /// Makes the sandbox; answers when its init is ready. The listeners are there once, and only with an isolated network.
    pub async fn launch(
        spec: &SandboxSpec,
        host_name: &str,
        state_dir: &PathBuf,
    ) -> Result<(Self, Option<Listeners>), SandboxError> {
        let _ = (spec, host_name, state_dir);
        Err(SandboxError::Ended)
    }

    /// Runs a command whose standard streams are these descriptors.
    pub async fn spawn(&self, command: &Command, stdio: [OwnedFd; 3]) -> Result<Process, SandboxError> {
        let _ = (command, stdio);
        Err(SandboxError::Ended)
    }

    /// Runs a command on a new terminal (of the sandbox's own devpts); answers with the terminal's master side.
    pub async fn spawn_terminal(&self, command: &Command, size: Size) -> Result<(Process, OwnedFd), SandboxError> {
        let _ = (command, size);
        Err(SandboxError::Ended)
    }

    /// Sends a signal to a process group inside.
    pub async fn signal(&self, pid: i32, signal: i32) -> Result<(), SandboxError> {
        let _ = (pid, signal);
        Err(SandboxError::Ended)
    }

    /// Connects to a TCP port on loopback inside.
    pub async fn dial_port(&self, port: u16) -> Result<tokio::net::TcpStream, SandboxError> {
        let _ = port;
        Err(SandboxError::Ended)
    }

    /// Connects to a unix socket inside.
    pub async fn dial_socket(&self, path: &str) -> Result<tokio::net::UnixStream, SandboxError> {
        let _ = path;
        Err(SandboxError::Ended)
    }

    /// The id of its init, as the host sees it.
    pub fn init_pid(&self) -> i32 {
        0
    }

    /// Waits until it has ended, and says why.
    pub async fn ended(&self) -> String {
        std::future::pending().await
    }

    /// Ends everything inside at once.
    pub fn kill(&self) {}
}
