//! The launcher: this binary, started again with a single thread, makes the namespaces and becomes init in them.

use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use bailey_api::agent::{Network, SandboxSpec};
use rustix::net::{RecvFlags, SendFlags};

use super::channel;
use super::identity::{self, Caller, Person};
use super::init::Init;
use super::protocol::{Event, Failure, Setup, Step};
use super::{network, root, sys};

/// Runs as `bailey-agent launch`, with the control socket as standard input. Answers in the launcher when init runs, and
/// in init when it has ended.
pub fn launch() -> ExitCode {
    // Copied to where no child's standard streams come to lie, and closed when one is executed.
    let Ok(control) = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3) else {
        return ExitCode::FAILURE;
    };
    match begin(&control) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Whoever started this has gone if it cannot be told.
            let _ = tell(&control, &Event::Failed(failure), &[]);
            ExitCode::FAILURE
        }
    }
}

fn begin(control: &OwnedFd) -> Result<(), Failure> {
    let setup = receive(control)?;
    for group in &setup.cgroups {
        let step = || format!("enter the cgroup {}", group.display());
        let mut file = fs::OpenOptions::new().write(true).open(group).step_with(step)?;
        file.write_all(b"0").step_with(step)?;
    }
    let caller = Caller::now();
    let spec = &setup.spec;
    match sys::clone_sibling(namespaces(spec)).step("make namespaces")? {
        Some(pid) => tell(control, &Event::Started { pid }, &[]),
        None => become_init(control, &setup, caller),
    }
}

/// How much init is preferred when memory is short. What it starts raises its own further (see `child`), so that a workspace
/// whose memory is full loses a program and not itself.
const RECLAIMED: &str = "100";

fn receive(control: &OwnedFd) -> Result<Setup, Failure> {
    let step = "read what to make";
    let mut message = channel::receive(control, RecvFlags::empty())
        .step(step)?
        .ok_or_else(|| Failure::text(step, "nobody is there"))?;
    message.take_payload().step(step)
}

fn namespaces(spec: &SandboxSpec) -> i32 {
    let mut flags =
        libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;
    if spec.network == Network::Isolated {
        flags |= libc::CLONE_NEWNET;
    }
    if spec.host_id.is_none() {
        flags |= libc::CLONE_NEWUSER;
    }
    flags
}

fn become_init(control: &OwnedFd, setup: &Setup, caller: Caller) -> Result<(), Failure> {
    let owner = match setup.spec.host_id {
        Some(host_id) => host_id,
        None => {
            caller.become_own_root()?;
            0
        }
    };
    // Preferred to the server and to other people's things when the machine runs out of memory.
    fs::write("/proc/self/oom_score_adj", RECLAIMED).step("set the order in which memory is reclaimed")?;
    limit_queues(&setup.spec);
    nix::unistd::sethostname(&setup.host_name).step("set the host name")?;
    let git = root::enter(setup, owner)?;
    let mut listeners = match setup.spec.network {
        Network::Isolated => network::set_up()?,
        Network::Host => Vec::new(),
    };
    listeners.extend(git);
    let person = Person::make(owner)?;
    identity::give_up_privileges(setup.spec.install.is_some(), owner)?;
    let null = fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .step("open /dev/null")?;
    rustix::stdio::dup2_stdin(&null).step("let go of standard input")?;
    let init = Init::new(control, person, setup.process_limit)?;
    let descriptors: Vec<_> = listeners.iter().map(AsFd::as_fd).collect();
    tell(control, &Event::Ready, &descriptors)?;
    drop(listeners);
    init.run()
}

/// What stays when the processes that made it have ended: queues of messages, and shared memory. It counts against the
/// sandbox's memory, and could fill it for good.
fn limit_queues(spec: &SandboxSpec) {
    const QUEUES: u64 = 256;
    const PAGE: u64 = 4096;
    let pages = root::memory_limit(spec) / root::PARTS / PAGE;
    for (name, value) in [("msgmni", QUEUES), ("shmall", pages)] {
        // Older kernels let only the host's root change them; memory is limited all the same.
        let _ = fs::write(format!("/proc/sys/kernel/{name}"), value.to_string());
    }
}

fn tell(control: &OwnedFd, event: &Event, descriptors: &[std::os::fd::BorrowedFd<'_>]) -> Result<(), Failure> {
    let step = "answer the agent";
    let bytes = serde_json::to_vec(event).map_err(std::io::Error::other).step(step)?;
    channel::send(control, &bytes, descriptors, SendFlags::empty()).step(step)
}
