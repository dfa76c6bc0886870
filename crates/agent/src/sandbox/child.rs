//! What a process that init has forked does until it is the program that was asked for.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sys::signal::SigSet;
use rustix::net::SendFlags;
use rustix::process::{DumpableBehavior, Resource, ioctl_tiocsctty, set_dumpable_behavior, setsid};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use seccompiler::BpfProgram;

use super::identity::{Person, limit};
use super::protocol::{Failure, Step};
use super::{Command, channel, sys};

/// What init keeps for its children.
pub(super) struct Rules {
    pub(super) person: Person,
    pub(super) filters: Vec<BpfProgram>,
    pub(super) process_limit: Option<u64>,
}

/// The standard streams of a new process.
pub(super) enum Streams {
    Given([OwnedFd; 3]),
    /// A new terminal of this size.
    Terminal(Winsize),
}

/// Becomes the program. The terminal's other side is sent over `status`, which closes when all has gone well.
pub(super) fn execute(rules: &Rules, command: &Command, streams: Streams, status: &OwnedFd) -> Result<(), Failure> {
    SigSet::empty().thread_set_mask().step("unblock signals")?;
    sys::default_signals();
    setsid().step("start a session")?;
    raise_score().step("set the order in which memory is reclaimed")?;
    if let Some(processes) = rules.process_limit {
        limit(Resource::Nproc, processes)?;
    }
    rules.person.become_it()?;
    let streams = match streams {
        Streams::Given(streams) => streams,
        Streams::Terminal(size) => terminal(size, status).step("open a terminal")?,
    };
    stand(streams).step("set the standard streams")?;
    std::env::set_current_dir(&command.directory).step_with(|| format!("change to {}", command.directory))?;
    sys::close_on_exec_from(3).step("close what is not the program's")?;
    let program = Program::new(command).step("read the command")?;
    filter(&rules.filters)?;
    program.execute().step_with(|| format!("run {}", program.name))
}

/// Connects to a unix socket as the person, who alone decides by file modes and links where a path leads, and sends the
/// connection over `status`.
pub(super) fn connect(rules: &Rules, path: &str, status: &OwnedFd) -> Result<(), Failure> {
    rules.person.become_it()?;
    filter(&rules.filters)?;
    let step = || format!("connect to {path}");
    let stream = UnixStream::connect(path).step_with(step)?;
    channel::send(status, b"connected", &[stream.as_fd()], SendFlags::empty()).step_with(step)
}

/// Makes this process go before init where memory is short.
fn raise_score() -> io::Result<()> {
    const RECLAIMED: &str = "300";
    // The file belongs to who this process is only while it may be traced, which nobody inside may yet.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    let raised = std::fs::write("/proc/self/oom_score_adj", RECLAIMED);
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    raised
}

fn filter(filters: &[BpfProgram]) -> Result<(), Failure> {
    for filter in filters {
        seccompiler::apply_filter(filter)
            .map_err(|error| Failure::text("install the system call filter", error.to_string()))?;
    }
    Ok(())
}

/// Opened as the person, whose terminal it then is.
fn terminal(size: Winsize, status: &OwnedFd) -> io::Result<[OwnedFd; 3]> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    unlockpt(&master)?;
    tcsetwinsize(&master, size)?;
    let inside = ioctl_tiocgptpeer(&master, flags)?;
    ioctl_tiocsctty(&inside)?;
    channel::send(status, b"terminal", &[master.as_fd()], SendFlags::empty())?;
    Ok([inside.try_clone()?, inside.try_clone()?, inside])
}

fn stand(streams: [OwnedFd; 3]) -> io::Result<()> {
    let [input, output, error] = streams;
    rustix::stdio::dup2_stdin(input)?;
    rustix::stdio::dup2_stdout(output)?;
    rustix::stdio::dup2_stderr(error)?;
    Ok(())
}

struct Program {
    name: String,
    candidates: Vec<CString>,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Program {
    fn new(command: &Command) -> io::Result<Self> {
        let name = command
            .arguments
            .first()
            .filter(|name| !name.is_empty())
            .ok_or(io::ErrorKind::InvalidInput)?;
        let text = |text: String| CString::new(text).map_err(io::Error::other);
        Ok(Self {
            name: name.clone(),
            candidates: candidates(name, &command.environment)
                .into_iter()
                .map(text)
                .collect::<Result<_, _>>()?,
            arguments: command.arguments.iter().cloned().map(text).collect::<Result<_, _>>()?,
            environment: command
                .environment
                .iter()
                .map(|(name, value)| text(format!("{name}={value}")))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Comes back only with an error: of the candidates, the one that says most.
    fn execute(&self) -> Result<(), nix::errno::Errno> {
        let mut worst = nix::errno::Errno::ENOENT;
        for candidate in &self.candidates {
            match nix::unistd::execve(candidate, &self.arguments, &self.environment) {
                Ok(never) => match never {},
                Err(nix::errno::Errno::ENOENT | nix::errno::Errno::ENOTDIR) => {}
                Err(error @ nix::errno::Errno::EACCES) => worst = error,
                Err(error) => return Err(error),
            }
        }
        Err(worst)
    }
}

fn candidates(name: &str, environment: &BTreeMap<String, String>) -> Vec<String> {
    if name.contains('/') {
        return vec![name.to_owned()];
    }
    let path = environment
        .get("PATH")
        .map_or("/usr/local/bin:/usr/bin:/bin", String::as_str);
    path.split(':')
        .filter(|directory| !directory.is_empty())
        .map(|directory| format!("{directory}/{name}"))
        .collect()
}
