//! What lies on the disk: looking for it, keeping it, and taking it away.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;
use std::{fs, io};

use bailey_core::Timestamp;
use bailey_core::template::{Base, Root};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use super::{LayerStore, blocking, remove};

/// What names begin with of what is not finished, and of what is about to be removed.
pub(super) const NEW: &str = ".new-";
const OLD: &str = ".old-";
/// How often something is removed that a process which just ended may still have written to.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// Something that templates are built of, by its SHA-256 (hex).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// What an install script left at `/opt`.
    Layer(String),
    /// An unpacked root archive.
    Root(String),
}

impl Piece {
    /// What a workspace with this base needs.
    pub fn of(base: &Base) -> Vec<Self> {
        let root = match &base.root {
            Root::Host => None,
            Root::Archive(digest) => Some(Self::Root(digest.clone())),
        };
        let layers = base.layers.iter().cloned().map(Self::Layer);
        layers.chain(root).collect()
    }

    /// Its digest.
    pub fn digest(&self) -> &str {
        let (Self::Layer(digest) | Self::Root(digest)) = self;
        digest
    }

    /// Enough of its digest for people to know it by.
    pub fn short(&self) -> &str {
        self.digest().get(..12).unwrap_or_else(|| self.digest())
    }

    const fn directory(&self) -> &'static str {
        match self {
            Self::Layer(_) => LAYERS,
            Self::Root(_) => ROOTS,
        }
    }
}

const LAYERS: &str = "layers";
const ROOTS: &str = "roots";

impl LayerStore {
    pub(super) fn directory(&self, piece: &Piece) -> PathBuf {
        self.options.data_dir.join(piece.directory())
    }

    /// Where a piece lies, or will.
    pub fn path(&self, piece: &Piece) -> PathBuf {
        self.directory(piece).join(piece.digest())
    }

    /// Whether a piece is there.
    pub fn is_there(&self, piece: &Piece) -> bool {
        self.path(piece).is_dir()
    }

    /// Whether a piece is there; if so, it counts as used from now on, and is not taken away for the time that
    /// [`Self::retire`] is given.
    pub fn hold(&self, piece: &Piece) -> io::Result<bool> {
        let _taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        let times = Timestamps {
            last_access: at(UTIME_OMIT),
            last_modification: at(UTIME_NOW),
        };
        match rustix::fs::utimensat(CWD, self.path(piece), &times, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// All pieces that are there.
    pub fn pieces(&self) -> io::Result<Vec<Piece>> {
        let mut found = Vec::new();
        for (directory, piece) in [
            (LAYERS, Piece::Layer as fn(String) -> Piece),
            (ROOTS, Piece::Root as fn(String) -> Piece),
        ] {
            for name in names(&self.options.data_dir.join(directory))? {
                if !name.starts_with('.') {
                    found.push(piece(name));
                }
            }
        }
        Ok(found)
    }

    /// Takes a piece away that nobody has held since `before`; says whether it did. What uses it now keeps it until it ends.
    pub async fn retire(&self, piece: &Piece, before: Timestamp) -> io::Result<bool> {
        let Some(old) = self.put_aside(piece, before)? else {
            return Ok(false);
        };
        blocking(move || remove(&old)).await?;
        Ok(true)
    }

    fn put_aside(&self, piece: &Piece, before: Timestamp) -> io::Result<Option<PathBuf>> {
        let old = self.unfinished(piece);
        let name = old.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let old = old.with_file_name(name.replacen(NEW, OLD, 1));
        let path = self.path(piece);
        let _taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let about = match fs::metadata(&path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let used = about.modified()?.duration_since(std::time::UNIX_EPOCH);
        let used = used.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        if used >= before.micros() {
            return Ok(None);
        }
        fs::rename(&path, &old)?;
        Ok(Some(old))
    }

    /// Removes what an earlier server left half made or half removed. Nothing may be built yet. Answers with how many there
    /// were.
    pub async fn sweep(&self) -> io::Result<usize> {
        let mut count = 0;
        for directory in [LAYERS, ROOTS] {
            let directory = self.options.data_dir.join(directory);
            for name in names(&directory)? {
                if !name.starts_with(NEW) && !name.starts_with(OLD) {
                    continue;
                }
                count += 1;
                let path = directory.join(name);
                // The script of a server that was killed may be on its way out.
                for attempt in 1.. {
                    let path = path.clone();
                    match blocking(move || remove(&path)).await {
                        Err(error) if attempt >= TRIES => return Err(error),
                        Err(_) => tokio::time::sleep(PAUSE).await,
                        Ok(()) => break,
                    }
                }
            }
        }
        Ok(count)
    }
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect())
}
