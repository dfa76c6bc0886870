//! Whether the server is ready, and how what it leans on is.

use bailey_core::workspace::{BuildState, Transition};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::{BuildStateSchema, TransitionSchema};
use crate::{Named, Time};

/// What `/readyz` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// What is wrong, if anything.
    pub problems: Vec<String>,
}

/// The server and what it leans on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// What is wrong, if anything.
    pub problems: Vec<String>,
    /// Bailey's version.
    pub version: String,
    /// The database.
    pub database: DatabaseHealth,
    /// The agents of workspaces.
    pub agents: AgentHealth,
    /// Builds that are not over.
    pub queue: QueueHealth,
}

/// How the database is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseHealth {
    /// `sqlite` or `postgres`.
    pub kind: String,
    /// How long a read of one row took, in microseconds; absent = it failed, or took more than 3 seconds.
    pub read_us: Option<u64>,
    /// The same for a write of one row that was committed.
    pub write_us: Option<u64>,
}

/// How the agents of workspaces are, as far as they should be connected to this server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentHealth {
    /// Workspaces that run.
    pub running: u64,
    /// Those whose agent is connected to this server.
    pub connected: u64,
    /// Workspaces that run and whose agent is not connected, the first 50; empty for whoever may not see all workspaces.
    pub lost: Vec<Named>,
}

/// Builds that are not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueHealth {
    /// How many wait for their turn.
    pub queued: u64,
    /// How many run.
    pub running: u64,
    /// The oldest 50 of them; empty for whoever may not see all workspaces.
    pub builds: Vec<QueuedBuild>,
}

/// A build that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedBuild {
    /// Of which workspace.
    pub workspace: Named,
    /// Its number within the workspace.
    pub number: u64,
    /// What it does.
    #[schema(value_type = TransitionSchema)]
    pub transition: Transition,
    /// How far it is.
    #[schema(value_type = BuildStateSchema)]
    pub state: BuildState,
    /// When it was asked for.
    pub created_at: Time,
}
