//! Init, the first process inside: starts processes, makes sockets and reaps, on the agent's word alone.
//!
//! It has a single thread and waits in one place. Nothing it does for one request can keep it from the next: what may
//! block is done by a forked process, which answers over a socket pair of its own.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::termios::Winsize;

use super::channel::{self, Message};
use super::child::{self, Rules, Streams};
use super::identity::Person;
use super::protocol::{Event, Failure, Operation, Request, Step};
use super::{seccomp, sys};

/// Answers that wait until the agent reads; above this no more requests are read.
const WAITING: usize = 256;
/// Ended processes that are reaped before requests are looked at again: those inside may end as fast as they are reaped.
const REAPED: usize = 64;

/// How long a forked process may take. It becomes the person's before it has done its work, and then they can stop it, or let
/// it wait for a connection that nobody accepts.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Init {
    control: OwnedFd,
    signals: SignalFd,
    rules: Rules,
    /// Processes that the agent asked for and that have not ended.
    children: BTreeSet<i32>,
    pending: Vec<Pending>,
    outgoing: VecDeque<(Vec<u8>, Option<OwnedFd>)>,
}

/// A forked process that has not said how it went.
struct Pending {
    id: u64,
    pid: i32,
    until: Instant,
    status: OwnedFd,
    /// Whether it is to send one.
    wants_descriptor: bool,
    /// Whether its end is told to the agent.
    is_command: bool,
    descriptor: Option<OwnedFd>,
    failure: Option<Failure>,
    ended: Option<i32>,
}

impl Init {
    pub(super) fn new(control: &OwnedFd, person: Person, process_limit: Option<u64>) -> Result<Self, Failure> {
        let mut child = SigSet::empty();
        child.add(Signal::SIGCHLD);
        child.thread_block().step("block SIGCHLD")?;
        let signals = SignalFd::with_flags(&child, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .step("watch for ended processes")?;
        Ok(Self {
            control: control.try_clone().step("keep the control socket")?,
            signals,
            rules: Rules {
                person,
                filters: seccomp::filters()?,
                process_limit,
            },
            children: BTreeSet::new(),
            pending: Vec::new(),
            outgoing: VecDeque::new(),
        })
    }

    /// Ends when the agent does, and with it, as it is the first of its process namespace, everything inside.
    pub(super) fn run(mut self) -> Result<(), Failure> {
        let mut more = false;
        loop {
            let ready = self.wait(more).step("wait for requests")?;
            for index in (0..self.pending.len()).rev() {
                self.settle(index);
            }
            self.give_up(Instant::now());
            more = self.reap();
            if ready.contains(PollFlags::IN) || ready.intersects(PollFlags::HUP | PollFlags::ERR) {
                match channel::receive(&self.control, RecvFlags::DONTWAIT) {
                    Ok(Some(message)) => self.handle(message),
                    Ok(None) => return Ok(()),
                    Err(rustix::io::Errno::AGAIN | rustix::io::Errno::MSGSIZE) => {}
                    Err(error) => return Err(Failure::new("read a request", error)),
                }
            }
            self.flush()?;
        }
    }

    /// What the control socket is ready for; does not wait for it if there is `more` to do.
    fn wait(&self, more: bool) -> rustix::io::Result<PollFlags> {
        let mut interest = PollFlags::empty();
        if self.outgoing.len() < WAITING {
            interest |= PollFlags::IN;
        }
        if !self.outgoing.is_empty() {
            interest |= PollFlags::OUT;
        }
        let mut descriptors = vec![
            PollFd::new(&self.control, interest),
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
        ];
        descriptors.extend(
            self.pending
                .iter()
                .map(|pending| PollFd::new(&pending.status, PollFlags::IN)),
        );
        let until = self.pending.iter().map(|pending| pending.until).min();
        let left = match until {
            _ if more => Some(Duration::ZERO),
            Some(until) => Some(until.saturating_duration_since(Instant::now())),
            None => None,
        };
        // Never more than PATIENCE, which fits.
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut descriptors, left.as_ref()) {
            Ok(_) => Ok(descriptors.first().map_or(PollFlags::empty(), PollFd::revents)),
            Err(rustix::io::Errno::INTR) => Ok(PollFlags::empty()),
            Err(error) => Err(error),
        }
    }

    fn handle(&mut self, mut message: Message) {
        // Something that cannot be read has no number to answer to.
        let Ok(request) = message.take_payload::<Request>() else {
            return;
        };
        let id = request.id;
        if let Err(failure) = self.carry_out(request, message.descriptors) {
            self.tell(&Event::Refused { id, failure }, None);
        }
    }

    fn carry_out(&mut self, request: Request, descriptors: Vec<OwnedFd>) -> Result<(), Failure> {
        let id = request.id;
        match request.operation {
            Operation::Spawn { command, terminal } => {
                let streams = match terminal {
                    Some((columns, rows)) => Streams::Terminal(Winsize {
                        ws_col: columns,
                        ws_row: rows,
                        ws_xpixel: 0,
                        ws_ypixel: 0,
                    }),
                    None => Streams::Given(
                        descriptors
                            .try_into()
                            .map_err(|_| Failure::text("run a command", "three descriptors are needed"))?,
                    ),
                };
                self.fork(id, terminal.is_some(), true, move |rules, status| {
                    child::execute(rules, &command, streams, status)
                })
            }
            Operation::UnixConnect { path } => self.fork(id, true, false, move |rules, status| {
                child::connect(rules, &path, status)
            }),
            Operation::Signal { pid, signal } => {
                let step = "send a signal";
                if pid <= 1 {
                    return Err(Failure::text(step, "there is no such process group"));
                }
                let signal = Signal::try_from(signal).step(step)?;
                kill(Pid::from_raw(-pid), signal).step(step)?;
                self.tell(&Event::Done { id, pid: 0 }, None);
                Ok(())
            }
            Operation::TcpSocket { v6 } => {
                let family = if v6 { AddressFamily::INET6 } else { AddressFamily::INET };
                let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
                let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None).step("make a socket")?;
                self.tell(&Event::Done { id, pid: 0 }, Some(socket));
                Ok(())
            }
        }
    }

    fn fork(
        &mut self,
        id: u64,
        wants_descriptor: bool,
        is_command: bool,
        act: impl FnOnce(&Rules, &OwnedFd) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (status, theirs) = channel::pair().step("make a socket pair")?;
        let Some(pid) = sys::fork().step("start a process")? else {
            if let Err(failure) = act(&self.rules, &theirs) {
                let bytes = serde_json::to_vec(&failure).unwrap_or_default();
                let _ = channel::send(&theirs, &bytes, &[], SendFlags::empty());
            }
            sys::leave();
        };
        self.pending.push(Pending {
            id,
            pid,
            until: Instant::now() + PATIENCE,
            status,
            wants_descriptor,
            is_command,
            descriptor: None,
            failure: None,
            ended: None,
        });
        Ok(())
    }

    /// Reads what a forked process has said. When it has closed its side, that is all.
    fn settle(&mut self, index: usize) {
        let Some(pending) = self.pending.get_mut(index) else {
            return;
        };
        loop {
            match channel::receive(&pending.status, RecvFlags::DONTWAIT) {
                Ok(Some(mut message)) => match message.descriptors.pop() {
                    Some(descriptor) => pending.descriptor = Some(descriptor),
                    None => pending.failure = message.parse().ok(),
                },
                Err(rustix::io::Errno::AGAIN) => return,
                Ok(None) | Err(_) => break,
            }
        }
        let pending = self.pending.swap_remove(index);
        let (id, pid) = (pending.id, pending.pid);
        let missing = pending.wants_descriptor && pending.descriptor.is_none();
        if let Some(failure) = pending.failure {
            self.tell(&Event::Refused { id, failure }, None);
        } else if missing {
            let failure = Failure::text("reach into the sandbox", "the process that was to do it has ended");
            self.tell(&Event::Refused { id, failure }, None);
        } else {
            self.tell(&Event::Done { id, pid }, pending.descriptor);
            if pending.is_command {
                match pending.ended {
                    Some(status) => self.tell(&Event::Exited { pid, status }, None),
                    None => drop(self.children.insert(pid)),
                }
            }
        }
    }

    /// Ends forked processes that take too long, whether they can answer or not.
    fn give_up(&mut self, now: Instant) {
        let (late, pending) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|pending: &Pending| pending.until <= now);
        self.pending = pending;
        for Pending { id, pid, ended, .. } in late {
            if ended.is_none() {
                // It is not reaped yet, so the number is its own.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            let cause = format!("it took longer than {} s", PATIENCE.as_secs());
            let failure = Failure::text("reach into the sandbox", cause);
            self.tell(&Event::Refused { id, failure }, None);
        }
    }

    /// Whether there may be more to reap.
    fn reap(&mut self) -> bool {
        // Signals of the same kind do not queue up, but with others ending meanwhile there could always be one.
        let _ = self.signals.read_signal();
        for _ in 0..REAPED {
            let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) => (pid.as_raw(), status),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid.as_raw(), 128 + signal as i32),
                Err(nix::errno::Errno::EINTR) => continue,
                Ok(WaitStatus::StillAlive) | Err(_) => return false,
                Ok(_) => continue,
            };
            if self.children.remove(&pid) {
                self.tell(&Event::Exited { pid, status }, None);
            } else if let Some(pending) = self.pending.iter_mut().find(|pending| pending.pid == pid) {
                pending.ended = Some(status);
            }
        }
        true
    }

    fn tell(&mut self, event: &Event, descriptor: Option<OwnedFd>) {
        if let Ok(bytes) = serde_json::to_vec(event) {
            self.outgoing.push_back((bytes, descriptor));
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        while let Some((bytes, descriptor)) = self.outgoing.front() {
            let descriptors: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
            match channel::send(&self.control, bytes, &descriptors, SendFlags::DONTWAIT) {
                Ok(()) => drop(self.outgoing.pop_front()),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::NOBUFS) => return Ok(()),
                Err(error) => return Err(Failure::new("answer the agent", error)),
            }
        }
        Ok(())
    }
}
