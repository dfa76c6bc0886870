//! What the parts of a running agent share.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bailey_api::agent::{HOME, Manifest};

use crate::control::Control;
use crate::environment;
use crate::sandbox::{Command, Process, Sandbox, SandboxError};
use crate::tasks::Tasks;
use crate::terminal::Terminals;

/// The signal that asks to end.
pub(crate) const TERM: i32 = 15;
/// The signal that ends.
pub(crate) const KILL: i32 = 9;

/// A running agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) manifest: Manifest,
    pub(crate) sandbox: Sandbox,
    pub(crate) tasks: Tasks,
    pub(crate) control: Arc<Control>,
    pub(crate) terminals: Terminals,
}

impl Agent {
    /// The variables of a process that starts now.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let (key, committer) = (self.control.key(), self.control.committer());
        environment::variables(&self.manifest, key.as_ref(), committer.as_ref())
    }

    /// A shell command in the home directory.
    pub(crate) fn shell(&self, script: &str) -> Command {
        Command {
            arguments: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            environment: self.variables(),
            directory: HOME.to_owned(),
        }
    }

    /// Runs a command inside.
    pub(crate) async fn spawn(&self, command: &Command, stdio: [OwnedFd; 3]) -> Result<Process, SandboxError> {
        self.sandbox.spawn(command, stdio).await
    }

    /// Signals a process and its group, which may have ended already.
    pub(crate) async fn signal(&self, pid: i32, signal: i32) {
        if let Err(error) = self.sandbox.signal(pid, signal).await {
            tracing::debug!(pid, signal, "cannot signal: {error}");
        }
    }
}
