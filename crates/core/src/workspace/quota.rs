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

/// A limit of a quota, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The most there may be; `None` = no limit.
    pub limit: Option<u64>,
    /// The group that says so; `None` = the deployment does.
    pub group: Option<String>,
}

/// What holds for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Workspaces.
    pub workspaces: Bound,
    /// Workspaces that run.
    pub running: Bound,
    /// Thousandths of CPUs.
    pub cpu_milli: Bound,
    /// Bytes of memory.
    pub memory: Bound,
    /// Bytes of home directories.
    pub disk: Bound,
}

impl Bounds {
    /// What a person may have for whom the deployment says `default`, and their groups what is in `groups`. What a group says
    /// takes the deployment's place; of several groups the most generous counts.
    pub fn of(default: &Quota, groups: &[(String, Quota)]) -> Self {
        let bound = |field: fn(&Quota) -> Option<u64>| {
            let said = groups.iter().filter_map(|(name, quota)| Some((field(quota)?, name)));
            // The first of the greatest, so that it is the same each time.
            let most = said.rev().max_by_key(|(limit, _)| *limit);
            match most {
                Some((limit, name)) => Bound {
                    limit: Some(limit),
                    group: Some(name.clone()),
                },
                None => Bound {
                    limit: field(default),
                    group: None,
                },
            }
        };
        Self {
            workspaces: bound(|quota| quota.workspaces),
            running: bound(|quota| quota.running),
            cpu_milli: bound(|quota| quota.cpu_milli),
            memory: bound(|quota| quota.memory),
            disk: bound(|quota| quota.disk),
        }
    }

    /// The limits alone.
    pub const fn quota(&self) -> Quota {
        Quota {
            workspaces: self.workspaces.limit,
            running: self.running.limit,
            cpu_milli: self.cpu_milli.limit,
            memory: self.memory.limit,
            disk: self.disk.limit,
        }
    }
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
    fn the_most_generous_group_takes_the_place_of_the_deployment() {
        let quota = |workspaces, memory| Quota {
            workspaces,
            memory,
            ..Quota::default()
        };
        let default = Quota {
            running: Some(10),
            ..quota(Some(20), Some(100))
        };
        assert_eq!(Bounds::of(&default, &[]).quota(), default);
        let groups = [
            ("interns".to_owned(), quota(Some(2), None)),
            ("leads".to_owned(), quota(Some(5), Some(7))),
            ("also".to_owned(), quota(Some(5), None)),
        ];
        let bounds = Bounds::of(&default, &groups);
        assert_eq!(
            bounds.workspaces,
            Bound {
                limit: Some(5),
                group: Some("leads".into())
            },
            "less than the deployment's, and the first of two that say the same"
        );
        assert_eq!(bounds.memory.limit, Some(7));
        assert_eq!((bounds.running.limit, bounds.running.group.clone()), (Some(10), None));
        assert_eq!(Bounds::of(&default, &groups[..1]).quota().workspaces, Some(2));
    }

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
