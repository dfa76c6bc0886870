//! Virtual keys: what a key may do, and the defaults of each scope.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::period::Period;
use crate::{GroupId, KeyId, Money, PersonId, Timestamp, WorkspaceId};

/// What a key was made for; picks its defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyScope {
    /// One workspace, for its session.
    Workspace,
    /// A person at their own machine.
    User,
    /// One run of a pipeline.
    Ci,
    /// An agent that reviews.
    AgentReview,
    /// An agent that writes code.
    AgentWrite,
}

/// A label on a model by its price: `$` fast, `$$` general, `$$$` deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// Fast and cheap.
    #[serde(rename = "$")]
    Fast,
    /// For general work.
    #[serde(rename = "$$")]
    General,
    /// For deep work.
    #[serde(rename = "$$$")]
    Deep,
}

impl Tier {
    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "$",
            Self::General => "$$",
            Self::Deep => "$$$",
        }
    }
}

/// What a key of a scope gets unless its maker says otherwise (mission G4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeDefaults {
    /// The budget's limit.
    pub budget: Money,
    /// The budget's period.
    pub period: Period,
    /// Requests per minute.
    pub rpm: u32,
    /// The price tiers whose models are allowed.
    pub tiers: &'static [Tier],
    /// Seconds until the key expires; `None` = until it is revoked (a workspace's key ends with the workspace).
    pub lifetime: Option<i64>,
}

impl KeyScope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::Workspace,
        Self::User,
        Self::Ci,
        Self::AgentReview,
        Self::AgentWrite,
    ];

    /// The name used in text, JSON and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::User => "user",
            Self::Ci => "ci",
            Self::AgentReview => "agent-review",
            Self::AgentWrite => "agent-write",
        }
    }

    /// The mission's defaults.
    pub const fn defaults(self) -> ScopeDefaults {
        const HOUR: i64 = 3_600;
        const CHEAP: &[Tier] = &[Tier::Fast];
        const GENERAL: &[Tier] = &[Tier::General];
        const BOTH: &[Tier] = &[Tier::Fast, Tier::General];
        let (budget, period, rpm, tiers, lifetime) = match self {
            Self::Workspace => (5, Period::Day, 30, BOTH, None),
            Self::User => (20, Period::Day, 60, BOTH, Some(30 * 24 * HOUR)),
            Self::Ci => (10, Period::Run, 120, CHEAP, Some(HOUR)),
            Self::AgentReview => (2, Period::Run, 60, CHEAP, Some(HOUR)),
            Self::AgentWrite => (8, Period::Run, 30, GENERAL, Some(2 * HOUR)),
        };
        ScopeDefaults {
            budget: Money::usd(budget),
            period,
            rpm,
            tiers,
            lifetime,
        }
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope; use one of workspace, user, ci, agent-review, agent-write")]
pub struct UnknownScope;

impl FromStr for KeyScope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or(UnknownScope)
    }
}

/// Which models a key may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct ModelAccess {
    /// Allowed price tiers; empty = any. A model without a tier is in none, so a key bound to tiers cannot use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// Allowed model names; empty = any. Both lists must allow a model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl ModelAccess {
    /// Whether the model named `name` with the label `tier` may be used.
    pub fn allows(&self, name: &str, tier: Option<Tier>) -> bool {
        let by_tier = self.tiers.is_empty() || tier.is_some_and(|t| self.tiers.contains(&t));
        let by_name = self.names.is_empty() || self.names.iter().any(|n| n == name);
        by_tier && by_name
    }
}

/// Free labels on a key: at most 32 pairs, names of at most 64 bytes and values of at most 512.
pub type Metadata = BTreeMap<String, String>;

/// A virtual key's record. The secret itself is never kept; `hash` is its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id, safe to show.
    pub id: KeyId,
    /// The part of the token by which the record is found.
    pub public_id: String,
    /// SHA-256 of the whole token.
    pub hash: [u8; 32],
    /// The name its maker gave it.
    pub name: String,
    /// What it was made for.
    pub scope: KeyScope,
    /// The person who answers for it.
    pub person: PersonId,
    /// The group that is charged besides the person; `None` = the person's charged group.
    pub group: Option<GroupId>,
    /// The workspace it belongs to.
    pub workspace: Option<WorkspaceId>,
    /// Which models it may use.
    pub models: ModelAccess,
    /// Requests in any 60 seconds; `None` = no limit.
    pub rpm: Option<u32>,
    /// Tokens in any 60 seconds; `None` = no limit.
    pub tpm: Option<u64>,
    /// Requests at the same time; `None` = no limit.
    pub concurrent: Option<u32>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// Free labels.
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: PersonId,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When its secret was last replaced.
    pub rotated_at: Option<Timestamp>,
}
