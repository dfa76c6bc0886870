//! Workspaces: what is wanted, what is there, and what to do about it.

mod idle;
mod name;
mod plan;
#[cfg(test)]
mod properties;
mod quota;
mod record;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use idle::{StopReason, stop_due};
pub use name::{NameError, valid_name};
pub use plan::{Action, Goal, Observed, SeenAgent, plan};
pub use quota::{Asked, Bound, Bounds, Exceeded, Quota, Usage};
pub use record::{Build, LogLine, Workspace};

/// What a build does to a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// Makes it run; what is missing is made first.
    Start,
    /// Ends what runs; its home stays.
    Stop,
    /// Stops and starts it.
    Restart,
    /// Moves it to another version of its template or to other parameters, and runs it.
    Update,
    /// Ends it for good.
    Delete,
}

/// How far a build has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildState {
    /// Waits for its turn.
    Queued,
    /// Is worked on.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended without success; the build says why.
    Failed,
    /// Ended because somebody asked for it.
    Cancelled,
}

/// How a workspace is, as people see it. It follows from its last build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceStatus {
    /// Its first build waits.
    Pending,
    /// On its way up.
    Starting,
    /// Up.
    Running,
    /// On its way down.
    Stopping,
    /// Down; its home is kept.
    Stopped,
    /// The last build failed; nothing runs.
    Failed,
    /// On its way out.
    Deleting,
    /// Gone.
    Deleted,
}

macro_rules! names {
    ($type:ident: $($variant:ident = $text:literal),* $(,)?) => {
        impl $type {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name used in text, JSON and the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// Reads [`Self::as_str`] back.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names!(Transition: Start = "start", Stop = "stop", Restart = "restart", Update = "update", Delete = "delete");
names!(BuildState: Queued = "queued", Running = "running", Succeeded = "succeeded", Failed = "failed",
    Cancelled = "cancelled");
names!(WorkspaceStatus: Pending = "pending", Starting = "starting", Running = "running", Stopping = "stopping",
    Stopped = "stopped", Failed = "failed", Deleting = "deleting", Deleted = "deleted");

impl Transition {
    /// Whether the workspace is to run when the build is over.
    pub const fn goes_up(self) -> bool {
        matches!(self, Self::Start | Self::Restart | Self::Update)
    }
}

impl BuildState {
    /// Whether the build is over.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

impl WorkspaceStatus {
    /// What a workspace is like whose last build is this one.
    pub const fn of(transition: Transition, state: BuildState) -> Self {
        use BuildState as B;
        use Transition as T;
        match (transition, state) {
            (T::Start, B::Queued) => Self::Pending,
            (T::Start | T::Restart | T::Update, B::Queued | B::Running) => Self::Starting,
            (T::Start | T::Restart | T::Update, B::Succeeded) => Self::Running,
            (T::Stop, B::Queued | B::Running) => Self::Stopping,
            (T::Delete, B::Queued | B::Running) => Self::Deleting,
            (T::Delete, B::Succeeded) => Self::Deleted,
            (T::Stop, B::Succeeded) | (_, B::Cancelled) => Self::Stopped,
            (_, B::Failed) => Self::Failed,
        }
    }
}
