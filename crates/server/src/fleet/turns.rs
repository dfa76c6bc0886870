//! Turns: whoever does something to a workspace does it alone.
//!
//! The database allows one build of a workspace at a time. What this adds is for the sweep, which ends what nobody wants
//! without a build of its own, and which must not pick up a build that is being carried out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailey_core::WorkspaceId;
use tokio::sync::OwnedMutexGuard;

type Table = HashMap<WorkspaceId, Arc<tokio::sync::Mutex<()>>>;

/// The turns of all workspaces. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<Table>>);

/// A turn, until it is dropped.
pub(super) struct Turn {
    turns: Turns,
    workspace: WorkspaceId,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for a turn.
    pub(super) async fn take(&self, workspace: WorkspaceId) -> Turn {
        // What waits counts as using the entry, so that it is not removed meanwhile.
        let held = self.entry(workspace).lock_owned().await;
        self.turn(workspace, held)
    }

    /// A turn, if nobody has it.
    pub(super) fn try_take(&self, workspace: WorkspaceId) -> Option<Turn> {
        let held = self.entry(workspace).try_lock_owned().ok()?;
        Some(self.turn(workspace, held))
    }

    fn turn(&self, workspace: WorkspaceId, held: OwnedMutexGuard<()>) -> Turn {
        Turn {
            turns: self.clone(),
            workspace,
            held: Some(held),
        }
    }

    fn entry(&self, workspace: WorkspaceId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.table().entry(workspace).or_default())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that can panic happens under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut table = self.turns.table();
        // Given back under the table's lock: nobody can begin to wait for an entry that is removed.
        self.held = None;
        if table
            .get(&self.workspace)
            .is_some_and(|entry| Arc::strong_count(entry) == 1)
        {
            table.remove(&self.workspace);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ONE: WorkspaceId = WorkspaceId::from_uuid(Uuid::from_u128(1));
    const TWO: WorkspaceId = WorkspaceId::from_uuid(Uuid::from_u128(2));

    #[tokio::test]
    async fn a_turn_is_had_once_and_nothing_is_kept_of_it() {
        let turns = Turns::default();
        let first = turns.take(ONE).await;
        assert!(turns.try_take(ONE).is_none() && turns.try_take(TWO).is_some());
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(5), turns.take(ONE));
        assert!(waiting.await.is_err());
        drop(first);
        drop(turns.take(ONE).await);
        assert!(turns.table().is_empty());
    }
}
