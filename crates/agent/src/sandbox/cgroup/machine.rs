//! Where this machine has cgroups.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::LIMITS;
use super::group::ENTRANCE;

/// The cgroup that holds those of all workspaces.
const PARENT: &str = "bailey";
const CONTROLLERS: &str = "cgroup.controllers";
const DELEGATED: &str = "cgroup.subtree_control";

/// Where cgroups are found: by controller, the directory that holds those of all workspaces, or why there is none.
#[derive(Debug, Default)]
pub(super) struct Machine {
    parents: BTreeMap<&'static str, Parent>,
}

#[derive(Debug, Clone)]
pub(super) struct Parent {
    pub(super) directory: PathBuf,
    pub(super) version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Machine {
    pub(super) fn find() -> Self {
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

    pub(super) fn parent(&self, controller: &str) -> Result<&Parent, String> {
        self.parents.get(controller).ok_or_else(|| {
            let why = format!("there is no cgroup controller {controller} that may be used");
            if rustix::process::geteuid().is_root() {
                format!("{why}: mount cgroup2 writable at /sys/fs/cgroup, with {controller} enabled")
            } else {
                format!("{why}: run the server as root, or as a systemd service with Delegate=yes")
            }
        })
    }

    /// All directories that hold cgroups of workspaces.
    pub(super) fn directories(&self) -> BTreeSet<PathBuf> {
        self.parents.values().map(|parent| parent.directory.clone()).collect()
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
