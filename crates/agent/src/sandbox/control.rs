//! The agent's end of the control socket.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags, Shutdown};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::sync::{oneshot, watch};

use super::cgroup::Group;
use super::protocol::{Event, Failure, Operation, Request};
use super::{Process, SandboxError, channel};

/// How long to wait before trying again to send to an init that has not read yet.
const FULL: Duration = Duration::from_millis(2);

/// How long init may take to answer. It gives up what it cannot do long before; this is for one that gets no processor time.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a request was answered with.
pub(super) struct Answer {
    pub(super) process: Process,
    pub(super) descriptor: Option<OwnedFd>,
}

/// Shared by all clones of a sandbox. When the last is gone, init sees the socket end, and ends.
#[derive(Debug)]
pub(super) struct Control {
    socket: OwnedFd,
    pub(super) init: Pid,
    next: AtomicU64,
    shared: Arc<Shared>,
    pub(super) ended: watch::Receiver<Option<String>>,
}

#[derive(Debug, Default)]
struct Shared {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// Requests without an answer, by their number.
    waiting: BTreeMap<u64, oneshot::Sender<Result<Answer, Failure>>>,
    /// Processes that run, by their id inside.
    running: BTreeMap<i32, oneshot::Sender<i32>>,
    ended: bool,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}

impl Shared {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control {
    /// Takes over when init is ready. A thread of its own reads what init says, until it has ended.
    pub(super) fn start(socket: OwnedFd, init: Pid, group: Option<Group>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (tell_end, ended) = watch::channel(None);
        let reader = Reader {
            socket: socket.try_clone()?,
            init,
            shared: Arc::clone(&shared),
        };
        std::thread::Builder::new()
            .name("init".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || {
                let cause = reader.read();
                drop(group);
                tell_end.send_replace(Some(cause));
            })?;
        Ok(Self {
            socket,
            init,
            next: AtomicU64::new(1),
            shared,
            ended,
        })
    }

    pub(super) async fn ask(&self, operation: Operation, streams: &[OwnedFd]) -> Result<Answer, SandboxError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let step = |source| SandboxError::Step {
            step: "ask init".to_owned(),
            source,
        };
        let payload = channel::payload(&Request { id, operation }).map_err(step)?;
        let (sender, receiver) = oneshot::channel();
        {
            let mut tables = self.shared.tables();
            if tables.ended {
                return Err(SandboxError::Ended);
            }
            tables.waiting.insert(id, sender);
        }
        let descriptors: Vec<BorrowedFd<'_>> = std::iter::once(&payload).chain(streams).map(AsFd::as_fd).collect();
        let answered = tokio::time::timeout(PATIENCE, async {
            self.send(&descriptors).await?;
            Ok(receiver.await.map_err(|_| SandboxError::Ended)??)
        });
        let answered = answered
            .await
            .unwrap_or_else(|_| Err(step(std::io::ErrorKind::TimedOut.into())));
        if answered.is_err() {
            self.shared.tables().waiting.remove(&id);
        }
        answered
    }

    /// Hands a request over. While init has not read the ones before, there is no room for it.
    async fn send(&self, descriptors: &[BorrowedFd<'_>]) -> Result<(), SandboxError> {
        loop {
            match channel::send(&self.socket, b"request", descriptors, SendFlags::DONTWAIT) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::NOBUFS) => tokio::time::sleep(FULL).await,
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => return Err(SandboxError::Ended),
                Err(error) => {
                    return Err(SandboxError::Step {
                        step: "ask init".to_owned(),
                        source: error.into(),
                    });
                }
            }
        }
    }

    /// Init cannot be made to stay by anything inside; as the first of its process namespace it takes all with it.
    pub(super) fn kill(&self) {
        // While it has not been waited for, its id is not given to another; afterwards the socket is at its end.
        if !self.shared.tables().ended {
            let _ = kill_process(self.init, Signal::KILL);
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
    }
}

struct Reader {
    socket: OwnedFd,
    init: Pid,
    shared: Arc<Shared>,
}

impl Reader {
    /// Until the end, and says why it ended.
    fn read(self) -> String {
        let cause = loop {
            match channel::receive(&self.socket, RecvFlags::empty()) {
                Ok(Some(mut message)) => {
                    let descriptor = message.descriptors.pop();
                    if let Ok(event) = message.parse() {
                        self.take(event, descriptor);
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(format!("the control socket failed: {error}")),
            }
        };
        // The socket is closed on this side too, or init is gone: either way it ends now.
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
        let status = waitpid(Some(self.init), WaitOptions::empty());
        {
            let mut tables = self.shared.tables();
            tables.ended = true;
            tables.waiting.clear();
            tables.running.clear();
        }
        cause.unwrap_or_else(|| match status {
            Ok(Some((_, status))) => match (status.exit_status(), status.terminating_signal()) {
                (Some(0), _) => "it was ended".to_owned(),
                (Some(code), _) => format!("its init failed with status {code}"),
                (_, Some(signal)) => format!("its init was ended by signal {signal}"),
                _ => "its init has ended".to_owned(),
            },
            _ => "its init has ended".to_owned(),
        })
    }

    fn take(&self, event: Event, descriptor: Option<OwnedFd>) {
        let mut tables = self.shared.tables();
        match event {
            Event::Done { id, pid } => {
                let (sender, exit) = oneshot::channel();
                if pid > 0 {
                    tables.running.insert(pid, sender);
                }
                let answer = Answer {
                    process: Process { pid, exit },
                    descriptor,
                };
                if let Some(waiting) = tables.waiting.remove(&id) {
                    // Nobody waits any more: a process then runs on, as if its handle had been dropped.
                    let _ = waiting.send(Ok(answer));
                }
            }
            Event::Refused { id, failure } => {
                if let Some(waiting) = tables.waiting.remove(&id) {
                    let _ = waiting.send(Err(failure));
                }
            }
            Event::Exited { pid, status } => {
                if let Some(running) = tables.running.remove(&pid) {
                    let _ = running.send(status);
                }
            }
            Event::Started { .. } | Event::Ready | Event::Failed(_) => {}
        }
    }
}
