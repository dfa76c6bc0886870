//! What a person's suspension does to their workspaces.

use std::sync::Arc;

use bailey_core::PersonId;
use bailey_core::workspace::Workspace;
use bailey_store::StoreError;

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
}
