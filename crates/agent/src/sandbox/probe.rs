//! What this machine can do, found out by doing it.

use std::fs;
use std::path::Path;

use bailey_api::agent::{Capabilities, HomeStorage, Limit, Network, SandboxSpec};
use bailey_core::template::Resources;

use super::{cgroup, launch};

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
    if let Err(error) = launch::launch(
        program,
        &spec(HomeStorage::Directory(place.join("home"))),
        "probe",
        &place,
    ) {
        found.blockers.push(with_source(&error));
        found.blockers.extend(hints());
    } else if is_root {
        let image = HomeStorage::Image {
            path: place.join("home.ext4"),
            bytes: TRIAL_IMAGE,
        };
        if let Err(error) = launch::launch(program, &spec(image), "probe", &place) {
            found.missing.insert(Limit::Disk, with_source(&error));
        }
    } else {
        let cause = "only root can mount a home directory of a fixed size";
        found.missing.insert(Limit::Disk, cause.to_owned());
    }
    if !super::landlock::is_supported() {
        found
            .notes
            .push("the kernel has no Landlock: there is no second layer below the mounts".to_owned());
    }
    // What is left belongs to nobody and is in the way of nothing.
    let _ = fs::remove_dir_all(&place);
    found
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
            "kernel.unprivileged_userns_clone is 0",
        ),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1): allow it for \
             bailey-agent with a profile, or run as root",
        ),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces is 0"),
    ];
    settings
        .iter()
        .filter(|(path, value, _)| {
            fs::read_to_string(Path::new("/proc/sys").join(path)).is_ok_and(|text| text.trim() == *value)
        })
        .map(|(_, _, hint)| (*hint).to_owned())
        .collect()
}
