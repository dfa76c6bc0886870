//! Scripts: at start, at stop, and on a schedule.

use std::sync::Arc;
use std::time::Duration;

use bailey_core::template::{Script, When};

use crate::agent::Agent;
use crate::capture::{Outcome, run};
use crate::clock;
use crate::cron::Schedule;

/// Runs the start scripts: those that block one after the other, in their order, the others beside them.
///
/// # Errors
/// Why the workspace does not count as started.
pub(crate) async fn start(agent: &Arc<Agent>) -> Result<(), String> {
    let scripts = agent.manifest.scripts.clone();
    for script in scripts.into_iter().filter(|script| script.when == When::Start) {
        if script.blocking {
            one(agent, &script).await?;
        } else {
            let shared = Arc::clone(agent);
            agent.tasks.spawn(async move {
                // It has said so in its log.
                let _ = one(&shared, &script).await;
            });
        }
    }
    Ok(())
}

/// Runs the stop scripts, one after the other.
pub(crate) async fn stop(agent: &Arc<Agent>) {
    for script in agent.manifest.scripts.iter().filter(|script| script.when == When::Stop) {
        // One that fails does not keep the others from running.
        let _ = one(agent, script).await;
    }
}

/// Keeps the scripts that have a schedule.
pub(crate) fn schedule(agent: &Arc<Agent>) {
    for script in &agent.manifest.scripts {
        let When::Cron(expression) = &script.when else { continue };
        match Schedule::parse(expression) {
            Ok(schedule) => {
                let (shared, script) = (Arc::clone(agent), script.clone());
                agent
                    .tasks
                    .spawn(async move { repeat(&shared, &script, schedule).await });
            }
            Err(error) => say(agent, script, &error.to_string()),
        }
    }
}

async fn repeat(agent: &Arc<Agent>, script: &Script, schedule: Schedule) {
    // Counted from the time that was meant, so that a timer that wakes early does not run it twice; and never a time that
    // passed while it ran.
    let mut last = i64::MIN;
    while let Some(next) = schedule.next_after(last.max(clock::now() / 1_000_000)) {
        // In short steps: the clock may be set, and a laptop may sleep.
        loop {
            let left = next - clock::now() / 1_000_000;
            match u64::try_from(left) {
                Ok(left @ 1..) => tokio::time::sleep(Duration::from_secs(left.min(30))).await,
                _ => break,
            }
        }
        last = next;
        let _ = one(agent, script).await;
    }
}

fn say(agent: &Agent, script: &Script, text: &str) {
    let source = format!("script:{}", script.name);
    agent.control.outbox.log(&source, text.to_owned());
}

async fn one(agent: &Arc<Agent>, script: &Script) -> Result<(), String> {
    let source = format!("script:{}", script.name);
    let limit = Duration::from_secs(script.timeout);
    let failure = match run(agent, &source, &script.command, Some(limit)).await {
        Ok(Outcome::Exited(0)) => return Ok(()),
        Ok(Outcome::Exited(status)) => format!("ended with status {status}"),
        Ok(Outcome::TimedOut) => format!("was ended after {} s", script.timeout),
        Err(error) => format!("could not be run: {error}"),
    };
    say(agent, script, &format!("[{failure}]"));
    Err(format!("the script `{}` {failure}", script.name))
}
