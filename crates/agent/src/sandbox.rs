//! The sandbox of one workspace, seen from outside it.
//!
//! [`Sandbox::launch`] runs this binary again as a single-threaded launcher, which makes the namespaces and leaves a small
//! init inside. Whatever is done inside is asked of that init over a socket pair: it starts processes, opens terminals
//! and makes sockets, whose descriptors come back.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use bailey_api::agent::{Limit, SandboxSpec};
use serde::{Deserialize, Serialize};

use control::{Answer, Control};
use protocol::Operation;

mod cgroup;
mod channel;
mod child;
mod control;
mod etc;
mod firewall;
mod home;
mod identity;
mod init;
mod landlock;
mod launch;
mod launcher;
mod mounts;
mod netlink;
mod network;
mod probe;
mod proc;
mod program;
mod protocol;
mod root;
mod seccomp;
mod sys;

pub use cgroup::sweep;
pub use launcher::launch;
pub use probe::probe;
pub use program::program;

/// How long a connection to a port inside may take.
const CONNECTING: std::time::Duration = std::time::Duration::from_secs(10);

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
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
    /// [`bailey_api::agent::GIT_SOCKET`] inside, until somebody serves it.
    pub git: Option<std::os::unix::net::UnixListener>,
}

/// A running sandbox. Dropping the last clone ends it and everything inside.
#[derive(Debug, Clone)]
pub struct Sandbox {
    control: Arc<Control>,
}

impl Sandbox {
    /// Makes the sandbox; answers when its init is ready. The listeners are there once, and only with an isolated network;
    /// they do not block. `host_name` is a valid one; the last part of `state_dir` names the sandbox on this machine.
    pub async fn launch(
        spec: &SandboxSpec,
        host_name: &str,
        state_dir: &Path,
    ) -> Result<(Self, Option<Listeners>), SandboxError> {
        Self::launch_by(Path::new("/proc/self/exe"), spec, host_name, state_dir).await
    }

    /// The same with another program than this one that understands `launch`; for tests, which are programs of their own.
    pub async fn launch_by(
        program: &Path,
        spec: &SandboxSpec,
        host_name: &str,
        state_dir: &Path,
    ) -> Result<(Self, Option<Listeners>), SandboxError> {
        let (program, spec) = (program.to_owned(), spec.clone());
        let (host_name, state_dir) = (host_name.to_owned(), state_dir.to_owned());
        let (control, listeners) =
            tokio::task::spawn_blocking(move || launch::launch(&program, &spec, &host_name, &state_dir))
                .await
                .map_err(|_| SandboxError::Ended)??;
        let sandbox = Self {
            control: Arc::new(control),
        };
        Ok((sandbox, listeners))
    }

    /// Runs a command whose standard streams are these descriptors.
    pub async fn spawn(&self, command: &Command, stdio: [OwnedFd; 3]) -> Result<Process, SandboxError> {
        let operation = Operation::Spawn {
            command: command.clone(),
            terminal: None,
        };
        Ok(self.control.ask(operation, &stdio).await?.process)
    }

    /// Runs a command on a new terminal (of the sandbox's own devpts); answers with the terminal's master side.
    pub async fn spawn_terminal(&self, command: &Command, size: Size) -> Result<(Process, OwnedFd), SandboxError> {
        let operation = Operation::Spawn {
            command: command.clone(),
            terminal: Some((size.columns, size.rows)),
        };
        let answer = self.control.ask(operation, &[]).await?;
        let (process, master) = descriptor(answer)?;
        Ok((process, master))
    }

    /// Sends a signal to a process group inside.
    pub async fn signal(&self, pid: i32, signal: i32) -> Result<(), SandboxError> {
        self.control.ask(Operation::Signal { pid, signal }, &[]).await?;
        Ok(())
    }

    /// Connects to a TCP port on loopback inside, of IPv4 or else of IPv6.
    pub async fn dial_port(&self, port: u16) -> Result<tokio::net::TcpStream, SandboxError> {
        let refused = match self.dial(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
            Err(SandboxError::Step { source, .. }) if source.kind() == io::ErrorKind::ConnectionRefused => source,
            other => return other,
        };
        self.dial(SocketAddr::from((Ipv6Addr::LOCALHOST, port)))
            .await
            .map_err(|_| SandboxError::Step {
                step: format!("connect to port {port}"),
                source: refused,
            })
    }

    async fn dial(&self, address: SocketAddr) -> Result<tokio::net::TcpStream, SandboxError> {
        let operation = Operation::TcpSocket { v6: address.is_ipv6() };
        let (_, socket) = descriptor(self.control.ask(operation, &[]).await?)?;
        let socket = tokio::net::TcpSocket::from_std_stream(socket.into());
        // One whose queue is full does not answer, and the kernel asks again for minutes.
        tokio::time::timeout(CONNECTING, socket.connect(address))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| SandboxError::Step {
                step: format!("connect to port {}", address.port()),
                source,
            })
    }

    /// Connects to a unix socket inside, as the person there.
    pub async fn dial_socket(&self, path: &str) -> Result<tokio::net::UnixStream, SandboxError> {
        let operation = Operation::UnixConnect { path: path.to_owned() };
        let (_, socket) = descriptor(self.control.ask(operation, &[]).await?)?;
        let stream = std::os::unix::net::UnixStream::from(socket);
        stream
            .set_nonblocking(true)
            .and_then(|()| tokio::net::UnixStream::from_std(stream))
            .map_err(|source| SandboxError::Step {
                step: format!("connect to {path}"),
                source,
            })
    }

    /// The id of its init, as the host sees it.
    pub fn init_pid(&self) -> i32 {
        self.control.init.as_raw_nonzero().get()
    }

    /// Waits until it has ended, and says why.
    pub async fn ended(&self) -> String {
        let mut ended = self.control.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone().unwrap_or_default(),
            Err(_) => "it was ended".to_owned(),
        }
    }

    /// Ends everything inside at once.
    pub fn kill(&self) {
        self.control.kill();
    }
}

fn descriptor(answer: Answer) -> Result<(Process, OwnedFd), SandboxError> {
    let missing = || SandboxError::Step {
        step: "reach into the sandbox".to_owned(),
        source: io::Error::other("init sent no descriptor"),
    };
    Ok((answer.process, answer.descriptor.ok_or_else(missing)?))
}

/// Where a connection that came in at [`Listeners::redirect`] (or the DNS listener) was going.
pub fn original_destination(connection: impl AsFd) -> io::Result<SocketAddrV4> {
    let address = nix::sys::socket::getsockopt(&connection, nix::sys::socket::sockopt::OriginalDst)?;
    let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
    Ok(SocketAddrV4::new(ip, u16::from_be(address.sin_port)))
}
