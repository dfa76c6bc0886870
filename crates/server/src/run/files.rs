//! What a server keeps in its data directory besides the database: a lock, its id, its master key.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use bailey_core::{ReplicaId, Secret};
use bailey_runtime::Clock;
use bailey_runtime::config::Config;
use bailey_runtime::ids::{self, NewId as _};

use super::RunError;
use crate::audit::AuditKey;
use crate::identity::MasterKey;

/// The file with what every other key is derived from.
const SECRET_KEY: &str = "secret-key";

/// Makes the data directory if need be, for its owner's eyes only.
pub fn data_dir(config: &Config) -> Result<&Path, RunError> {
    let dir = config.server.data_dir.as_path();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| RunError::DataDir {
        dir: dir.to_owned(),
        source,
    })?;
    Ok(dir)
}

pub(super) fn lock(dir: &Path) -> Result<File, RunError> {
    let error = |source| RunError::DataDir {
        dir: dir.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(dir.join("lock"))
        .map_err(error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RunError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(error(source)),
    }
}

/// This server's own id, made at its first start: leases and the journal belong to it.
pub(super) fn replica(dir: &Path, clock: &Clock) -> Result<ReplicaId, std::io::Error> {
    let path = dir.join("replica-id");
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(std::io::Error::other),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = ReplicaId::new_at(clock.now());
            let mut file = OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&path)?;
            writeln!(file, "{id}")?;
            file.sync_all()?;
            Ok(id)
        }
        Err(error) => Err(error),
    }
}

/// What the keys of every purpose are derived from, made at the first start: what they protect outlives the process.
pub(super) fn secret_key(dir: &Path) -> Result<MasterKey, std::io::Error> {
    let path = dir.join(SECRET_KEY);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let key = bytes.try_into().map_err(|_| {
                let what = format!("{} must have 32 bytes; put the one back that was there", path.display());
                std::io::Error::new(std::io::ErrorKind::InvalidData, what)
            });
            key.map(|key| MasterKey::new(Secret::new(key)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key: [u8; 32] = ids::random().map_err(std::io::Error::other)?;
            // Renamed into place, so that a crash leaves no half a key.
            let part = dir.join("secret-key.part");
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&part)?;
            file.write_all(&key)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)?;
            Ok(MasterKey::new(Secret::new(key)))
        }
        Err(error) => Err(error),
    }
}

/// The key that the audit log's anchors are signed with; its public half proves them.
///
/// # Errors
/// Where the data directory has no key: the first start of a server makes it.
pub fn audit_key(config: &Config) -> Result<AuditKey, RunError> {
    let dir = config.server.data_dir.as_path();
    let path = dir.join(SECRET_KEY);
    if !path.is_file() {
        let what = format!("there is no {}: the first start of the server makes it", path.display());
        return Err(data_dir_error(dir)(std::io::Error::new(
            std::io::ErrorKind::NotFound,
            what,
        )));
    }
    let key = secret_key(dir).map_err(data_dir_error(dir))?;
    Ok(AuditKey::new(&key))
}

pub(super) fn data_dir_error(dir: &Path) -> impl Fn(std::io::Error) -> RunError {
    let dir = dir.to_owned();
    move |source| RunError::DataDir {
        dir: dir.clone(),
        source,
    }
}
