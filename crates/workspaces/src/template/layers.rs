//! Layers: what a template's install script leaves at `/opt`, made once and known by the SHA-256 of what it was made from.
//! Root file systems lie beside them.
//!
//! A [`Piece`] is whole or absent: it is made under another name and renamed when all of it is on the disk. What a killed
//! server left half made is removed by [`LayerStore::sweep`].

mod files;
mod job;
mod output;
mod pieces;
mod script;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, io};

use bailey_runtime::failpoint;
use tokio_util::sync::CancellationToken;

pub use job::LayerJob;
pub use pieces::Piece;

use crate::remove::remove;

/// How layers are built on this machine.
#[derive(Debug, Clone)]
pub struct LayerOptions {
    /// The program `bailey-agent`.
    pub agent: PathBuf,
    /// Where layers and roots lie: in `layers` and `roots` below.
    pub data_dir: PathBuf,
    /// The account of the host that install scripts run as, where the server runs as root.
    pub host_id: u32,
    /// Certificate authorities (PEM files) that are trusted inside.
    pub certificates: Vec<PathBuf>,
    /// The longest time that an install script may take.
    pub timeout: Duration,
    /// Bytes of the disk that a build leaves free; it ends where there are fewer.
    pub keep_free: u64,
}

/// A layer was not built. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The script failed.
    #[error("the install script ended with status {0}")]
    Script(i32),
    /// The script took too long.
    #[error("the install script took longer than {} s", .0.as_secs())]
    Slow(Duration),
    /// The script could not be run.
    #[error("the install script could not be run")]
    NotRun,
    /// The disk is almost full.
    #[error(
        "the disk with {} has only {} MiB left, less than the {} MiB that a build leaves free", .path.display(),
        .free >> 20, .keep >> 20
    )]
    Full {
        /// Where.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that stay free.
        keep: u64,
    },
    /// It was asked to stop.
    #[error("the server is shutting down")]
    Stopped,
    /// The root archive.
    #[error(transparent)]
    Root(#[from] super::RootError),
    /// A step failed.
    #[error("cannot {step}")]
    Step {
        /// The step, as "start the agent".
        step: &'static str,
        /// Why.
        source: io::Error,
    },
}

fn step(step: &'static str) -> impl FnOnce(io::Error) -> LayerError {
    move |source| LayerError::Step { step, source }
}

/// The layers and roots of this machine. Whoever builds sees to it that no piece is built twice at once; it would only cost
/// time.
#[derive(Debug)]
pub struct LayerStore {
    options: LayerOptions,
    /// Held while a piece is found in use or is taken away, so that never both happen.
    taking: Mutex<()>,
    /// Directories of builds have numbers.
    number: AtomicU64,
}

impl LayerStore {
    /// The layers below a data directory.
    pub const fn new(options: LayerOptions) -> Self {
        Self {
            options,
            taking: Mutex::new(()),
            number: AtomicU64::new(1),
        }
    }

    /// Builds what a job describes, unless it is there. `line` gets what there is to say, the script's output included.
    /// Once `stop` is cancelled, the build ends with [`LayerError::Stopped`] and leaves nothing.
    pub async fn build(
        &self,
        job: &LayerJob,
        line: impl Fn(String) + Send + Sync,
        stop: &CancellationToken,
    ) -> Result<(), LayerError> {
        self.options.room()?;
        let root = self.root(job, &line, stop).await?;
        let Some(digest) = &job.layer else {
            return Ok(());
        };
        let piece = Piece::Layer(digest.clone());
        if self.is_there(&piece) {
            line(format!("layer {}: there already", piece.short()));
            return Ok(());
        }
        let new = self.unfinished(&piece);
        let made = self.install(job, &new, root, &line, stop).await;
        let done = made.and_then(|bytes| {
            failpoint::hit("layer.rename");
            put(&new.join(files::OPT), &self.path(&piece)).map_err(step("put the layer in its place"))?;
            Ok(bytes)
        });
        let removed = blocking(move || remove(&new)).await;
        let bytes = done?;
        removed.map_err(step("remove what the build left"))?;
        line(format!("layer {}: built, {} MiB", piece.short(), bytes >> 20));
        Ok(())
    }

    async fn root(
        &self,
        job: &LayerJob,
        line: &(impl Fn(String) + Send + Sync),
        stop: &CancellationToken,
    ) -> Result<Option<PathBuf>, LayerError> {
        let Some((digest, archive)) = job.root.clone() else {
            return Ok(None);
        };
        let piece = Piece::Root(digest);
        let path = self.path(&piece);
        if self.is_there(&piece) {
            return Ok(Some(path));
        }
        line(format!("root {}: unpacking the archive", piece.short()));
        let new = self.unfinished(&piece);
        let target = path.clone();
        let (options, stop) = (self.options.clone(), stop.clone());
        let unpacked = blocking(move || {
            let go_on = || {
                let stopped = stop.is_cancelled().then_some(LayerError::Stopped);
                stopped.map_or_else(|| options.room(), Err).map_err(io::Error::other)
            };
            Ok(super::unpack_root(&new, &target, &archive, &go_on))
        });
        unpacked.await.map_err(step("unpack the root archive"))??;
        line(format!("root {}: unpacked", piece.short()));
        Ok(Some(path))
    }

    async fn install(
        &self,
        job: &LayerJob,
        new: &Path,
        root: Option<PathBuf>,
        line: &(impl Fn(String) + Send + Sync),
        stop: &CancellationToken,
    ) -> Result<u64, LayerError> {
        let owner = rustix::process::geteuid().is_root().then_some(self.options.host_id);
        let (files, directory) = (job.files.clone(), new.to_owned());
        blocking(move || files::prepare(&directory, &files, owner))
            .await
            .map_err(step("make the layer's directory"))?;
        let request = job.request(&self.options, root, new, owner);
        let request = serde_json::to_vec(&request).map_err(|error| step("write to the agent")(error.into()))?;
        line("running the install script".to_owned());
        self.run(&request, line, stop).await?;
        let directory = new.to_owned();
        blocking(move || files::finish(&directory))
            .await
            .map_err(step("finish the layer"))
    }

    /// A name that no other build has, for what is not finished yet.
    fn unfinished(&self, piece: &Piece) -> PathBuf {
        let (process, number) = (std::process::id(), self.number.fetch_add(1, Ordering::Relaxed));
        let name = format!("{}{}-{process}-{number}", pieces::NEW, piece.short());
        self.directory(piece).join(name)
    }
}

/// Puts a whole directory in its place, once all of it is on the disk. It may be there already: then that one stays.
pub(super) fn put(new: &Path, target: &Path) -> io::Result<()> {
    rustix::fs::syncfs(fs::File::open(new)?)?;
    match fs::rename(new, target) {
        Err(_) if target.is_dir() => Ok(()),
        other => other,
    }
}

/// Runs what waits for the disk where it disturbs nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
