//! Drivers: what makes a workspace run on some kind of machine.
//!
//! A driver is dumb: it does what it is told, and doing it twice is the same as doing it once. What to do is decided by
//! `bailey_core::workspace`. Nothing that a driver knows is kept in the database; [`Driver::observe`] looks.

mod sandbox;
mod sim;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bailey_api::agent::{Capabilities, ServerAddress};
use bailey_core::template::Resolved;
use bailey_core::{BuildId, Secret, WorkspaceId};

pub use sandbox::{SandboxDriver, SandboxOptions};
pub use sim::{SimDriver, SimStep};

/// A driver could not do what it was told. The text is for the person whose workspace it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// This machine cannot run workspaces, or not with these limits.
    #[error("{0}")]
    Unable(String),
    /// A step failed.
    #[error("cannot {step}: {cause}")]
    Step {
        /// The step, as "start the agent".
        step: &'static str,
        /// Why.
        cause: String,
    },
}

impl DriverError {
    pub(crate) fn step(step: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Step {
            step,
            cause: error.to_string(),
        }
    }
}

/// One workspace that is to run.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The workspace.
    pub id: WorkspaceId,
    /// The build that it is started for.
    pub build: BuildId,
    /// Its name, also its host name.
    pub name: String,
    /// The name of its owner.
    pub owner: String,
    /// A small number that no other workspace of this deployment has; accounts of the host are derived from it.
    pub slot: u32,
    /// Where its agent finds the server.
    pub server: ServerAddress,
    /// The agent's token.
    pub token: Secret<String>,
    /// What it is made of.
    pub resolved: Resolved,
    /// The host's directories of the layers that `resolved` names, the lowest first.
    pub layers: Vec<PathBuf>,
    /// The host's directory of the unpacked root archive, if `resolved` names one.
    pub root: Option<PathBuf>,
}

/// What is there of a workspace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observed {
    /// Its agent lives, and with it everything inside.
    pub agent: bool,
    /// The build that the agent was started for, if that can be told.
    pub build: Option<BuildId>,
    /// Its home is there.
    pub home: bool,
}

/// What makes workspaces run.
pub trait Driver {
    /// Its name.
    fn name(&self) -> &'static str;

    /// What it can do on this machine. Looked at once.
    fn probe(&self) -> impl Future<Output = Result<Capabilities, DriverError>> + Send;

    /// What is there of a workspace.
    fn observe(&self, id: WorkspaceId) -> impl Future<Output = Result<Observed, DriverError>> + Send;

    /// All workspaces of which anything is there, also those that nobody remembers.
    fn list(&self) -> impl Future<Output = Result<Vec<WorkspaceId>, DriverError>> + Send;

    /// Makes what is missing and starts the agent; nothing happens where one lives. The agent says by itself, over its link,
    /// when the workspace is ready.
    fn start(&self, instance: &Instance) -> impl Future<Output = Result<(), DriverError>> + Send;

    /// Ends the agent and everything inside; by force when `grace` is over. Its home stays.
    fn stop(&self, id: WorkspaceId, grace: Duration) -> impl Future<Output = Result<(), DriverError>> + Send;

    /// Ends it and removes all that is there of it.
    fn delete(&self, id: WorkspaceId) -> impl Future<Output = Result<(), DriverError>> + Send;

    /// Removes from the machine what agents that were killed could not. What belongs to an agent that lives or starts stays.
    fn sweep(&self) -> impl Future<Output = Result<(), DriverError>> + Send;

    /// What the agent said last, for people who want to know why it ended.
    fn last_words(&self, id: WorkspaceId) -> impl Future<Output = Option<String>> + Send;
}

/// Any of the drivers.
#[derive(Debug)]
pub enum AnyDriver {
    /// Namespaces of this machine's kernel.
    Sandbox(Box<SandboxDriver>),
    /// Nothing but memory, for tests.
    Sim(Arc<SimDriver>),
}

macro_rules! either {
    ($self:ident, $driver:ident => $call:expr) => {
        match $self {
            Self::Sandbox($driver) => $call,
            Self::Sim($driver) => $call,
        }
    };
}

impl Driver for AnyDriver {
    fn name(&self) -> &'static str {
        either!(self, driver => driver.name())
    }

    async fn probe(&self) -> Result<Capabilities, DriverError> {
        either!(self, driver => driver.probe().await)
    }

    async fn observe(&self, id: WorkspaceId) -> Result<Observed, DriverError> {
        either!(self, driver => driver.observe(id).await)
    }

    async fn list(&self) -> Result<Vec<WorkspaceId>, DriverError> {
        either!(self, driver => driver.list().await)
    }

    async fn start(&self, instance: &Instance) -> Result<(), DriverError> {
        either!(self, driver => driver.start(instance).await)
    }

    async fn stop(&self, id: WorkspaceId, grace: Duration) -> Result<(), DriverError> {
        either!(self, driver => driver.stop(id, grace).await)
    }

    async fn delete(&self, id: WorkspaceId) -> Result<(), DriverError> {
        either!(self, driver => driver.delete(id).await)
    }

    async fn sweep(&self) -> Result<(), DriverError> {
        either!(self, driver => driver.sweep().await)
    }

    async fn last_words(&self, id: WorkspaceId) -> Option<String> {
        either!(self, driver => driver.last_words(id).await)
    }
}
