//! What a person's suspension or deletion does to their workspaces.

use std::sync::Arc;

use bailey_core::workspace::{Transition, Workspace};
use bailey_core::{PersonId, WorkspaceId};
use bailey_store::StoreError;
use bailey_workspaces::driver::{Driver as _, DriverError};

use super::{Fleet, Inner};
use crate::links::Phase;

impl Fleet {
    /// A person was suspended, and the store knows: their workspaces begin to stop, and what is open to them from outside
    /// or out of them ends. Nothing of this is lost if the server ends before it is done; the watch takes it up.
    ///
    /// # Errors
    /// Where the store cannot be read or written.
    pub(crate) async fn person_suspended(&self, person: PersonId) -> Result<(), StoreError> {
        self.0.end_suspended(Some(person)).await
    }

    /// Begins to stop a workspace for a reason that is not its person's. One to which something else is done is left alone.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub(crate) async fn stop_for(&self, workspace: &Workspace, reason: String) -> Result<(), StoreError> {
        self.0.stop(workspace, reason).await
    }

    /// A person was deleted, and the store knows: workspaces and kept homes that were not handed over are deleted from now
    /// on. Nothing of this is lost if the server ends before it is done; the watch takes it up.
    pub(crate) fn person_deleted(&self) {
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn(async move {
            if let Err(error) = inner.delete_of_deleted(true).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot delete the workspaces of a deleted person yet"
                );
            }
        });
    }

    /// Removes a home that was kept when its workspace was deleted.
    ///
    /// # Errors
    /// Where it cannot be removed, or the store cannot be written.
    pub(crate) async fn home_delete(&self, id: WorkspaceId) -> Result<(), HomeError> {
        self.0.home_delete(id).await
    }
}

/// A kept home cannot be removed.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The store does not know that it is gone.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is still there, or a part of it.
    #[error("the home cannot be removed")]
    Driver(#[from] DriverError),
}

impl Inner {
    /// Ends what runs although its owner is suspended, of one person or of everybody.
    pub(super) async fn end_suspended(self: &Arc<Self>, person: Option<PersonId>) -> Result<(), StoreError> {
        let found = self.store().workspaces_of_suspended().await?;
        let wanted = found.iter().filter(|w| person.is_none_or(|person| w.owner == person));
        for workspace in wanted {
            let owner = self.store().person_get(workspace.owner).await?;
            let owner = owner.map_or_else(String::new, |owner| owner.name);
            self.end_of_suspended(workspace, &owner).await?;
        }
        Ok(())
    }

    async fn end_of_suspended(self: &Arc<Self>, workspace: &Workspace, owner: &str) -> Result<(), StoreError> {
        self.links.bar(workspace.id);
        self.outbound.cut(workspace.id);
        if !workspace.state.is_final() {
            // A build that leads up fails now instead of waiting for an agent that may not link any more.
            let cause = format!("`{owner}`, who owns the workspace, was suspended");
            self.links.report(workspace.id, Phase::Over(cause));
            return Ok(());
        }
        self.stop(
            workspace,
            format!("stopped because `{owner}`, who owns it, was suspended"),
        )
        .await
    }

    /// Deletes workspaces and kept homes of people who are deleted; `again` = also those where that failed before.
    pub(super) async fn delete_of_deleted(self: &Arc<Self>, again: bool) -> Result<(), StoreError> {
        for workspace in self.store().workspaces_of_deleted().await? {
            if workspace.transition == Transition::Delete && !again {
                continue;
            }
            let owner = self.store().person_get(workspace.owner).await?;
            let owner = owner.map_or_else(String::new, |owner| owner.name);
            let reason = format!("deleted because `{owner}`, who owns it, was deleted");
            self.lead_down(&workspace, Transition::Delete, reason).await?;
        }
        if again {
            for home in self.store().homes_of_deleted().await? {
                if let Err(error) = self.home_delete(home.id).await {
                    tracing::warn!(workspace.id = %home.id, error = &error as &dyn std::error::Error, "cannot remove a kept home");
                }
            }
        }
        Ok(())
    }

    /// The directory goes first: a home of which only a part is gone is still there, and can be removed again.
    async fn home_delete(&self, id: WorkspaceId) -> Result<(), HomeError> {
        let _turn = self.turns.take(id).await;
        self.driver.delete(id).await?;
        self.store().home_gone(id).await?;
        Ok(())
    }
}
