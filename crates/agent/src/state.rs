//! The agent's own directory, and the lock by which the driver sees that it lives.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// Held for the life of the agent; the kernel gives it back whatever way it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Takes `<state_dir>/lock` and writes this process's id into it.
///
/// # Errors
/// Where another agent holds it (`WouldBlock`), or the directory cannot be used.
pub(crate) fn lock(state_dir: &Path) -> io::Result<Lock> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(state_dir.join("lock"))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Lock { _file: file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_held_once_and_names_its_holder() {
        let directory = tempfile::tempdir().unwrap();
        let held = lock(directory.path()).unwrap();
        assert_eq!(lock(directory.path()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let text = fs::read_to_string(directory.path().join("lock")).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
        drop(held);
        lock(directory.path()).unwrap();
    }
}
