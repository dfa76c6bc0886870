//! The cgroups of one sandbox, from their making to their removal.
//!
//! An agent holds a shared lock on each of its cgroups for as long as it lives. Before the sandbox's first process is in it, a
//! cgroup is as empty as one that was left behind: the lock is what tells them apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

/// The file of a cgroup that processes enter by.
pub(super) const ENTRANCE: &str = "cgroup.procs";
/// How often, and how long apart, the end of a cgroup's last process is looked for.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);
/// How often a cgroup is made again that was swept before it was locked.
const SWEPT: u32 = 100;

/// One directory with version 2, one for each controller with version 1. Dropping it removes them.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Group {
    /// With what holds their locks.
    directories: BTreeMap<PathBuf, File>,
}

impl Group {
    /// Files to write a process into.
    pub(in crate::sandbox) fn entrances(&self) -> Vec<PathBuf> {
        self.directories
            .keys()
            .map(|directory| directory.join(ENTRANCE))
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.directories.is_empty()
    }

    pub(super) fn add(&mut self, directory: &Path) -> io::Result<()> {
        if !self.directories.contains_key(directory) {
            let lock = make(directory)?;
            self.directories.insert(directory.to_owned(), lock);
        }
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for directory in self.directories.keys() {
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

/// Makes a cgroup and locks it. One that is left of a sandbox whose agent was killed is empty by now, and is taken.
fn make(directory: &Path) -> io::Result<File> {
    for _ in 0..SWEPT {
        match fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let file = match File::open(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        // Whoever sweeps has it for a moment only.
        flock(&file, FlockOperation::LockShared)?;
        // It may have been swept before the lock, and another agent's may be there in its place.
        let held = file.metadata()?;
        if fs::metadata(directory).is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())) {
            return Ok(file);
        }
        std::thread::sleep(PAUSE);
    }
    Err(io::Error::other("it is removed as often as it is made"))
}

/// Removes what is below these directories and has no lock. What ran in it was killed with its agent, and is waited for until
/// the kernel has taken it off the books.
pub(super) fn sweep(directories: &BTreeSet<PathBuf>) -> Vec<String> {
    let mut removed = BTreeSet::new();
    for _ in 0..TRIES {
        if !sweep_once(directories, &mut removed) {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    removed.into_iter().collect()
}

/// Whether something without a lock still holds a process.
fn sweep_once(directories: &BTreeSet<PathBuf>, removed: &mut BTreeSet<String>) -> bool {
    let mut busy = false;
    let entries = directories.iter().filter_map(|directory| fs::read_dir(directory).ok());
    for entry in entries.flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        // The kernel refuses to remove one that holds a process.
        match fs::remove_dir(entry.path()) {
            Ok(()) => {
                removed.insert(entry.file_name().to_string_lossy().into_owned());
            }
            Err(error) => busy |= error.kind() == io::ErrorKind::ResourceBusy,
        }
    }
    busy
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn what_an_agent_holds_is_kept_and_what_it_left_is_swept() {
        let parent = tempfile::tempdir().unwrap();
        let parents = BTreeSet::from([parent.path().to_owned()]);
        let (held, left) = (parent.path().join("held"), parent.path().join("left"));
        let mut group = Group::default();
        group.add(&held).unwrap();
        group.add(&held).unwrap();
        fs::create_dir(&left).unwrap();
        fs::write(parent.path().join(ENTRANCE), "").unwrap();
        assert_eq!(sweep(&parents), ["left"]);
        assert_eq!(group.entrances(), [held.join(ENTRANCE)]);
        assert!(held.exists() && !left.exists());
        // As a killed agent leaves it: the kernel has let go of its lock.
        group
            .directories
            .values()
            .for_each(|file| flock(file, FlockOperation::Unlock).unwrap());
        assert_eq!(sweep(&parents), ["held"]);
    }

    #[test]
    fn none_is_swept_from_under_an_agent_that_is_launching() {
        let parent = tempfile::tempdir().unwrap();
        let parents = BTreeSet::from([parent.path().to_owned()]);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let sweeper = scope.spawn(|| {
                let mut swept = 0;
                while !done.load(Ordering::Relaxed) {
                    swept += sweep(&parents).len();
                    // One that nobody holds, so that there is always something to sweep.
                    let _ = fs::create_dir(parent.path().join("left"));
                }
                swept
            });
            let directory = parent.path().join("group");
            let held = (0..500).all(|_| {
                let mut group = Group::default();
                let made = group.add(&directory).is_ok() && directory.exists();
                std::thread::yield_now();
                made && directory.exists()
            });
            // Before anything is judged: the sweeper goes on until it is told.
            done.store(true, Ordering::Relaxed);
            assert!(sweeper.join().unwrap() > 0);
            assert!(held);
        });
    }
}
