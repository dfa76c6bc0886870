//! Commands whose output becomes log lines.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

use crate::agent::{Agent, KILL, TERM};
use crate::lines::{AFTER_END, Rate, Splitter};
use crate::pipes;
use crate::sandbox::SandboxError;

/// Between asking a command to end and ending it.
const LAST: Duration = Duration::from_secs(5);

/// How a captured command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With this status.
    Exited(i32),
    /// Its time was over.
    TimedOut,
}

/// Runs a shell command to its end; its lines go to the server's log under `source`. With a limit, it is ended with its
/// group when that is over.
pub(crate) async fn run(
    agent: &Arc<Agent>,
    source: &str,
    command: &str,
    limit: Option<Duration>,
) -> Result<Outcome, SandboxError> {
    let step = |source| SandboxError::Step {
        step: "make a pipe".to_owned(),
        source,
    };
    let (output, theirs) = pipes::from_process().map_err(step)?;
    let both = theirs.try_clone().map_err(step)?;
    let stdio = [pipes::nothing().map_err(step)?, theirs, both];
    let mut process = agent.spawn(&agent.shell(command), stdio).await?;
    let pid = process.pid;
    let log = |text| agent.control.outbox.log(source, text);
    let mut reading = std::pin::pin!(read(output, &log));
    let ended = async {
        let Some(limit) = limit else {
            return process.wait().await.map(Outcome::Exited);
        };
        if let Ok(status) = timeout(limit, process.wait()).await {
            return status.map(Outcome::Exited);
        }
        agent.signal(pid, TERM).await;
        if timeout(LAST, process.wait()).await.is_err() {
            agent.signal(pid, KILL).await;
        }
        Ok(Outcome::TimedOut)
    };
    let mut ended = std::pin::pin!(ended);
    let outcome = tokio::select! {
        outcome = &mut ended => outcome,
        // All has been read; the command may go on without its output.
        () = &mut reading => return ended.await,
    };
    // What is left in the pipe. Children that keep it open do not keep the command alive.
    let _ = timeout(AFTER_END, reading).await;
    outcome
}

/// Reads to the end. Reading never stops, so that a command is not held up by a server that is away.
async fn read(mut output: Receiver, log: &impl Fn(String)) {
    let mut splitter = Splitter::default();
    let mut rate = Rate::new();
    let mut buffer = vec![0; 8 * 1024];
    let mut say = |text: String| {
        if let Some(lost) = rate.pass() {
            if lost > 0 {
                log(format!("[{lost} lines left out: too many at once]"));
            }
            log(text);
        }
    };
    while let Ok(count @ 1..) = output.read(&mut buffer).await {
        splitter
            .push(buffer.get(..count).unwrap_or_default())
            .into_iter()
            .for_each(&mut say);
    }
    splitter.finish().into_iter().for_each(&mut say);
    if rate.lost() > 0 {
        log(format!("[{} lines left out: too many at once]", rate.lost()));
    }
}
