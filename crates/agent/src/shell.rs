//! The person's shell on terminals of the sandbox.

use std::sync::{Arc, Weak};

use bailey_api::agent::{HOME, TerminalOpen};
use bailey_link::Pending;

use crate::agent::Agent;
use crate::sandbox::{Command, Size};
use crate::terminal::{Hooks, Program, Terminals};

/// Finds a shell that is there; the template's `SHELL` comes first.
const LOGIN: &str = "for shell in \"$SHELL\" /bin/bash /bin/sh; do [ -x \"$shell\" ] && exec \"$shell\" -l; done";

/// The terminals of an agent.
pub(crate) fn terminals(agent: &Weak<Agent>) -> Terminals {
    let (starter, spawner, active) = (Weak::clone(agent), Weak::clone(agent), Weak::clone(agent));
    Terminals::new(Hooks {
        start: Arc::new(move |size| {
            let agent = Weak::clone(&starter);
            Box::pin(async move { start(&agent, size).await })
        }),
        spawn: Arc::new(move |task| {
            if let Some(agent) = spawner.upgrade() {
                agent.tasks.spawn(task);
            }
        }),
        activity: Arc::new(move || {
            if let Some(agent) = active.upgrade() {
                agent.control.outbox.active("terminal");
            }
        }),
    })
}

async fn start(agent: &Weak<Agent>, size: Size) -> Result<Program, String> {
    let agent = agent.upgrade().ok_or("the agent is ending")?;
    let command = Command {
        arguments: ["/bin/sh", "-c", LOGIN].map(str::to_owned).to_vec(),
        environment: agent.variables(),
        directory: HOME.to_owned(),
    };
    let started = agent.sandbox.spawn_terminal(&command, size).await;
    let (mut process, master) = started.map_err(|error| error.to_string())?;
    Ok(Program {
        master,
        // A sandbox that ends takes everything with it, as a signal would.
        exit: Box::pin(async move { process.wait().await.unwrap_or(137) }),
    })
}

/// Serves a viewer.
pub(crate) async fn serve(agent: &Agent, open: TerminalOpen, pending: Pending) {
    let viewer = match agent.terminals.open(open).await {
        Ok(viewer) => viewer,
        Err(error) => return pending.refuse(&error.to_string()).await,
    };
    let Ok(stream) = pending.accept().await else { return };
    if let Err(error) = viewer.serve(stream).await {
        tracing::debug!("a viewer of a terminal is gone: {error}");
    }
}
