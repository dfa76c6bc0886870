//! Who processes are: init, which owns the namespaces and has given up every capability, and the person, who is 1000 in a
//! user namespace of its own in which nobody else is mapped.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sys::wait::waitpid;
use nix::unistd::{Gid, Pid, Uid};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, LinkNameSpaceType, clear_ambient_capability_set, move_into_link_name_space,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use super::protocol::{Failure, Step};
use super::{landlock, sys};

/// The person's user and group id inside.
pub(super) const PERSON: u32 = 1000;
/// Open files of a process inside, at most.
const OPEN_FILES: u64 = 65_536;

/// The ids that the caller has on the host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    uid: Uid,
    gid: Gid,
}

impl Caller {
    pub(super) fn now() -> Self {
        Self {
            uid: nix::unistd::geteuid(),
            gid: nix::unistd::getegid(),
        }
    }

    /// As an ordinary user: becomes 0 in the user namespace that this process was made in.
    pub(super) fn become_own_root(self) -> Result<(), Failure> {
        let step = "map oneself in a new user namespace";
        fs::write("/proc/self/setgroups", "deny").step(step)?;
        fs::write("/proc/self/uid_map", format!("0 {} 1", self.uid)).step(step)?;
        fs::write("/proc/self/gid_map", format!("0 {} 1", self.gid)).step(step)
    }
}

/// The user namespace of the person inside. Init stays outside of it, so that nothing inside can touch init; as its owner
/// init may put processes into it, though it has no capability of its own.
#[derive(Debug)]
pub(super) struct Person {
    namespace: OwnedFd,
}

impl Person {
    /// `owner` is what 1000 inside is for this process.
    pub(super) fn make(owner: u32) -> Result<Self, Failure> {
        let step = "make the user namespace inside";
        let (mut ours, mut theirs) = UnixStream::pair().step(step)?;
        let id = Uid::from_raw(owner);
        let Some(helper) = sys::fork().step(step)? else {
            drop(ours);
            // What the kernel counts by user (inotify, pending signals) is counted for whoever makes the namespace as well: that
            // must not be root for everybody.
            let become_owner = owner == 0 || nix::unistd::setresuid(id, id, id).is_ok();
            // Without the byte the other side knows that it failed. Stays until it is let go: it is the namespace's only member.
            if become_owner && sys::unshare_user().is_ok() && theirs.write_all(&[1]).is_ok() {
                let _ = theirs.read(&mut [0]);
            }
            sys::leave();
        };
        drop(theirs);
        let made = ours.read_exact(&mut [0]).step(step).and_then(|()| {
            let map = format!("{PERSON} {owner} 1");
            fs::write(format!("/proc/{helper}/uid_map"), &map).step(step)?;
            fs::write(format!("/proc/{helper}/gid_map"), &map).step(step)?;
            fs::File::open(format!("/proc/{helper}/ns/user")).step(step)
        });
        drop(ours);
        waitpid(Pid::from_raw(helper), None).step(step)?;
        Ok(Self {
            namespace: made?.into(),
        })
    }

    /// Makes this process one of the person's, without any capability. There is no way back.
    pub(super) fn become_it(&self) -> Result<(), Failure> {
        let step = "become the person inside";
        move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::User)).step(step)?;
        // Not to be had for an ordinary user, whose groups then stay; nothing inside belongs to them.
        let _ = nix::unistd::setgroups(&[]);
        let (uid, gid) = (Uid::from_raw(PERSON), Gid::from_raw(PERSON));
        nix::unistd::setresgid(gid, gid, gid).step(step)?;
        nix::unistd::setresuid(uid, uid, uid).step(step)?;
        drop_capabilities(None)
    }
}

/// What init keeps is nothing but its place as `owner` of the person's namespace, which is a matter of its effective id
/// alone: with its real one it stays out of reach of their signals.
pub(super) fn give_up_privileges(installing: bool, owner: u32) -> Result<(), Failure> {
    set_no_new_privs(true).step("set no_new_privs")?;
    landlock::restrict(installing)?;
    limit(Resource::Core, 0)?;
    let files = rustix::process::getrlimit(Resource::Nofile)
        .maximum
        .map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    limit(Resource::Nofile, files)?;
    drop_capabilities(Some(Uid::from_raw(owner)))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).step("protect init from being traced")
}

/// Sets a limit for this process and its children, for good.
pub(super) fn limit(resource: Resource, value: u64) -> Result<(), Failure> {
    setrlimit(
        resource,
        Rlimit {
            current: Some(value),
            maximum: Some(value),
        },
    )
    .step_with(|| format!("limit {resource:?}"))
}

/// Drops all of them, for good; becomes `effective` while that can still be done.
fn drop_capabilities(effective: Option<Uid>) -> Result<(), Failure> {
    let step = "drop capabilities";
    clear_ambient_capability_set().step(step)?;
    for number in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // The kernel knows no more of them.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(Failure::new(step, error)),
        }
    }
    if let Some(effective) = effective {
        nix::unistd::seteuid(effective).step("become the owner of the person's namespace")?;
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).step(step)
}
