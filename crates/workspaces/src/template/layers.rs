//! Layers: what a template's install script leaves at `/opt`, made once and known by the SHA-256 of what it was made from.

mod files;
mod job;
mod output;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

pub use job::LayerJob;

pub(super) use files::remove;

/// The statuses of `bailey-agent layer` for a script that took too long, and for one that could not be run.
const TIMED_OUT: i32 = 124;
const NOT_RUN: i32 = 125;
/// How much longer than a script may take its agent may.
const GRACE: Duration = Duration::from_mins(1);

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
    /// The root archive.
    #[error(transparent)]
    Root(#[from] super::RootError),
    /// A step failed.
    #[error("cannot {step}: {source}")]
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

/// The layers of this machine.
#[derive(Debug)]
pub struct LayerStore {
    options: LayerOptions,
    /// One lock for each layer under way: who comes second waits, and finds it there.
    building: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl LayerStore {
    /// The layers below a data directory.
    pub fn new(options: LayerOptions) -> Self {
        let building = Mutex::default();
        Self { options, building }
    }

    /// Where the layer of this digest lies, or will.
    pub fn path(&self, digest: &str) -> PathBuf {
        self.options.data_dir.join("layers").join(digest)
    }

    /// Where the root file system of this digest lies, or will.
    pub fn root_path(&self, digest: &str) -> PathBuf {
        self.options.data_dir.join("roots").join(digest)
    }

    /// Builds what a job describes, unless it is there. `line` gets what there is to say, the script's output included.
    pub async fn build(&self, job: &LayerJob, line: impl Fn(String) + Send + Sync) -> Result<(), LayerError> {
        let lock = {
            let mut building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(building.entry(job.key().to_owned()).or_default())
        };
        let held = lock.lock().await;
        let built = self.build_alone(job, &line).await;
        drop(held);
        let mut building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        // This one and the map's: nobody waits.
        if Arc::strong_count(&lock) == 2 {
            building.remove(job.key());
        }
        built
    }

    async fn build_alone(&self, job: &LayerJob, line: &(impl Fn(String) + Send + Sync)) -> Result<(), LayerError> {
        let root = self.root(job, line).await?;
        let Some(digest) = &job.layer else {
            return Ok(());
        };
        let target = self.path(digest);
        if target.is_dir() {
            line(format!("the layer {digest} is there already"));
            return Ok(());
        }
        let layers = self.options.data_dir.join("layers");
        let new = layers.join(format!(".new-{digest}"));
        let made = self.install(job, digest, root, &new, line).await;
        let done = match made {
            Ok(()) => fs::rename(new.join("opt"), &target).map_err(step("put the layer in its place")),
            Err(error) => Err(error),
        };
        let removed = blocking(move || remove(&new)).await;
        done?;
        removed.map_err(step("remove what the build left"))?;
        line(format!("the layer {digest} is built"));
        Ok(())
    }

    async fn root(
        &self,
        job: &LayerJob,
        line: &(impl Fn(String) + Send + Sync),
    ) -> Result<Option<PathBuf>, LayerError> {
        let Some((digest, archive)) = job.root.clone() else {
            return Ok(None);
        };
        if !self.root_path(&digest).is_dir() {
            line("unpacking the root archive".to_owned());
        }
        let roots = self.options.data_dir.join("roots");
        let unpacked = blocking(move || {
            fs::create_dir_all(&roots)?;
            Ok(super::unpack_root(&roots, &digest, &archive))
        });
        let path = unpacked.await.map_err(step("unpack the root archive"))??;
        Ok(Some(path))
    }

    async fn install(
        &self,
        job: &LayerJob,
        digest: &str,
        root: Option<PathBuf>,
        new: &Path,
        line: &(impl Fn(String) + Send + Sync),
    ) -> Result<(), LayerError> {
        let owner = rustix::process::geteuid().is_root().then_some(self.options.host_id);
        let (files, directory) = (job.files.clone(), new.to_owned());
        blocking(move || files::prepare(&directory, &files, owner))
            .await
            .map_err(step("make the layer's directory"))?;
        let request = job.request(&self.options, digest, root, new, owner);
        let request = serde_json::to_vec(&request).map_err(|error| step("write to the agent")(error.into()))?;
        line("running the install script".to_owned());
        let mut child = self.start()?;
        let mut input = child.stdin.take().ok_or(LayerError::NotRun)?;
        let (output, error) = (child.stdout.take(), child.stderr.take());
        let talk = async {
            // One that does not read has ended, and its status says why.
            let _ = input.write_all(&request).await;
            drop(input);
            tokio::join!(output::lines(output, line), output::lines(error, line));
            child.wait().await
        };
        let ended = tokio::time::timeout(self.options.timeout + GRACE, talk).await;
        let status = ended.map_err(|_| LayerError::Slow(self.options.timeout))?;
        match status.map_err(step("wait for the agent"))?.code() {
            Some(0) => {}
            Some(TIMED_OUT) => return Err(LayerError::Slow(self.options.timeout)),
            Some(NOT_RUN) | None => return Err(LayerError::NotRun),
            Some(status) => return Err(LayerError::Script(status)),
        }
        let directory = new.to_owned();
        blocking(move || files::finish(&directory))
            .await
            .map_err(step("finish the layer"))
    }

    fn start(&self) -> Result<Child, LayerError> {
        let mut command = Command::new(&self.options.agent);
        command
            .arg("layer")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command.spawn().map_err(step("start bailey-agent"))
    }
}

/// Runs what waits for the disk where it disturbs nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
