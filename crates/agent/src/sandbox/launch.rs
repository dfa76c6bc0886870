//! Starting the launcher, from the agent's side.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bailey_api::agent::{Network, SandboxSpec};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::cgroup::{self, Group};
use super::control::Control;
use super::protocol::{Event, Failure, Setup, Step};
use super::{Listeners, SandboxError, channel, home};

/// How long the launcher and init may take for one step before they are given up.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn launch(
    program: &Path,
    spec: &SandboxSpec,
    host_name: &str,
    state_dir: &Path,
) -> Result<(Control, Option<Listeners>), SandboxError> {
    check_identity(spec)?;
    let limited = cgroup::limit(spec, state_dir)?;
    home::prepare(&spec.home)?;
    let setup = Setup {
        spec: spec.clone(),
        host_name: host_name.to_owned(),
        attach: state_dir.to_owned(),
        cgroups: limited.group.as_ref().map(Group::entrances).unwrap_or_default(),
        process_limit: limited.process_limit,
    };
    let (socket, theirs) = channel::pair().step("make the control socket")?;
    let mut launcher = Command::new(program)
        .arg("launch")
        .env_clear()
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .spawn()
        .step("start the launcher")?;
    let made = make(&socket, &setup);
    if made.is_err() {
        // It may be what did not answer.
        let _ = launcher.kill();
    }
    let _ = launcher.wait();
    let (init, listeners) = made?;
    let control = Control::start(socket, init, limited.group).step("watch init")?;
    Ok((control, listeners))
}

/// Root must say who the person is on the host, or the person would be root there; others cannot.
fn check_identity(spec: &SandboxSpec) -> Result<(), SandboxError> {
    let is_root = rustix::process::geteuid().is_root();
    match spec.host_id {
        Some(0) => Err(SandboxError::Isolation(
            "a workspace cannot belong to the host's root".to_owned(),
        )),
        None if is_root => Err(SandboxError::Isolation(
            "as root, a workspace needs a user id of its own on the host".to_owned(),
        )),
        Some(_) if !is_root => Err(SandboxError::Isolation(
            "only root can give a workspace a user id of its own".to_owned(),
        )),
        _ => Ok(()),
    }
}

fn make(socket: &OwnedFd, setup: &Setup) -> Result<(Pid, Option<Listeners>), SandboxError> {
    let step = "hand over what to make";
    set_socket_timeout(socket, Timeout::Recv, Some(PATIENCE)).step(step)?;
    let payload = channel::payload(setup).step(step)?;
    channel::send(socket, b"setup", &[payload.as_fd()], SendFlags::empty()).step(step)?;
    let mut init = None;
    let made = follow(socket, setup, &mut init);
    if made.is_err()
        && let Some(init) = init
    {
        let _ = kill_process(init, Signal::KILL);
        let _ = waitpid(Some(init), WaitOptions::empty());
    }
    set_socket_timeout(socket, Timeout::Recv, None).step(step)?;
    made
}

fn follow(socket: &OwnedFd, setup: &Setup, init: &mut Option<Pid>) -> Result<(Pid, Option<Listeners>), SandboxError> {
    let mut ready = None;
    // Launcher and init write into the same socket, and init may be the first.
    loop {
        if let Some(init) = *init
            && let Some(descriptors) = ready.take()
        {
            return Ok((init, listeners(setup.spec.network, descriptors)?));
        }
        let step = "make the sandbox";
        let message = channel::receive(socket, RecvFlags::empty())
            .step(step)?
            .ok_or_else(|| Failure::text(step, "its launcher has ended without a word"))?;
        match message.parse().step(step)? {
            Event::Started { pid } => *init = Pid::from_raw(pid),
            Event::Ready => ready = Some(message.descriptors),
            Event::Failed(failure) => {
                if init.is_none() {
                    // Init may have failed before the launcher could say which process it is.
                    *init = started(socket);
                }
                return Err(failure.into());
            }
            Event::Done { .. } | Event::Refused { .. } | Event::Exited { .. } => {}
        }
    }
}

/// The launcher's word that is still to come, if it comes.
fn started(socket: &OwnedFd) -> Option<Pid> {
    let message = channel::receive(socket, RecvFlags::empty()).ok()??;
    match message.parse().ok()? {
        Event::Started { pid } => Pid::from_raw(pid),
        _ => None,
    }
}

fn listeners(network: Network, descriptors: Vec<OwnedFd>) -> Result<Option<Listeners>, Failure> {
    if network == Network::Host {
        return Ok(None);
    }
    let [gate, redirect, dns_udp, dns_tcp, git]: [OwnedFd; 5] = descriptors
        .try_into()
        .map_err(|_| Failure::text("take over the listeners", "there are not five of them"))?;
    Ok(Some(Listeners {
        gate: gate.into(),
        redirect: redirect.into(),
        dns_udp: dns_udp.into(),
        dns_tcp: dns_tcp.into(),
        git: Some(git.into()),
    }))
}
