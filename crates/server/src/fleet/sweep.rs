//! What is looked after without anybody asking: idle workspaces, lives that are over, agents that died, and what nobody
//! remembers.

use std::collections::HashSet;
use std::time::Duration;

use bailey_core::workspace::{BuildState, Transition, Workspace, WorkspaceStatus, stop_due};
use bailey_core::{BuildId, WorkspaceId};
use bailey_runtime::ids::NewId;
use bailey_store::{Begun, NewBuild, StoreError};
use bailey_workspaces::driver::Driver;

use serde_json::json;

use super::Inner;
use crate::app::workspace_resource;
use crate::audit::{Change, Entry, Resource};
use std::sync::Arc;

/// How often.
const PERIOD: Duration = Duration::from_secs(3);
/// Every how many times what nobody remembers is looked for.
const ORPHANS: u32 = 20;
/// Every how many times logs of workspaces that are long gone are looked for: hourly.
const LOGS: u32 = 1200;
/// How long logs of a deleted workspace are kept, in seconds.
const LOGS_KEPT: i64 = 7 * 24 * 60 * 60;
/// How the reason begins for which a workspace is stopped that has died.
pub(crate) const AGENT_ENDED: &str = "its agent has ended";
/// An agent that is not seen this often in a row is dead.
const MISSED: u32 = 2;

impl Inner {
    /// Watches until the server ends.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut missed = std::collections::HashMap::new();
        let mut times: u32 = 0;
        loop {
            if times.is_multiple_of(LOGS) {
                self.forget_logs().await;
            }
            match self.sweep(&mut missed, times.is_multiple_of(ORPHANS)).await {
                Ok(()) => times = times.wrapping_add(1),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot look after workspaces");
                }
            }
            tokio::select! {
                () = self.closing.cancelled() => break,
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
        if let Err(error) = self.store_activity().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot note when workspaces were last active"
            );
        }
    }

    async fn sweep(
        self: &Arc<Self>,
        missed: &mut std::collections::HashMap<WorkspaceId, u32>,
        orphans: bool,
    ) -> Result<(), StoreError> {
        self.store_activity().await?;
        self.take_up().await?;
        self.end_suspended(None).await?;
        self.delete_of_deleted(orphans).await?;
        let up = self.store().workspaces_up().await?;
        if orphans {
            self.sweep_orphans(&up).await?;
        }
        let now = self.now();
        for workspace in &up {
            if !workspace.state.is_final() {
                continue;
            }
            let seen = self.driver.observe(workspace.id).await;
            if seen.is_ok_and(|seen| !seen.agent) {
                let times = missed.entry(workspace.id).or_insert(0);
                *times += 1;
                if *times >= MISSED {
                    missed.remove(&workspace.id);
                    let words = self.driver.last_words(workspace.id).await;
                    let words = words.map_or_else(String::new, |words| format!(": {words}"));
                    // Nothing lives; what the kernel still has of it goes.
                    if let Err(error) = self.driver.stop(workspace.id, Duration::ZERO).await {
                        tracing::warn!(workspace.id = %workspace.id, %error, "cannot clean up after an agent");
                    }
                    self.stop(workspace, format!("{AGENT_ENDED}{words}")).await?;
                }
                continue;
            }
            missed.remove(&workspace.id);
            let Some(started_at) = workspace.started_at else {
                continue;
            };
            let due = stop_due(
                started_at,
                workspace.last_active_at,
                workspace.auto_stop,
                workspace.resolved.max_lifetime,
                now,
            );
            if let Some(reason) = due {
                self.stop(workspace, reason.to_string()).await?;
            }
        }
        missed.retain(|id, _| up.iter().any(|workspace| workspace.id == *id));
        Ok(())
    }

    /// Begins to stop a workspace for a reason of Bailey's own.
    pub(super) async fn stop(self: &Arc<Self>, workspace: &Workspace, reason: String) -> Result<(), StoreError> {
        self.lead_down(workspace, Transition::Stop, reason).await
    }

    /// Begins to stop or delete a workspace for a reason of Bailey's own.
    pub(super) async fn lead_down(
        self: &Arc<Self>,
        workspace: &Workspace,
        transition: Transition,
        reason: String,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let build = NewBuild {
            id: BuildId::new_at(now),
            transition,
            initiator: None,
            reason: Some(reason.clone()),
            change: None,
            keep_home: false,
            created_at: now,
        };
        let change = Change::new("workspaces.stop", workspace_resource(workspace)).after(&json!({ "reason": reason }));
        let Some(entry) = self.recorded("fleet", change).await else {
            // It is tried again at the next look.
            return Ok(());
        };
        match self.store().build_begin(workspace.id, &build, None).await {
            Ok(Begun::Yes((_, build))) => {
                done(entry);
                let inner = Arc::clone(self);
                self.tasks.spawn(async move { inner.carry_out(build).await });
                Ok(())
            }
            // Somebody else was faster.
            Ok(Begun::Beyond(_)) | Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => {
                failed(entry, "something else is done to it already");
                Ok(())
            }
            Err(error) => {
                failed(entry, error.to_string());
                Err(error)
            }
        }
    }

    /// Records what is about to be done; `None` = it cannot be recorded, and so is not done. The inner `None`: nobody keeps a log.
    pub(super) async fn recorded(&self, part: &str, change: Change) -> Option<Option<Entry>> {
        let Some(audit) = self.audit.get() else {
            return Some(None);
        };
        match audit.begin(part, change).await {
            Ok(entry) => Some(Some(entry)),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the fleet does not do what it cannot record"
                );
                None
            }
        }
    }

    /// Takes up builds that nobody works on: the store has not answered for too long while they were carried out.
    pub(super) async fn take_up(self: &Arc<Self>) -> Result<(), StoreError> {
        for build in self.store().builds_unfinished().await? {
            if self.turns.try_take(build.workspace).is_none() {
                continue;
            }
            let inner = Arc::clone(self);
            self.tasks.spawn(async move { inner.carry_out(build).await });
        }
        Ok(())
    }

    /// Deletes the logs of workspaces that are long gone.
    async fn forget_logs(&self) {
        if let Err(error) = self
            .store()
            .build_logs_forget(self.now().plus_seconds(-LOGS_KEPT))
            .await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot delete the logs of deleted workspaces"
            );
        }
    }

    async fn store_activity(&self) -> Result<(), StoreError> {
        let active: Vec<_> = self.active().iter().map(|(id, at)| (*id, *at)).collect();
        if active.is_empty() {
            return Ok(());
        }
        self.store().workspaces_touch(&active).await?;
        // What came in the meantime stays.
        self.active().retain(|id, at| !active.contains(&(*id, *at)));
        Ok(())
    }

    /// Ends agents whose workspace is down or gone, and removes what is left of workspaces that nobody remembers.
    async fn sweep_orphans(&self, up: &[Workspace]) -> Result<(), StoreError> {
        let up: HashSet<WorkspaceId> = up.iter().map(|workspace| workspace.id).collect();
        let there = match self.driver.list().await {
            Ok(there) => there,
            Err(error) => {
                tracing::warn!(%error, "cannot list workspaces on this machine");
                return Ok(());
            }
        };
        for id in there.into_iter().filter(|id| !up.contains(id)) {
            // Whoever builds it right now knows better.
            let Some(_turn) = self.turns.try_take(id) else {
                continue;
            };
            let known = self.store().workspace_get(id).await?;
            let wanted = |w: &Workspace| !w.state.is_final() || w.status() == WorkspaceStatus::Running;
            if known.as_ref().is_some_and(wanted) {
                continue;
            }
            let gone = known
                .as_ref()
                .is_none_or(|w| w.transition == Transition::Delete && w.state == BuildState::Succeeded && !w.keep_home);
            let lives = self.driver.observe(id).await.is_ok_and(|seen| seen.agent);
            if !gone && !lives {
                continue;
            }
            let change =
                Change::new("workspaces.clean_up", Resource::new("workspace", id)).after(&json!({ "remove": gone }));
            let Some(entry) = self.recorded("fleet", change).await else {
                continue;
            };
            tracing::info!(workspace.id = %id, remove = gone, "ending what is left of a workspace");
            let ended = if gone {
                self.driver.delete(id).await
            } else {
                self.driver.stop(id, Duration::from_secs(5)).await
            };
            match ended {
                Ok(()) => done(entry),
                Err(error) => {
                    tracing::warn!(workspace.id = %id, %error, "cannot end what is left of a workspace");
                    failed(entry, error.to_string());
                }
            }
            self.end_keys(id).await?;
        }
        Ok(())
    }
}

/// Says in the audit log that what was recorded is done.
fn done(entry: Option<Entry>) {
    if let Some(entry) = entry {
        entry.end();
    }
}

/// Says in the audit log why what was recorded was not done.
fn failed(entry: Option<Entry>, why: impl Into<String>) {
    if let Some(entry) = entry {
        entry.fail(why);
    }
}
