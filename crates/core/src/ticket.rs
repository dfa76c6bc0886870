//! Runs of tickets: what a label on a ticket of a forge started, and how far it has come.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::authz::UnknownName;

/// How far a run is. Each state is stored before what it stands for is done, and what is done can be done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its workspace is made.
    Starting,
    /// Its workspace comes up.
    Building,
    /// The repository is cloned in it.
    Cloning,
    /// Somebody works in it: the person, or an agent.
    Ready,
    /// Its workspace is stopped.
    Stopping,
    /// What it was for is merged.
    Done,
    /// It could not go on.
    Failed,
    /// The ticket does not ask for it any more.
    Stopped,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Building,
        Self::Cloning,
        Self::Ready,
        Self::Stopping,
        Self::Done,
        Self::Failed,
        Self::Stopped,
    ];

    /// The name used in text, JSON and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Building => "building",
            Self::Cloning => "cloning",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }

    /// Whether the run has ended: then the ticket can have another.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Stopped)
    }

    /// Whether a run goes from here to `next` in one step. What has ended stays so, and nothing that is being stopped comes up again.
    pub const fn leads_to(self, next: Self) -> bool {
        use RunState as S;
        match self {
            S::Starting => matches!(next, S::Building | S::Stopping | S::Failed | S::Done),
            S::Building => matches!(next, S::Cloning | S::Stopping | S::Failed | S::Done | S::Stopped),
            S::Cloning => matches!(next, S::Ready | S::Stopping | S::Failed | S::Done | S::Stopped),
            S::Ready => matches!(next, S::Stopping | S::Failed | S::Done | S::Stopped),
            S::Stopping => matches!(next, S::Stopped | S::Done),
            S::Done | S::Failed | S::Stopped => false,
        }
    }
}

impl FromStr for RunState {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| UnknownName {
            what: "state of a run",
            known: Self::ALL.map(Self::as_str).join(", "),
        })
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for state in RunState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert!("running".parse::<RunState>().is_err());
    }

    #[test]
    fn what_has_ended_stays_so_and_all_else_can_be_stopped() {
        for state in RunState::ALL {
            let next: Vec<_> = RunState::ALL.into_iter().filter(|next| state.leads_to(*next)).collect();
            assert_eq!(next.is_empty(), state.is_final(), "{state}");
            assert!(!next.contains(&state), "{state}");
            let stops = state.is_final() || state == RunState::Stopping || next.contains(&RunState::Stopping);
            assert!(stops, "{state}");
        }
    }
}
