//! What a workspace uses, seen from outside it.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailey_api::agent::{HOME, HomeStorage};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

/// How many entries of a home directory are counted.
const MAX_ENTRIES: usize = 200_000;
const PAGE: u64 = 4096;
/// The kernel counts the time of processes in this many parts of a second, on every machine that Linux runs on today.
const TICKS: f64 = 100.0;

/// Bytes of memory in use.
pub(crate) fn memory(init: i32) -> Result<u64, String> {
    if let Some(cgroup) = Cgroup::of(init, "memory")
        && let Some(used) = cgroup.number(&["memory.current", "memory.usage_in_bytes"])
    {
        // Pages of files that can be dropped at any time are not in use.
        let idle = cgroup.field("memory.stat", &["inactive_file", "total_inactive_file"]);
        return Ok(used.saturating_sub(idle.unwrap_or(0)));
    }
    let resident = |process: &Process| process.resident;
    Ok(processes(init)?.iter().map(resident).sum())
}

/// The time of CPUs that was used so far.
pub(crate) fn cpu(init: i32) -> Result<Duration, String> {
    if let Some(cgroup) = Cgroup::of(init, "cpuacct") {
        if let Some(micros) = cgroup.field("cpu.stat", &["usage_usec"]) {
            return Ok(Duration::from_micros(micros));
        }
        if let Some(nanos) = cgroup.number(&["cpuacct.usage"]) {
            return Ok(Duration::from_nanos(nanos));
        }
    }
    // Without a group of its own: what its processes have used. That of those which have ended is counted by their parents.
    let used = |process: &Process| process.time;
    Ok(processes(init)?.iter().map(used).sum())
}

/// Bytes of the home directory in use.
pub(crate) fn disk(home: &HomeStorage, init: i32) -> Result<u64, String> {
    match home {
        HomeStorage::Image { .. } => {
            let path = format!("/proc/{init}/root{HOME}");
            let stat = rustix::fs::statvfs(&path).map_err(|error| error.to_string())?;
            Ok((stat.f_blocks - stat.f_bfree) * stat.f_frsize)
        }
        HomeStorage::Directory(path) => Ok(directory(path)),
    }
}

const INSIDE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

/// What the files below a directory take up; links are not followed.
fn directory(path: &Path) -> u64 {
    let (mut bytes, mut seen) = (0, 0);
    let Ok(home) = fs::File::open(path) else { return 0 };
    let mut left = vec![PathBuf::from(".")];
    while let Some(below) = left.pop() {
        // What was a directory may be a link by now, which leads out of the workspace.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(directory) = openat2(&home, &below, flags, Mode::empty(), INSIDE) else {
            continue;
        };
        let there = format!("/proc/self/fd/{}", directory.as_raw_fd());
        for entry in fs::read_dir(there).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MAX_ENTRIES {
                return bytes;
            }
            let Ok(metadata) = entry.metadata() else { continue };
            bytes += metadata.blocks() * 512;
            if metadata.is_dir() {
                left.push(below.join(entry.file_name()));
            }
        }
    }
    bytes
}

/// A control group that a workspace has for itself.
struct Cgroup(PathBuf);

impl Cgroup {
    /// The one of `init` for a controller of version 1, or of version 2 for all of them; `None` = it shares that of the agent.
    fn of(init: i32, controller: &str) -> Option<Self> {
        let theirs = fs::read_to_string(format!("/proc/{init}/cgroup")).ok()?;
        let ours = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = own(&theirs, &ours, controller)?;
        Some(Self(path))
    }

    fn number(&self, files: &[&str]) -> Option<u64> {
        let read = |file: &&str| fs::read_to_string(self.0.join(file)).ok()?.trim().parse().ok();
        files.iter().find_map(read)
    }

    fn field(&self, file: &str, names: &[&str]) -> Option<u64> {
        let text = fs::read_to_string(self.0.join(file)).ok()?;
        names.iter().find_map(|name| field(&text, name))
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The directory of a group that is in `theirs` and not in `ours`, each the text of a `/proc/PID/cgroup`.
fn own(theirs: &str, ours: &str, controller: &str) -> Option<PathBuf> {
    let find = |text: &str, controller: &str| {
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            let matches = if controller.is_empty() {
                number == "0" && controllers.is_empty()
            } else {
                controllers.split(',').any(|name| name == controller)
            };
            matches.then(|| (controllers.to_owned(), path.to_owned()))
        })
    };
    [controller, ""].into_iter().find_map(|controller| {
        let (controllers, path) = find(theirs, controller)?;
        if find(ours, controller).is_some_and(|(_, ours)| ours == path) {
            return None;
        }
        let hierarchy = if controllers.is_empty() {
            "unified"
        } else {
            &controllers
        };
        let relative = path.trim_start_matches('/');
        [
            Path::new("/sys/fs/cgroup").join(hierarchy),
            PathBuf::from("/sys/fs/cgroup"),
        ]
        .into_iter()
        .map(|mount| mount.join(relative))
        .find(|path| path.is_dir())
    })
}

struct Process {
    resident: u64,
    time: Duration,
}

/// The processes of a workspace: those that share the process namespace of its init.
fn processes(init: i32) -> Result<Vec<Process>, String> {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/pid")).ok();
    let theirs = namespace(&init.to_string()).ok_or("its processes cannot be seen")?;
    let entries = fs::read_dir("/proc").map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name
            .to_str()
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        else {
            continue;
        };
        if namespace(name).as_ref() == Some(&theirs)
            && let Some(process) = fs::read_to_string(format!("/proc/{name}/stat"))
                .ok()
                .as_deref()
                .and_then(stat)
        {
            found.push(process);
        }
    }
    Ok(found)
}

/// Reads a `/proc/PID/stat`. The name, in parentheses, may hold anything.
fn stat(text: &str) -> Option<Process> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    // utime, stime, cutime and cstime, counted from the state, which is the third field.
    let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
    #[expect(clippy::cast_precision_loss, reason = "centuries of CPU time fit")]
    let time = Duration::from_secs_f64(ticks as f64 / TICKS);
    Some(Process {
        resident: number(21)? * PAGE,
        time,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_group_is_nobodys_own() {
        let ours = "4:memory:/a\n0::/a\n";
        assert_eq!(own("4:memory:/a\n0::/a\n", ours, "memory"), None);
        // A group that is its own, in whichever place this machine has its groups; `/` always is one.
        assert!(own("4:memory:/\n0::/\n", ours, "memory").is_some());
    }

    #[test]
    fn fields_and_processes_are_read() {
        assert_eq!(field("usage_usec 12\nuser_usec 3\n", "usage_usec"), Some(12));
        assert_eq!(field("usage_usec_x 12\n", "usage_usec"), None);
        let line = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 100 1000 25 18446744073709551615";
        let process = stat(line).unwrap();
        assert_eq!((process.resident, process.time), (25 * PAGE, Duration::from_secs(2)));
        assert!(stat("7 (a").is_none());
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(memory(me).unwrap() > 0);
        cpu(me).unwrap();
    }

    #[test]
    fn a_directory_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        fs::write(directory.path().join("a/b"), vec![1; 100_000]).unwrap();
        std::os::unix::fs::symlink("/usr", directory.path().join("link")).unwrap();
        let home = HomeStorage::Directory(directory.path().to_owned());
        let bytes = disk(&home, 0).unwrap();
        assert!((100_000..200_000).contains(&bytes), "{bytes}");
    }
}
