//! Virtual keys.

use std::fmt;

use bailey_core::key::{KeyScope, Metadata, Tier};
use bailey_core::{KeyId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::budgets::{Budget, BudgetsInput};
use crate::schema::{KeyScopeSchema, TierSchema};
use crate::{Lifetime, Named, Patch, Time};

/// Which models a key may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// Allowed price tiers; empty = any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<TierSchema>>)]
    pub tiers: Option<Vec<Tier>>,
    /// Allowed model names; empty = any. Both lists must allow a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
}

/// Whether a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It does.
    Active,
    /// Its time is up.
    Expired,
    /// It was revoked.
    Revoked,
}

/// A key. Its secret is never shown again after it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its id, safe to show.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// What the key itself begins with, to recognise it by.
    #[schema(example = "sk-bly-0123456789abcdef")]
    pub prefix: String,
    /// The name its maker gave it.
    pub name: String,
    /// What it was made for.
    #[schema(value_type = KeyScopeSchema)]
    pub scope: KeyScope,
    /// Whether it works.
    pub state: KeyState,
    /// The person who answers for it.
    pub person: Named,
    /// The id of the group that is charged besides the person; absent = the person's charged group.
    pub group: Option<String>,
    /// The id of the workspace it belongs to.
    pub workspace: Option<String>,
    /// Which models it may use.
    pub models: Models,
    /// Requests in any 60 seconds; absent = no limit.
    pub rpm: Option<u32>,
    /// Tokens in any 60 seconds; absent = no limit.
    pub tpm: Option<u64>,
    /// Requests at the same time; absent = no limit.
    pub concurrent: Option<u32>,
    /// When it stops working; absent = when it is revoked.
    pub expires_at: Option<Time>,
    /// Free labels.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Time,
    /// The id of the person who made it.
    pub created_by: String,
    /// When its secret was last replaced.
    pub rotated_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
    /// Its own budgets, and how they stand.
    pub budgets: Vec<Budget>,
}

/// A key together with its secret, which is shown this once, and not by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyWithSecret {
    /// The whole key, to be sent as `Authorization: Bearer` or `x-api-key`. It is not kept; nobody can show it again.
    pub key: String,
    /// What is known of it.
    #[serde(flatten)]
    pub record: Key,
}

impl fmt::Debug for KeyWithSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyWithSecret")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// A new key. What is absent comes from the scope's defaults.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyCreate {
    /// A name: 1 to 128 characters.
    #[schema(example = "laptop")]
    pub name: String,
    /// What it is for; picks the defaults. `user` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<KeyScopeSchema>)]
    pub scope: Option<KeyScope>,
    /// The person who answers for it, by id or name; yourself if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The group that is charged, by id or name; one of the person's. Their charged group if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The workspace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub workspace: Option<WorkspaceId>,
    /// Its budgets, in place of the default one; `[]` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetsInput>,
    /// Which models it may use. Names without tiers mean these models whatever their tier, where you may grant that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Models>,
    /// Requests in any 60 seconds; `null` = no limit.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<u32>)]
    pub rpm: Patch<u32>,
    /// Tokens in any 60 seconds; `null` = no limit.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<u64>)]
    pub tpm: Patch<u64>,
    /// Requests at the same time; `null` = no limit.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<u32>)]
    pub concurrent: Patch<u32>,
    /// How long it works. Not together with `expires_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Lifetime>,
    /// When it stops working. Not together with `expires_in`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Free labels: at most 32, names of at most 64 bytes and values of at most 512.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub metadata: Metadata,
}

/// A change of a key. Only those who may set budgets raise a limit; everyone may lower those of their own keys.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyUpdate {
    /// A new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The group that is charged, by id or name; `null` for the person's charged group.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub group: Patch<String>,
    /// Budgets: one of a period that the key has sets its limit, one of another period is added. None is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetsInput>,
    /// Which models it may use; an absent list stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Models>,
    /// Requests in any 60 seconds; `null` = no limit.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<u32>)]
    pub rpm: Patch<u32>,
    /// Tokens in any 60 seconds; `null` = no limit.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<u64>)]
    pub tpm: Patch<u64>,
    /// Requests at the same time; `null` = no limit.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<u32>)]
    pub concurrent: Patch<u32>,
    /// How long it works from now on. Not together with `expires_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Lifetime>,
    /// When it stops working. Not together with `expires_in`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Free labels, in place of those there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub metadata: Option<Metadata>,
}

/// Which keys are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KeyListQuery {
    /// Only those of this person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Only those charged to this group, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Only those of this workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub workspace: Option<WorkspaceId>,
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub state: Option<KeyState>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
