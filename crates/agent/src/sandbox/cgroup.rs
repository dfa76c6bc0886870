//! Limits by cgroup, version 2 or 1, whichever the machine has.
//!
//! The files are written by hand: what is needed of them is little, and differs between the versions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailey_api::agent::{HomeStorage, Limit, SandboxSpec};
use bailey_core::template::Resources;

use super::SandboxError;

/// The cgroup that holds those of all workspaces.
const PARENT: &str = "bailey";
/// How often, and how long in between, what is left of a killed sandbox is tried to be removed.
const FORGET_TRIES: u32 = 100;
const FORGET_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);
const ENTRANCE: &str = "cgroup.procs";
const CONTROLLERS: &str = "cgroup.controllers";
const DELEGATED: &str = "cgroup.subtree_control";
/// How often, and how long apart, the end of a cgroup's last process is looked for.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);
/// A period of CPU time in microseconds, as the kernel has it.
const PERIOD: u64 = 100_000;

/// The cgroups of one sandbox: one directory with version 2, one for each controller with version 1. Dropping it ends what
/// is left in them and removes them.
#[derive(Debug, Default)]
pub(super) struct Group {
    directories: Vec<PathBuf>,
}

impl Group {
    /// Files to write a process into.
    pub(super) fn entrances(&self) -> Vec<PathBuf> {
        self.directories
            .iter()
            .map(|directory| directory.join(ENTRANCE))
            .collect()
    }

    fn add(&mut self, directory: PathBuf) -> io::Result<()> {
        // One that is left of a sandbox whose agent was killed is empty by now.
        match fs::create_dir(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if !self.directories.contains(&directory) {
            self.directories.push(directory);
        }
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for directory in &self.directories {
            // Init has ended, and with it all processes; the kernel may need a moment to take them off the books.
            for _ in 0..TRIES {
                match fs::remove_dir(directory) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(PAUSE),
                    _ => break,
                }
            }
        }
    }
}

/// What limits there are.
#[derive(Debug)]
pub(super) struct Limited {
    pub(super) group: Option<Group>,
    /// Where no cgroup counts processes, the kernel's older way does.
    pub(super) process_limit: Option<u64>,
}

/// Where cgroups are found: by controller, the directory that holds those of all workspaces, or why there is none.
#[derive(Debug, Default)]
struct Machine {
    parents: BTreeMap<&'static str, Parent>,
}

#[derive(Debug, Clone)]
struct Parent {
    directory: PathBuf,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
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
            group.add(directory.clone()).map_err(|error| error.to_string())?;
            apply(&directory, parent.version, *limit, limits)
        });
        match applied {
            Ok(()) => {}
            Err(_) if *limit == Limit::Processes => limited.process_limit = limits.processes.map(u64::from),
            Err(cause) => missing(*limit, cause)?,
        }
    }
    limited.group = (!group.directories.is_empty()).then_some(group);
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

/// Removes the cgroups below ours that hold no process and are not in `keep`, and answers with their names. An agent that
/// is killed leaves them. `keep` names every sandbox that runs or is being made.
pub fn sweep(keep: &[String]) -> Vec<String> {
    remove(|name| !keep.iter().any(|kept| kept == name)).0
}

/// Removes the cgroups of sandboxes of these names, and answers with the names of those. What ran in them was killed, and is
/// waited for until the kernel has taken it off the books.
pub fn forget(names: &[String]) -> Vec<String> {
    let mut all = BTreeSet::new();
    for _ in 0..FORGET_TRIES {
        let (removed, left) = remove(|name| names.iter().any(|forgotten| forgotten == name));
        all.extend(removed);
        if !left {
            break;
        }
        std::thread::sleep(FORGET_PAUSE);
    }
    all.into_iter().collect()
}

/// Removes what is wanted; says what was, and whether some of it is still there.
fn remove(wanted: impl Fn(&str) -> bool) -> (Vec<String>, bool) {
    let (mut removed, mut left) = (BTreeSet::new(), false);
    let directories: BTreeSet<PathBuf> = Machine::find()
        .parents
        .into_values()
        .map(|parent| parent.directory)
        .collect();
    for entry in directories
        .iter()
        .filter_map(|directory| fs::read_dir(directory).ok())
        .flatten()
    {
        let Ok(entry) = entry else { continue };
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !wanted(&name) {
            continue;
        }
        // The kernel refuses to remove one that holds a process, and a file.
        match fs::remove_dir(entry.path()) {
            Ok(()) => {
                removed.insert(name);
            }
            Err(error) => left |= error.kind() == io::ErrorKind::ResourceBusy,
        }
    }
    (removed.into_iter().collect(), left)
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

impl Machine {
    fn find() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::read(&mounts, &own, rustix::process::geteuid().is_root())
    }

    fn read(mounts: &str, own: &str, is_root: bool) -> Self {
        let mut machine = Self::default();
        for mount in mounts.lines().filter_map(Mount::parse) {
            match mount.kind {
                "cgroup" => machine.version_one(&mount, own),
                "cgroup2" => machine.version_two(&mount, own, is_root),
                _ => {}
            }
        }
        machine
    }

    fn parent(&self, controller: &str) -> Result<&Parent, String> {
        self.parents
            .get(controller)
            .ok_or_else(|| format!("there is no cgroup controller {controller} that may be used"))
    }

    /// Below the cgroup of this process, whose limits then hold for all.
    fn version_one(&mut self, mount: &Mount<'_>, own: &str) {
        for (_, controller) in LIMITS {
            let name = if *controller == "io" { "blkio" } else { controller };
            if !mount.options.split(',').any(|option| option == name) {
                continue;
            }
            let path = own.lines().find_map(|line| {
                let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
                controllers.split(',').any(|other| other == name).then_some(path)
            });
            let directory = mount.below(path.unwrap_or("/")).join(PARENT);
            if is_made(&directory) && is_writable(&directory) {
                let version = Version::One;
                self.parents.insert(controller, Parent { directory, version });
            }
        }
    }

    /// Root makes its cgroup at the top, where processes do not stand in the way. Others look upwards for the first one that
    /// they may use: their own holds this process, and so cannot hold cgroups with limits.
    fn version_two(&mut self, mount: &Mount<'_>, own: &str, is_root: bool) {
        let path = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
        let own = mount.below(path);
        let top = mount.at.clone();
        let candidates: Vec<PathBuf> = if is_root {
            vec![top]
        } else {
            own.ancestors()
                .skip(1)
                .take_while(|at| at.starts_with(&top))
                .map(Path::to_owned)
                .collect()
        };
        for candidate in candidates {
            let directory = candidate.join(PARENT);
            if !is_made(&directory) || !is_writable(&directory) {
                continue;
            }
            for (_, controller) in LIMITS {
                if has(&directory, DELEGATED, controller)
                    || (delegate(&candidate, controller) && delegate(&directory, controller))
                {
                    let (directory, version) = (directory.clone(), Version::Two);
                    self.parents.insert(controller, Parent { directory, version });
                }
            }
            return;
        }
    }
}

fn is_made(directory: &Path) -> bool {
    match fs::create_dir(directory) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::AlreadyExists,
    }
}

fn is_writable(directory: &Path) -> bool {
    fs::OpenOptions::new()
        .write(true)
        .open(directory.join(ENTRANCE))
        .is_ok()
}

fn has(directory: &Path, file: &str, controller: &str) -> bool {
    fs::read_to_string(directory.join(file)).is_ok_and(|text| text.split_whitespace().any(|name| name == controller))
}

/// Lets the cgroups in a directory use a controller.
fn delegate(directory: &Path, controller: &str) -> bool {
    has(directory, DELEGATED, controller)
        || (has(directory, CONTROLLERS, controller)
            && fs::write(directory.join(DELEGATED), format!("+{controller}")).is_ok())
}

/// A line of `mountinfo`, in part.
struct Mount<'a> {
    /// What of the file system is mounted: a container may see a part of it alone.
    part: &'a str,
    at: PathBuf,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let mut after = after.split(' ');
        Some(Self {
            part: before.next()?,
            at: PathBuf::from(before.next()?),
            kind: after.next()?,
            options: after.nth(1)?,
        })
    }

    /// Where a path of `/proc/self/cgroup` lies.
    fn below(&self, path: &str) -> PathBuf {
        let path = path.strip_prefix(self.part.trim_end_matches('/')).unwrap_or(path);
        self.at.join(path.trim_start_matches('/'))
    }
}
