//! What this machine can do, found out by doing it.

use std::fs;
use std::path::Path;

use bailey_api::agent::{Capabilities, HomeStorage, Limit, Network, SandboxSpec};
use bailey_core::template::Resources;

use super::{cgroup, landlock, launch};

/// An id that no account has; the trial's files are gone when it ends.
const NOBODY_ELSE: u32 = 2_147_480_000;
/// The smallest home image that mkfs makes with a journal, and some.
const TRIAL_IMAGE: u64 = 8 * 1024 * 1024;

/// Makes a sandbox for trial, in a new directory below `directory`, with `program` as its launcher.
pub fn probe(program: &Path, directory: &Path) -> Capabilities {
    let mut found = Capabilities {
        missing: cgroup::missing(),
        ..Capabilities::default()
    };
    let is_root = rustix::process::geteuid().is_root();
    let place = directory.join(format!("bailey-probe-{}", std::process::id()));
    if let Err(error) = fs::create_dir(&place) {
        found.blockers.push(format!("cannot make {}: {error}", place.display()));
        return found;
    }
    let spec = |home| SandboxSpec {
        root: None,
        layers: Vec::new(),
        home,
        host_id: is_root.then_some(NOBODY_ELSE),
        limits: Resources::default(),
        allow_missing: Vec::new(),
        certificates: Vec::new(),
        network: Network::Isolated,
        files: Vec::new(),
        install: None,
    };
    let home = HomeStorage::Directory(place.join("home"));
    if let Err(error) = launch::launch(program, &spec(home), "probe", &place) {
        found.blockers.push(with_source(&error));
        found.blockers.extend(hints());
    } else {
        // All of this was needed for it.
        let by = if is_root { "root" } else { "an ordinary user" };
        found.facts.extend(
            [
                ("namespaces", format!("made as {by}")),
                ("network rules", "nf_tables with nat".to_owned()),
                ("system call filter", "seccomp".to_owned()),
            ]
            .map(|(name, fact)| (name.to_owned(), fact)),
        );
        match home_image(program, &place, is_root, spec) {
            Ok(fact) => drop(found.facts.insert("home images".to_owned(), fact)),
            Err(cause) => drop(found.missing.insert(Limit::Disk, cause)),
        }
    }
    if let Some(fact) = cgroup::found() {
        found.facts.insert("cgroups".to_owned(), fact);
    }
    match landlock::version() {
        Some(version) => drop(found.facts.insert("Landlock".to_owned(), format!("ABI {version}"))),
        None => found.notes.push(
            "the kernel has no Landlock, so that there is no second layer below the mounts: Linux has it from 5.13 on, \
             switched on with lsm=landlock,… on its command line"
                .to_owned(),
        ),
    }
    // What is left belongs to nobody and is in the way of nothing.
    let _ = fs::remove_dir_all(&place);
    found
}

/// Whether a home directory can have a size: which file system it is in, or why not and what to do.
fn home_image(
    program: &Path,
    place: &Path,
    is_root: bool,
    spec: impl Fn(HomeStorage) -> SandboxSpec,
) -> Result<String, String> {
    if !is_root {
        return Err("only root can mount a home directory of a fixed size: run the server as root".to_owned());
    }
    let image = HomeStorage::Image {
        path: place.join("home.ext4"),
        bytes: TRIAL_IMAGE,
    };
    match launch::launch(program, &spec(image), "probe", place) {
        Ok(_) => Ok("ext4 on loop devices".to_owned()),
        Err(error) => Err(format!(
            "{}: e2fsprogs, /dev/loop-control and free loop devices are needed",
            with_source(&error)
        )),
    }
}

fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) if !error.to_string().contains(&source.to_string()) => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}

/// Settings that keep ordinary users from making namespaces.
fn hints() -> Vec<String> {
    let settings = [
        (
            "kernel/unprivileged_userns_clone",
            "0",
            "ordinary users may not make user namespaces (kernel.unprivileged_userns_clone is 0): set it to 1 with sysctl, or run \
             the server as root",
        ),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1): allow it for \
             bailey-agent with a profile, or run as root",
        ),
        (
            "user/max_user_namespaces",
            "0",
            "no user namespaces are allowed (user.max_user_namespaces is 0): raise it with sysctl",
        ),
    ];
    settings
        .iter()
        .filter(|(path, value, _)| {
            fs::read_to_string(Path::new("/proc/sys").join(path)).is_ok_and(|text| text.trim() == *value)
        })
        .map(|(_, _, hint)| (*hint).to_owned())
        .collect()
}
