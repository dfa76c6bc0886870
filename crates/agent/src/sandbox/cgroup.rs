//! Limits by cgroup, version 2 or 1, whichever the machine has.
//!
//! The files are written by hand: what is needed of them is little, and differs between the versions.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use bailey_api::agent::{HomeStorage, Limit, SandboxSpec};
use bailey_core::template::Resources;

use super::SandboxError;
use machine::{Machine, Version};

mod group;
mod machine;

pub(super) use group::Group;

/// A period of CPU time in microseconds, as the kernel has it.
const PERIOD: u64 = 100_000;

/// What limits there are.
#[derive(Debug)]
pub(super) struct Limited {
    pub(super) group: Option<Group>,
    /// Where no cgroup counts processes, the kernel's older way does.
    pub(super) process_limit: Option<u64>,
}

/// Controllers as version 2 calls them; the last is `blkio` in version 1.
const LIMITS: &[(Limit, &str)] = &[
    (Limit::Cpu, "cpu"),
    (Limit::Memory, "memory"),
    (Limit::Processes, "pids"),
    (Limit::Io, "io"),
];

/// Makes the cgroups that a sandbox asks for. Fails for a limit that cannot be had, unless its absence is allowed.
pub(super) fn limit(spec: &SandboxSpec, state_dir: &Path) -> Result<Limited, SandboxError> {
    let missing = |limit: Limit, cause: String| {
        if spec.allow_missing.contains(&limit) {
            Ok(())
        } else {
            Err(SandboxError::Limit { limit, cause })
        }
    };
    let limits = &spec.limits;
    if limits.disk.is_some() && matches!(spec.home, HomeStorage::Directory(_)) {
        missing(
            Limit::Disk,
            "the home directory is not in an image of its own".to_owned(),
        )?;
    }
    let mut limited = Limited {
        group: None,
        process_limit: None,
    };
    let wanted: Vec<_> = LIMITS.iter().filter(|(limit, _)| is_wanted(limits, *limit)).collect();
    if wanted.is_empty() {
        return Ok(limited);
    }
    let machine = Machine::find();
    let name = state_dir.file_name().unwrap_or(state_dir.as_os_str());
    let mut group = Group::default();
    for (limit, controller) in wanted {
        let applied = machine.parent(controller).and_then(|parent| {
            let directory = parent.directory.join(name);
            group.add(&directory).map_err(|error| error.to_string())?;
            apply(&directory, parent.version, *limit, limits)
        });
        match applied {
            Ok(()) => {}
            Err(_) if *limit == Limit::Processes => limited.process_limit = limits.processes.map(u64::from),
            Err(cause) => missing(*limit, cause)?,
        }
    }
    limited.group = (!group.is_empty()).then_some(group);
    Ok(limited)
}

/// Limits that this machine has no cgroup for, and why.
pub(super) fn missing() -> BTreeMap<Limit, String> {
    let machine = Machine::find();
    LIMITS
        .iter()
        // Processes are counted without a cgroup as well.
        .filter(|(limit, _)| *limit != Limit::Processes)
        .filter_map(|(limit, controller)| Some((*limit, machine.parent(controller).err()?)))
        .collect()
}

/// Which cgroups this machine has for workspaces, in words.
pub(super) fn found() -> Option<String> {
    let machine = Machine::find();
    let mut versions = BTreeMap::new();
    for (_, controller) in LIMITS {
        if let Ok(parent) = machine.parent(controller) {
            let number = if parent.version == Version::Two { 2 } else { 1 };
            versions.entry(number).or_insert_with(Vec::new).push(*controller);
        }
    }
    let words: Vec<String> = versions
        .into_iter()
        .map(|(number, controllers)| format!("version {number} with {}", controllers.join(", ")))
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Removes the cgroups below ours that hold no process and belong to no agent that lives, and answers with their names. An
/// agent that is killed leaves them.
pub fn sweep() -> Vec<String> {
    group::sweep(&Machine::find().directories())
}

fn is_wanted(limits: &Resources, limit: Limit) -> bool {
    match limit {
        Limit::Cpu => limits.cpu_milli.is_some(),
        Limit::Memory => limits.memory.is_some(),
        Limit::Processes => limits.processes.is_some(),
        Limit::Io => limits.io_bytes.is_some(),
        Limit::Disk => limits.disk.is_some(),
    }
}

fn apply(directory: &Path, version: Version, limit: Limit, limits: &Resources) -> Result<(), String> {
    let write = |file: &str, value: String| {
        fs::write(directory.join(file), &value).map_err(|error| format!("cannot write {value} to {file}: {error}"))
    };
    match (limit, version) {
        (Limit::Cpu, _) => {
            let quota = u64::from(limits.cpu_milli.unwrap_or_default()) * PERIOD / 1000;
            if version == Version::Two {
                return write("cpu.max", format!("{quota} {PERIOD}"));
            }
            write("cpu.cfs_period_us", PERIOD.to_string())?;
            write("cpu.cfs_quota_us", quota.to_string())
        }
        (Limit::Memory, Version::Two) => {
            write("memory.max", limits.memory.unwrap_or_default().to_string())?;
            // Not there on a machine without swap.
            if directory.join("memory.swap.max").exists() {
                write("memory.swap.max", "0".to_owned())?;
            }
            Ok(())
        }
        (Limit::Memory, Version::One) => {
            let bytes = limits.memory.unwrap_or_default().to_string();
            let (memory, with_swap) = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes");
            if !directory.join(with_swap).exists() {
                return write(memory, bytes);
            }
            // The limit with swap is never below the one without, whatever stood there before.
            write(with_swap, "-1".to_owned())?;
            write(memory, bytes.clone())?;
            write(with_swap, bytes)
        }
        (Limit::Processes, _) => write("pids.max", limits.processes.unwrap_or_default().to_string()),
        (Limit::Io, _) => {
            let bytes = limits.io_bytes.unwrap_or_default();
            for device in disks().map_err(|error| format!("cannot list disks: {error}"))? {
                if version == Version::Two {
                    write("io.max", format!("{device} rbps={bytes} wbps={bytes}"))?;
                } else {
                    write("blkio.throttle.read_bps_device", format!("{device} {bytes}"))?;
                    write("blkio.throttle.write_bps_device", format!("{device} {bytes}"))?;
                }
            }
            Ok(())
        }
        (Limit::Disk, _) => Ok(()),
    }
}

/// Whole disks that are real, as `major:minor`: what goes to a loop device ends on one of them.
fn disks() -> io::Result<Vec<String>> {
    let mut disks = Vec::new();
    for entry in fs::read_dir("/sys/block")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !["loop", "ram", "zram"].iter().any(|kind| name.starts_with(kind)) {
            disks.push(fs::read_to_string(entry.path().join("dev"))?.trim().to_owned());
        }
    }
    Ok(disks)
}
