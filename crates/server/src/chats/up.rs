//! Workspaces of chats are brought up when an agent needs them.

use std::time::Duration;

use bailey_chats::WorkspaceError;
use bailey_core::workspace::{Build, StopReason, Transition, Workspace, WorkspaceStatus};
use bailey_core::{Timestamp, WorkspaceId};
use tokio::time::Instant;

use crate::app::App;
use crate::fleet::AGENT_ENDED;

/// How often it is looked whether a workspace is up.
const LOOK: Duration = Duration::from_millis(100);
/// How long an agent that runs may take to link again.
const LINKED: Duration = Duration::from_secs(75);
/// Beyond what a build may take: what comes before and after it.
const BESIDE: Duration = Duration::from_secs(30);

fn unreachable(why: impl Into<String>) -> WorkspaceError {
    WorkspaceError::Unreachable(why.into())
}

/// Why a workspace is not started by an agent that is down since this build; `None` = it is. What a person did and the end of its
/// life hold; that nobody was at it, or that it died, says nothing against an agent that needs it.
fn kept_down(last: &Build) -> Option<String> {
    let reason = last.reason.as_deref().unwrap_or_default();
    let by_itself = last.initiator.is_none() && (StopReason::is_idle(reason) || reason.starts_with(AGENT_ENDED));
    match last.transition {
        Transition::Stop if by_itself => None,
        Transition::Stop if last.initiator.is_some() => Some("somebody stopped it".to_owned()),
        Transition::Stop => Some(reason.to_owned()),
        // It is not built anew with each thing that an agent wants to do.
        _ => Some(format!(
            "it did not start: {}",
            last.error.as_deref().unwrap_or("nobody knows why")
        )),
    }
}

impl App {
    /// The workspace, once it is up: one that is down is started, as its owner could, and one on its way is waited for. What came
    /// down in a way that holds, after a person wanted the chat to go on, stays down.
    pub(crate) async fn chat_workspace_up(
        &self,
        id: WorkspaceId,
        wanted: Timestamp,
    ) -> Result<Workspace, WorkspaceError> {
        let began = Instant::now();
        let patience = self.fleet().settings().build_timeout + BESIDE;
        let mut asked = false;
        loop {
            let found = self.store().workspace_get(id).await;
            let found = found.map_err(|error| unreachable(format!("the database does not answer: {error}")))?;
            let workspace = found.filter(|workspace| workspace.deleted_at.is_none());
            let workspace = workspace.ok_or_else(|| unreachable("it was deleted"))?;
            let patience = match workspace.status() {
                WorkspaceStatus::Running if self.fleet().links().is_barred(id) => {
                    return Err(unreachable("its owner is suspended"));
                }
                WorkspaceStatus::Running if self.fleet().links().is_connected(id) => return Ok(workspace),
                WorkspaceStatus::Running => LINKED,
                WorkspaceStatus::Pending | WorkspaceStatus::Starting | WorkspaceStatus::Stopping => patience,
                WorkspaceStatus::Stopped | WorkspaceStatus::Failed if !asked => {
                    asked = true;
                    self.chat_may_start(id, wanted).await?;
                    self.workspace_start_for_chat(&workspace).await.map_err(unreachable)?;
                    continue;
                }
                status => return Err(unreachable(format!("it is {status}"))),
            };
            if began.elapsed() > patience {
                return Err(unreachable(format!("it is {} and not connected", workspace.status())));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn chat_may_start(&self, id: WorkspaceId, wanted: Timestamp) -> Result<(), WorkspaceError> {
        let builds = self.store().builds_last(&[id]).await;
        let builds = builds.map_err(|error| unreachable(format!("the database does not answer: {error}")))?;
        let mut since = builds.iter().filter(|build| build.created_at > wanted);
        match since.find_map(kept_down) {
            Some(why) => Err(WorkspaceError::KeptDown(format!(
                "{why}. Resume the chat, or write to it, and it is started."
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use bailey_core::workspace::BuildState;
    use bailey_core::{BuildId, PersonId, TemplateVersionId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_a_person_or_a_lifetime_ended_stays_down() {
        let build = |transition, initiator: Option<u128>, reason: &str| Build {
            id: BuildId::from_uuid(Uuid::from_u128(1)),
            workspace: WorkspaceId::from_uuid(Uuid::from_u128(2)),
            number: 1,
            transition,
            state: BuildState::Succeeded,
            version: TemplateVersionId::from_uuid(Uuid::from_u128(3)),
            initiator: initiator.map(|n| PersonId::from_uuid(Uuid::from_u128(n))),
            reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
            error: None,
            created_at: Timestamp::from_seconds(0),
            started_at: None,
            finished_at: None,
        };
        let stopped = |initiator, reason: &str| kept_down(&build(Transition::Stop, initiator, reason));
        assert_eq!(stopped(Some(4), "").as_deref(), Some("somebody stopped it"));
        let lifetime = StopReason::Lifetime(60).to_string();
        assert_eq!(stopped(None, &lifetime), Some(lifetime));
        assert_eq!(stopped(None, &StopReason::Idle(60).to_string()), None);
        assert_eq!(stopped(None, &format!("{AGENT_ENDED}: it was killed")), None);
        assert!(kept_down(&build(Transition::Start, None, "an agent's chat needs it")).is_some());
    }
}
