//! Workspaces of chats are brought up when an agent needs them.

use std::time::Duration;

use bailey_chats::WorkspaceError;
use bailey_core::WorkspaceId;
use bailey_core::workspace::{Workspace, WorkspaceStatus};
use tokio::time::Instant;

use crate::app::App;

/// How often it is looked whether a workspace is up.
const LOOK: Duration = Duration::from_millis(100);
/// How long an agent that runs may take to link again.
const LINKED: Duration = Duration::from_secs(75);
/// Beyond what a build may take: what comes before and after it.
const BESIDE: Duration = Duration::from_secs(30);

fn unreachable(why: impl Into<String>) -> WorkspaceError {
    WorkspaceError::Unreachable(why.into())
}

impl App {
    /// The workspace, once it is up: one that is down is started, as its owner could, and one on its way is waited for.
    pub(crate) async fn chat_workspace_up(&self, id: WorkspaceId) -> Result<Workspace, WorkspaceError> {
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
}
