//! The driver of this machine's kernel: one `bailey-agent` a workspace, which makes the sandbox and outlives the server.
//!
//! Everything of a workspace lies in `<data>/workspaces/<id>/`, which only the server's account can enter: `lock` (held by
//! the agent for as long as it lives, with its process id), `agent.log`, and `home.img` or `home`.

mod manifest;
mod process;

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bailey_api::agent::{Capabilities, Limit};
use bailey_core::WorkspaceId;
use bailey_core::template::Resources;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::{Driver, DriverError, Instance, Observed};
use crate::remove::remove;
use process::Agent;

/// The file with the id of the build that the agent was started for.
const BUILD: &str = "build";
/// How long an agent may take to end once it was killed.
const KILLED: Duration = Duration::from_secs(10);
/// How long removing what killed agents left may take.
const SWEPT: Duration = Duration::from_secs(20);
/// The name of that step.
const SWEEP: &str = "remove what killed agents left";
/// After how long a machine that lacks something is asked again: it may have been mended, or busy.
const LACKING: Duration = Duration::from_secs(30);
/// How much of a log is looked at for its last line.
const LAST_WORDS: u64 = 4096;
/// The longest log of an agent that is carried over a start.
const LOG_BYTES: u64 = 1024 * 1024;

/// How workspaces run on this machine.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// The program `bailey-agent`.
    pub agent: PathBuf,
    /// Where the directories of workspaces lie.
    pub directory: PathBuf,
    /// Limits whose absence an administrator has allowed.
    pub allow_missing: Vec<Limit>,
    /// Certificate authorities that are trusted inside.
    pub certificates: Vec<PathBuf>,
    /// Limits for what a template leaves open.
    pub defaults: Resources,
    /// Account ids of the host from this one on belong to workspaces; used where the server runs as root.
    pub first_id: u32,
}

/// The driver.
#[derive(Debug)]
pub struct SandboxDriver {
    options: SandboxOptions,
    /// After how long a machine that lacks something is asked again.
    lacking: Duration,
    /// What the machine could do at the last look, and when that was.
    capabilities: Mutex<Option<(Instant, Capabilities)>>,
}

impl SandboxDriver {
    /// A driver with these options.
    pub fn new(options: SandboxOptions) -> Self {
        Self {
            options,
            lacking: LACKING,
            capabilities: Mutex::default(),
        }
    }

    /// The directory of a workspace.
    fn directory(&self, id: WorkspaceId) -> PathBuf {
        self.options.directory.join(id.to_string())
    }

    async fn ask_agent(&self) -> Result<Capabilities, DriverError> {
        let agent = &self.options.agent;
        let mut command = Command::new(agent);
        command.arg("probe").env_clear().stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(20), command.output())
            .await
            .map_err(|_| DriverError::Unable(format!("{} probe does not answer", agent.display())))?
            .map_err(|error| DriverError::Unable(format!("cannot run {}: {error}", agent.display())))?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            DriverError::Unable(format!("{} probe failed: {}", agent.display(), said.trim()))
        })
    }

    /// Removes what the kernel still has of workspaces whose agents could not do it. What is left holds no process and does no
    /// harm, so nothing fails for it.
    async fn sweep_quietly(&self) {
        if let Err(error) = self.sweep().await {
            tracing::warn!(%error, "what a killed agent left stays for now");
        }
    }

    /// Refuses what this machine cannot do and nobody has allowed to go without.
    fn check(&self, capabilities: &Capabilities, wanted: &Resources) -> Result<(), DriverError> {
        if !capabilities.blockers.is_empty() {
            let blockers = capabilities.blockers.join("; ");
            return Err(DriverError::Unable(format!(
                "this machine cannot isolate workspaces: {blockers}"
            )));
        }
        let asked = [
            (Limit::Cpu, wanted.cpu_milli.is_some()),
            (Limit::Memory, wanted.memory.is_some()),
            (Limit::Processes, wanted.processes.is_some()),
            (Limit::Io, wanted.io_bytes.is_some()),
            (Limit::Disk, wanted.disk.is_some()),
        ];
        let lacking = asked
            .into_iter()
            .filter(|(limit, asked)| *asked && !self.options.allow_missing.contains(limit))
            .filter_map(|(limit, _)| capabilities.missing.get(&limit).map(|why| (limit, why)));
        let lacking: Vec<String> = lacking
            .map(|(limit, why)| format!("{} ({why})", limit_name(limit)))
            .collect();
        if lacking.is_empty() {
            return Ok(());
        }
        Err(DriverError::Unable(format!(
            "this machine cannot limit {}; an administrator can allow that with workspaces.allow_missing_limits",
            lacking.join(", ")
        )))
    }

    /// Starts the agent and hands it its manifest. It leaves this process's session and group, and is not waited for.
    async fn run_agent(&self, directory: &Path, manifest: &[u8]) -> Result<(), DriverError> {
        const STEP: &str = "start the workspace's agent";
        let log = open_log(directory).map_err(DriverError::step(STEP))?;
        let errors = log.try_clone().map_err(DriverError::step(STEP))?;
        let mut command = Command::new(&self.options.agent);
        command
            .arg("run")
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(false);
        let mut child = command.spawn().map_err(|error| DriverError::Step {
            step: STEP,
            cause: format!("{}: {error}", self.options.agent.display()),
        })?;
        let mut input = child.stdin.take().ok_or_else(|| DriverError::Step {
            step: STEP,
            cause: "it has no standard input".to_owned(),
        })?;
        let handed = async {
            input.write_all(manifest).await?;
            input.shutdown().await
        };
        handed.await.map_err(DriverError::step(STEP))
        // The runtime reaps the child when it ends.
    }
}

const fn limit_name(limit: Limit) -> &'static str {
    match limit {
        Limit::Cpu => "CPU time",
        Limit::Memory => "memory",
        Limit::Processes => "processes",
        Limit::Io => "disk traffic",
        Limit::Disk => "the size of the home directory",
    }
}

/// The agent's log; a long one is begun anew.
fn open_log(directory: &Path) -> std::io::Result<fs::File> {
    let path = directory.join("agent.log");
    let long = path.metadata().is_ok_and(|log| log.len() > LOG_BYTES);
    OpenOptions::new()
        .create(true)
        .write(true)
        .append(!long)
        .truncate(long)
        .mode(0o600)
        .open(path)
}

fn private(directory: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

impl Driver for SandboxDriver {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    async fn probe(&self) -> Result<Capabilities, DriverError> {
        let mut known = self.capabilities.lock().await;
        if let Some((at, capabilities)) = known.as_ref() {
            let lacks = !capabilities.blockers.is_empty() || !capabilities.missing.is_empty();
            if !lacks || at.elapsed() < self.lacking {
                return Ok(capabilities.clone());
            }
        }
        let capabilities = self.ask_agent().await?;
        *known = Some((Instant::now(), capabilities.clone()));
        Ok(capabilities)
    }

    async fn observe(&self, id: WorkspaceId) -> Result<Observed, DriverError> {
        let directory = self.directory(id);
        let agent = Agent::of(&directory).map_err(DriverError::step("look for the agent"))?;
        Ok(Observed {
            agent: agent.is_some(),
            build: fs::read_to_string(directory.join(BUILD))
                .ok()
                .and_then(|id| id.parse().ok()),
            home: directory.join(manifest::IMAGE).exists() || directory.join(manifest::DIRECTORY).exists(),
        })
    }

    async fn list(&self) -> Result<Vec<WorkspaceId>, DriverError> {
        let entries = match fs::read_dir(&self.options.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(DriverError::step("list workspaces")(error)),
        };
        Ok(entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect())
    }

    async fn start(&self, instance: &Instance) -> Result<(), DriverError> {
        let capabilities = self.probe().await?;
        let manifest = manifest::manifest(&self.options, &capabilities, instance, self.directory(instance.id))?;
        self.check(&capabilities, &manifest.sandbox.limits)?;
        let directory = &manifest.state_dir;
        private(directory).map_err(DriverError::step("make the workspace's directory"))?;
        let lives = Agent::of(directory).map_err(DriverError::step("look for the agent"))?;
        if lives.is_some() {
            return Ok(());
        }
        let text = serde_json::to_vec(&manifest).map_err(|error| DriverError::Step {
            step: "write the agent's manifest",
            cause: error.to_string(),
        })?;
        fs::write(directory.join(BUILD), instance.build.to_string())
            .map_err(DriverError::step("note the workspace's build"))?;
        self.run_agent(directory, &text).await
    }

    async fn stop(&self, id: WorkspaceId, grace: Duration) -> Result<(), DriverError> {
        const STEP: &str = "stop the workspace's agent";
        let directory = self.directory(id);
        let Some(agent) = Agent::of(&directory).map_err(DriverError::step(STEP))? else {
            // It may have been killed by somebody else.
            self.sweep_quietly().await;
            return Ok(());
        };
        if agent.end(grace).await.map_err(DriverError::step(STEP))? {
            return Ok(());
        }
        if agent.kill(KILLED).await.map_err(DriverError::step(STEP))? {
            self.sweep_quietly().await;
            return Ok(());
        }
        Err(DriverError::Step {
            step: STEP,
            cause: "it does not end although it was killed".to_owned(),
        })
    }

    async fn delete(&self, id: WorkspaceId) -> Result<(), DriverError> {
        const STEP: &str = "remove the workspace's directory";
        self.stop(id, Duration::ZERO).await?;
        let directory = self.directory(id);
        // A directory of many files takes its time.
        let removed = tokio::task::spawn_blocking(move || remove(&directory)).await;
        match removed {
            Ok(result) => result.map_err(DriverError::step(STEP)),
            Err(error) => Err(DriverError::step(STEP)(std::io::Error::other(error))),
        }
    }

    async fn sweep(&self) -> Result<(), DriverError> {
        if self.list().await?.is_empty() {
            // A machine that runs no workspaces may have no agent either.
            return Ok(());
        }
        let mut command = Command::new(&self.options.agent);
        command
            .arg("sweep")
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let status = tokio::time::timeout(SWEPT, command.status()).await;
        let status = status.map_err(|error| DriverError::step(SWEEP)(error.into()))?;
        let status = status.map_err(DriverError::step(SWEEP))?;
        if status.success() {
            return Ok(());
        }
        Err(DriverError::Step {
            step: SWEEP,
            cause: format!("bailey-agent sweep: {status}"),
        })
    }

    async fn last_words(&self, id: WorkspaceId) -> Option<String> {
        let mut log = fs::File::open(self.directory(id).join("agent.log")).ok()?;
        let length = log.metadata().ok()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS))).ok()?;
        let mut bytes = Vec::new();
        log.take(LAST_WORDS).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let last = text.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(last.trim().to_owned())
    }
}

#[cfg(test)]
mod tests;
