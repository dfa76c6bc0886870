//! How much one person may have.

use serde::{Deserialize, Serialize};

use crate::template::Resources;

/// The most that one person may have; `None` = no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Workspaces, stopped ones included.
    pub workspaces: Option<u64>,
    /// Workspaces that run or are on their way up.
    pub running: Option<u64>,
    /// Thousandths of CPUs of those that run.
    pub cpu_milli: Option<u64>,
    /// Bytes of memory of those that run.
    pub memory: Option<u64>,
    /// Bytes of home directories, those of stopped workspaces included.
    pub disk: Option<u64>,
}

/// What one person has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Workspaces.
    pub workspaces: u64,
    /// Workspaces that run or are on their way up.
    pub running: u64,
    /// Thousandths of CPUs of those that run.
    pub cpu_milli: u64,
    /// Bytes of memory of those that run.
    pub memory: u64,
    /// Bytes of home directories.
    pub disk: u64,
}

/// What a start adds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Whether a workspace is made for it.
    pub new: bool,
    /// Thousandths of CPUs.
    pub cpu_milli: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of the home directory.
    pub disk: u64,
}

impl Asked {
    /// What a workspace of these resources needs. What is not limited counts as nothing: it cannot be summed.
    pub fn of(resources: &Resources, new: bool) -> Self {
        Self {
            new,
            cpu_milli: resources.cpu_milli.map_or(0, u64::from),
            memory: resources.memory.unwrap_or(0),
            disk: resources.disk.unwrap_or(0),
        }
    }
}

/// One limit that would be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {have} of {limit} are taken, and {asked} more are needed")]
pub struct Exceeded {
    /// What there is too much of.
    pub what: &'static str,
    /// How much there is.
    pub have: u64,
    /// How much more was asked for.
    pub asked: u64,
    /// The limit.
    pub limit: u64,
}

impl Quota {
    /// Every limit that `usage` would pass with `asked`. The usage is without the workspace that is asked for.
    pub fn exceeded(&self, usage: &Usage, asked: &Asked) -> Vec<Exceeded> {
        [
            ("workspaces", self.workspaces, usage.workspaces, 1),
            ("running workspaces", self.running, usage.running, 1),
            ("thousandths of CPUs", self.cpu_milli, usage.cpu_milli, asked.cpu_milli),
            ("bytes of memory", self.memory, usage.memory, asked.memory),
            ("bytes of disk", self.disk, usage.disk, asked.disk),
        ]
        .into_iter()
        .filter_map(|(what, limit, have, asked)| {
            let limit = limit?;
            (have.saturating_add(asked) > limit).then_some(Exceeded {
                what,
                have,
                asked,
                limit,
            })
        })
        // Starting what is there already adds no workspace: whoever is above a lowered limit can still work.
        .filter(|exceeded| asked.new || exceeded.what != "workspaces")
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_their_edge() {
        let quota = Quota {
            workspaces: Some(2),
            running: Some(1),
            memory: Some(10),
            ..Quota::default()
        };
        let asked = Asked {
            new: true,
            memory: 4,
            ..Asked::default()
        };
        let usage = |workspaces, running, memory| Usage {
            workspaces,
            running,
            memory,
            ..Usage::default()
        };
        assert_eq!(quota.exceeded(&usage(1, 0, 6), &asked), []);
        let what = |usage| {
            quota
                .exceeded(&usage, &asked)
                .iter()
                .map(|e| e.what)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            what(usage(2, 1, 7)),
            ["workspaces", "running workspaces", "bytes of memory"]
        );
        assert_eq!(what(usage(0, 0, u64::MAX)), ["bytes of memory"]);
        let again = Asked { new: false, ..asked };
        assert_eq!(quota.exceeded(&usage(2, 0, 0), &again), []);
    }
}
