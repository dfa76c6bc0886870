//! The process of an agent that this server may not have started itself.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The file that an agent holds locked, with its process id in it.
const LOCK: &str = "lock";
/// How often an agent is looked at that has taken its lock and not yet written its id.
const TRIES: u32 = 50;

/// A living agent.
#[derive(Debug)]
pub(super) struct Agent {
    process: OwnedFd,
}

impl Agent {
    /// The agent of a directory; `None` = none lives.
    pub(super) fn of(directory: &Path) -> io::Result<Option<Self>> {
        for _ in 0..TRIES {
            let Some(pid) = holder(directory)? else {
                return Ok(None);
            };
            let Some(pid) = pid else {
                std::thread::sleep(Duration::from_millis(2));
                continue;
            };
            match pidfd_open(pid, PidfdFlags::NONBLOCK) {
                // Whoever holds the lock now held it before: the descriptor is that process's, not a later one's.
                Ok(process) if holder(directory)? == Some(Some(pid)) => return Ok(Some(Self { process })),
                Ok(_) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other(
            "its lock is held, but not by the process that it names",
        ))
    }

    /// Asks it to end, and waits for that; says whether it has ended.
    pub(super) async fn end(&self, grace: Duration) -> io::Result<bool> {
        self.signal(Signal::TERM)?;
        self.gone(grace).await
    }

    /// Kills it, and waits for its end.
    pub(super) async fn kill(&self, wait: Duration) -> io::Result<bool> {
        self.signal(Signal::KILL)?;
        self.gone(wait).await
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.process, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A process's descriptor becomes readable when it ends.
    async fn gone(&self, wait: Duration) -> io::Result<bool> {
        let process = self.process.try_clone()?;
        let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
        let waited = tokio::task::spawn_blocking(move || {
            let mut ends = [PollFd::new(&process, PollFlags::IN)];
            rustix::io::retry_on_intr(|| poll(&mut ends, Some(&wait)))
        });
        Ok(waited.await.map_err(io::Error::other)?? > 0)
    }
}

/// Who holds the lock: nobody, or a process that may not have written its id yet.
#[expect(
    clippy::option_option,
    reason = "nobody, somebody unknown and somebody known are three things"
)]
fn holder(directory: &Path) -> io::Result<Option<Option<Pid>>> {
    let mut file = match File::open(directory.join(LOCK)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = String::new();
    (&mut file).take(32).read_to_string(&mut text)?;
    Ok(Some(text.trim().parse().ok().and_then(Pid::from_raw)))
}
