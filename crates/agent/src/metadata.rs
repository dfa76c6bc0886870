//! Figures that are shown live.

use std::sync::Arc;
use std::time::Duration;

use bailey_api::agent::Reading;
use bailey_core::template::{Probe, ProbeKind};
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout};

use crate::agent::{Agent, KILL};
use crate::clock;
use crate::pipes;
use crate::usage;

/// The most bytes of a command's value.
const LONGEST: usize = 1024;

/// Reads each figure at its interval.
pub(crate) fn keep(agent: &Arc<Agent>) {
    for probe in &agent.manifest.metadata {
        let (shared, probe) = (Arc::clone(agent), probe.clone());
        agent.tasks.spawn(async move { repeat(&shared, &probe).await });
    }
}

async fn repeat(agent: &Arc<Agent>, probe: &Probe) {
    let mut cpu = Cpu::default();
    loop {
        let read = match &probe.kind {
            ProbeKind::Cpu => cpu.read(agent),
            ProbeKind::Memory => usage::memory(agent.sandbox.init_pid()).map(|bytes| bytes.to_string()),
            ProbeKind::Disk => disk(agent).await.map(|bytes| bytes.to_string()),
            ProbeKind::Command(text) => command(agent, text, Duration::from_secs(probe.timeout)).await,
        };
        let (value, error) = match read {
            Ok(value) => (value, None),
            Err(error) => (String::new(), Some(error)),
        };
        let reading = Reading {
            display_name: probe.display_name.clone(),
            value,
            error,
            at: clock::now(),
        };
        agent.control.outbox.status(|status| {
            status.metadata.insert(probe.name.clone(), reading);
        });
        tokio::time::sleep(Duration::from_secs(probe.interval.max(1))).await;
    }
}

/// The time of CPUs that was used up to a moment.
#[derive(Debug, Default)]
struct Cpu {
    last: Option<(Instant, Duration)>,
}

impl Cpu {
    fn read(&mut self, agent: &Agent) -> Result<String, String> {
        let now = (Instant::now(), usage::cpu(agent.sandbox.init_pid())?);
        let before = self.last.replace(now);
        // Since the start, the first time.
        let (elapsed, used) = before.map_or((Duration::ZERO, Duration::ZERO), |before| {
            (now.0.duration_since(before.0), now.1.saturating_sub(before.1))
        });
        let all = std::thread::available_parallelism()
            .map_or(1.0, |count| f64::from(u32::try_from(count.get()).unwrap_or(1)));
        let cpus = agent
            .manifest
            .sandbox
            .limits
            .cpu_milli
            .map_or(all, |milli| f64::from(milli) / 1000.0);
        let share = if elapsed.is_zero() {
            0.0
        } else {
            100.0 * used.as_secs_f64() / elapsed.as_secs_f64() / cpus.max(0.001)
        };
        Ok(format!("{share:.1}"))
    }
}

async fn disk(agent: &Agent) -> Result<u64, String> {
    let (home, init) = (agent.manifest.sandbox.home.clone(), agent.sandbox.init_pid());
    tokio::task::spawn_blocking(move || usage::disk(&home, init))
        .await
        .map_err(|error| error.to_string())?
}

/// The first line that a command prints.
async fn command(agent: &Arc<Agent>, text: &str, limit: Duration) -> Result<String, String> {
    let error = |error: std::io::Error| error.to_string();
    let (mut output, theirs) = pipes::from_process().map_err(error)?;
    let stdio = [
        pipes::nothing().map_err(error)?,
        theirs,
        pipes::nothing().map_err(error)?,
    ];
    let spawned = agent.spawn(&agent.shell(text), stdio).await;
    let mut process = spawned.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = async {
        let mut buffer = [0; LONGEST];
        while let Ok(count @ 1..) = output.read(&mut buffer).await {
            // Read to its end, so that it can end; kept up to the limit.
            let room = LONGEST - bytes.len();
            bytes.extend(buffer.iter().take(count.min(room)));
        }
        process.wait().await
    };
    let Ok(status) = timeout(limit, read).await else {
        agent.signal(process.pid, KILL).await;
        return Err(format!("it took longer than {} s", limit.as_secs()));
    };
    match status {
        Ok(0) => {
            let text = String::from_utf8_lossy(&bytes);
            Ok(text.lines().next().unwrap_or_default().trim().to_owned())
        }
        Ok(status) => Err(format!("it ended with status {status}")),
        Err(error) => Err(error.to_string()),
    }
}
