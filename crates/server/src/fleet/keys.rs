//! The key that a workspace has for the gate: it gets a secret when its agent asks for one, and has none when the workspace is down.

use bailey_core::budget::{Budget, BudgetSubject};
use bailey_core::key::{Key, KeyScope, Metadata, ModelAccess};
use bailey_core::template::EnforcementLevel;
use bailey_core::workspace::Workspace;
use bailey_core::{BudgetId, KeyId, Secret, WorkspaceId};
use bailey_gate::token::{self, Kind};
use bailey_runtime::ids::{NewId, RandomError};
use bailey_store::{KeyFilter, KeyState, LedgerReach, ListPage, StoreError};

use super::Inner;

/// A key could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl Inner {
    /// A secret of the workspace's key for its agent, known by its token's public id; the one before ends. The key itself is
    /// made once, so that what is spent of its budgets stays spent whatever is started anew. `None` if the workspace has
    /// another agent by now, or is on its way down.
    pub(super) async fn give_key(
        &self,
        workspace: &Workspace,
        agent: &str,
    ) -> Result<Option<Secret<String>>, KeyError> {
        let now = self.now();
        let minted = token::mint(Kind::Key)?;
        let defaults = &self.key_defaults;
        let level = match workspace.resolved.enforcement {
            EnforcementLevel::Unrestricted => "unrestricted",
            EnforcementLevel::Standard => "standard",
            EnforcementLevel::DesignFirst => "design-first",
        };
        let key = Key {
            id: KeyId::new_at(now),
            public_id: minted.public_id,
            hash: minted.hash,
            name: format!("workspace {}", workspace.name),
            scope: KeyScope::Workspace,
            person: workspace.owner,
            group: None,
            workspace: Some(workspace.id),
            models: ModelAccess {
                tiers: defaults.tiers.clone(),
                names: Vec::new(),
            },
            rpm: defaults.rpm,
            tpm: defaults.tpm,
            concurrent: defaults.concurrent,
            expires_at: None,
            metadata: Metadata::from([("enforcement_level".to_owned(), level.to_owned())]),
            created_at: now,
            created_by: workspace.owner,
            revoked_at: None,
            rotated_at: None,
        };
        let budget = Budget {
            id: BudgetId::new_at(now),
            subject: BudgetSubject::Key(key.id),
            period: defaults.budget.period,
            limit: defaults.budget.limit,
            created_at: now,
        };
        let Some(given) = self.store().workspace_key_give(agent, &key, &[budget]).await? else {
            return Ok(None);
        };
        self.keys_ended(&given.ended);
        Ok(Some(minted.text))
    }

    /// Keys were revoked in the store: what uses them ends.
    pub(super) fn keys_ended(&self, keys: &[KeyId]) {
        for key in keys {
            self.gate.end_key(*key);
        }
    }

    /// Revokes every key of a workspace; what uses them ends at once.
    pub(super) async fn end_keys(&self, workspace: WorkspaceId) -> Result<(), StoreError> {
        let mut filter = KeyFilter::within(LedgerReach::All);
        filter.workspace = Some(workspace);
        filter.state = Some((KeyState::Active, self.now()));
        loop {
            let (keys, more) = self
                .store()
                .keys_list(
                    &filter,
                    ListPage {
                        after: None,
                        limit: 100,
                    },
                )
                .await?;
            for key in &keys {
                self.store().key_revoke(key.id, self.now()).await?;
                self.gate.end_key(key.id);
            }
            // Those of this page are not active any more: what is left comes first now.
            if more.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether a workspace has a key that is good.
    pub(super) async fn has_key(&self, workspace: WorkspaceId) -> Result<bool, StoreError> {
        let mut filter = KeyFilter::within(LedgerReach::All);
        filter.workspace = Some(workspace);
        filter.state = Some((KeyState::Active, self.now()));
        let (keys, _) = self
            .store()
            .keys_list(&filter, ListPage { after: None, limit: 1 })
            .await?;
        Ok(!keys.is_empty())
    }
}
