//! What one person may have.

use bailey_api::quota::{Limit, LimitKind, OwnQuota, Quota as Wire};
use bailey_core::workspace::{Bound, Quota};

use super::{App, AppError, Caller};

/// Who says what no group says.
const ORGANIZATION: &str = "organization";

/// A group's quota as it is kept.
pub(super) const fn stored(quota: &Wire) -> Quota {
    Quota {
        workspaces: quota.workspaces,
        running: quota.running,
        cpu_milli: quota.cpu_milli,
        memory: quota.memory,
        disk: quota.disk,
    }
}

/// The same as the API shows it.
pub(super) const fn shown(quota: &Quota) -> Wire {
    Wire {
        workspaces: quota.workspaces,
        running: quota.running,
        cpu_milli: quota.cpu_milli,
        memory: quota.memory,
        disk: quota.disk,
    }
}

impl App {
    /// What the asker may have, and has.
    pub(crate) async fn own_quota(&self, caller: &Caller) -> Result<OwnQuota, AppError> {
        let person = caller.person();
        let default = self.fleet().settings().quota.quota();
        let bounds = self.store().person_bounds(person, &default).await?;
        let usage = self.store().workspaces_usage(person).await?;
        let limit = |what, used, bound: Bound| Limit {
            what,
            used,
            limit: bound.limit,
            from: bound.group.unwrap_or_else(|| ORGANIZATION.to_owned()),
        };
        Ok(OwnQuota {
            limits: vec![
                limit(LimitKind::Workspaces, usage.workspaces, bounds.workspaces),
                limit(LimitKind::Running, usage.running, bounds.running),
                limit(LimitKind::CpuMilli, usage.cpu_milli, bounds.cpu_milli),
                limit(LimitKind::Memory, usage.memory, bounds.memory),
                limit(LimitKind::Disk, usage.disk, bounds.disk),
            ],
        })
    }
}
