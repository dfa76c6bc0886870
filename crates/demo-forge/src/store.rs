//! The forge's file: read at start, written whole and at once with each change.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{State, VERSION};

/// The state's file in the forge's directory.
const FILE: &str = "forge.json";
/// What is written before it takes the file's place.
const NEXT: &str = "forge.json.next";
/// Held by the forge that runs.
const LOCK: &str = "forge.lock";
/// The directory of the repositories.
const REPOSITORIES: &str = "repositories";

/// The forge's directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something in it cannot be read or written.
    #[error("{path}: cannot be {doing}")]
    Io {
        /// What.
        path: PathBuf,
        /// What was to be done with it.
        doing: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It has something else in it.
    #[error("{0}: not empty and no demo forge's directory; nothing in it was touched")]
    NotOurs(PathBuf),
    /// Another forge uses it.
    #[error("{0}: another demo forge runs in this directory")]
    InUse(PathBuf),
    /// The file is broken, or another version's.
    #[error("{path}: not a demo forge's state of version {VERSION}; move the directory away to begin anew")]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Option<serde_json::Error>,
    },
}

/// The state, and where it is kept.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    state: Mutex<State>,
    /// Locked while the forge runs; the lock ends with the process.
    _lock: File,
}

impl Store {
    /// Opens the directory, and makes it where it is not there. The second part says whether it is new.
    pub(crate) fn open(directory: &Path) -> Result<(Self, bool), StoreError> {
        let file = directory.join(FILE);
        let failed = |path: &Path, doing: &'static str| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, doing, source }
        };
        fs::create_dir_all(directory).map_err(failed(directory, "made"))?;
        let strange = fs::read_dir(directory)
            .map_err(failed(directory, "read"))?
            .filter_map(Result::ok)
            .any(|entry| !is_ours(&entry.file_name().to_string_lossy()));
        let known = file.symlink_metadata().is_ok_and(|found| found.is_file());
        if strange && !known {
            return Err(StoreError::NotOurs(directory.to_owned()));
        }
        // Secrets of webhooks are in it.
        fs::set_permissions(directory, Permissions::from_mode(0o700)).map_err(failed(directory, "closed to others"))?;
        let lock = lock(&directory.join(LOCK))?;
        let repositories = directory.join(REPOSITORIES);
        match repositories.symlink_metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(StoreError::NotOurs(repositories)),
            Err(_) => fs::create_dir(&repositories).map_err(failed(&repositories, "made"))?,
        }
        let state = if known { read(&file)? } else { State::default() };
        let store = Self {
            directory: directory.to_owned(),
            state: Mutex::new(state),
            _lock: lock,
        };
        Ok((store, !known))
    }

    /// The directory of the repositories.
    pub(crate) fn repositories(&self) -> PathBuf {
        self.directory.join(REPOSITORIES)
    }

    /// A project's repository. Its name is made of the id alone.
    pub(crate) fn repository(&self, project: i64) -> PathBuf {
        self.repositories().join(format!("{project}.git"))
    }

    /// Looks at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state. Where the change fails, or cannot be written, nothing has changed.
    pub(crate) fn change<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut state = self.lock();
        let mut next = state.clone();
        let done = change(&mut next)?;
        next.version = VERSION;
        self.write(&next)?;
        *state = next;
        Ok(done)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, state: &State) -> Result<(), StoreError> {
        let (next, file) = (self.directory.join(NEXT), self.directory.join(FILE));
        let write = || -> io::Result<()> {
            let text = serde_json::to_vec_pretty(state)?;
            let mut out = File::create(&next)?;
            out.set_permissions(Permissions::from_mode(0o600))?;
            out.write_all(&text)?;
            out.sync_data()?;
            fs::rename(&next, &file)
        };
        write().map_err(|source| StoreError::Io {
            path: file.clone(),
            doing: "written",
            source,
        })
    }
}

fn is_ours(name: &str) -> bool {
    [FILE, NEXT, LOCK, REPOSITORIES].contains(&name)
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let failed = |source| StoreError::Io {
        path: path.to_owned(),
        doing: "locked",
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.parent().unwrap_or(path).to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn read(file: &Path) -> Result<State, StoreError> {
    let bytes = fs::read(file).map_err(|source| StoreError::Io {
        path: file.to_owned(),
        doing: "read",
        source,
    })?;
    let shape = |source| StoreError::Shape {
        path: file.to_owned(),
        source,
    };
    let state: State = serde_json::from_slice(&bytes).map_err(|error| shape(Some(error)))?;
    if state.version == VERSION {
        Ok(state)
    } else {
        Err(shape(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_change_that_fails_changes_nothing() {
        let home = directory();
        let (store, new) = Store::open(home.path()).unwrap();
        assert!(new);
        store
            .change(|state| {
                state.last_id = 7;
                Ok::<_, StoreError>(())
            })
            .unwrap();
        let failed: Result<(), StoreError> = store.change(|state| {
            state.last_id = 8;
            Err(StoreError::NotOurs(PathBuf::new()))
        });
        assert!(failed.is_err());
        assert_eq!(store.read(|state| state.last_id), 7);
        drop(store);
        let (store, new) = Store::open(home.path()).unwrap();
        assert!(!new);
        assert_eq!(store.read(|state| state.last_id), 7);
    }

    #[test]
    fn two_forges_do_not_share_a_directory() {
        let home = directory();
        let _first = Store::open(home.path()).unwrap();
        assert!(matches!(Store::open(home.path()), Err(StoreError::InUse(_))));
    }

    #[test]
    fn a_directory_with_something_else_in_it_is_left_alone() {
        let home = directory();
        fs::write(home.path().join("thesis.tex"), "years of work").unwrap();
        let before = home.path().metadata().unwrap().permissions();
        assert!(matches!(Store::open(home.path()), Err(StoreError::NotOurs(_))));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        assert_eq!(home.path().metadata().unwrap().permissions(), before);
    }

    #[test]
    fn a_link_is_no_place_for_repositories() {
        let (home, other) = (directory(), directory());
        std::os::unix::fs::symlink(other.path(), home.path().join(REPOSITORIES)).unwrap();
        assert!(matches!(Store::open(home.path()), Err(StoreError::NotOurs(_))));
    }

    #[test]
    fn a_broken_file_is_said_to_be_broken() {
        let home = directory();
        fs::write(home.path().join(FILE), "{").unwrap();
        assert!(matches!(Store::open(home.path()), Err(StoreError::Shape { .. })));
        fs::write(home.path().join(FILE), "{\"version\": 99}").unwrap();
        assert!(matches!(Store::open(home.path()), Err(StoreError::Shape { .. })));
    }
}
