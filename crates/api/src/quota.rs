//! How much one person may have.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a group says of what each of its members may have. What is absent is as the deployment says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Workspaces, stopped ones included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspaces: Option<u64>,
    /// Workspaces that run or are on their way up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<u64>,
    /// Thousandths of CPUs of those that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_milli: Option<u64>,
    /// Bytes of memory of those that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Bytes of home directories, those of stopped workspaces included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<u64>,
}

/// What there may only be so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// Workspaces, stopped ones included.
    Workspaces,
    /// Workspaces that run or are on their way up.
    Running,
    /// Thousandths of CPUs of those that run.
    CpuMilli,
    /// Bytes of memory of those that run.
    Memory,
    /// Bytes of home directories.
    Disk,
}

/// One limit, and how much of it is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limit {
    /// Of what.
    pub what: LimitKind,
    /// How much there is.
    pub used: u64,
    /// The most there may be; absent = no limit.
    pub limit: Option<u64>,
    /// Who says so: `organization`, or the name of a group.
    pub from: String,
}

/// What the asker may have, and has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnQuota {
    /// The limits.
    pub limits: Vec<Limit>,
}
