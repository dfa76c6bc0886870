//! The flags of `bailey keys`, and the requests that they make.

use bailey_api::budgets::BudgetsInput;
use bailey_api::keys::{KeyCreate, KeyListQuery, KeyState, KeyUpdate, Models};
use bailey_api::{Lifetime, Patch, Time};
use bailey_core::WorkspaceId;
use bailey_core::budget::BudgetSpec;
use bailey_core::key::{KeyScope, Metadata, Tier};
use clap::{Args, ValueEnum};

use super::super::cleared;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those of this person
    #[arg(long)]
    user: Option<String>,
    /// Only those charged to this group
    #[arg(long)]
    group: Option<String>,
    /// Only those of this workspace
    #[arg(long)]
    workspace: Option<WorkspaceId>,
    /// Only those in this state
    #[arg(long, value_enum)]
    state: Option<State>,
}

/// Whether a key works.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Active,
    Expired,
    Revoked,
}

impl From<List> for KeyListQuery {
    fn from(list: List) -> Self {
        let state = |state| match state {
            State::Active => KeyState::Active,
            State::Expired => KeyState::Expired,
            State::Revoked => KeyState::Revoked,
        };
        Self {
            person: list.user,
            group: list.group,
            workspace: list.workspace,
            state: list.state.map(state),
            ..Self::default()
        }
    }
}

/// What a key may do, in the words of both making and changing one.
#[derive(Debug, Args)]
struct Limits {
    /// A budget as AMOUNT/PERIOD, such as 5/day; may be given once for each period
    #[arg(long, value_name = "AMOUNT/PERIOD", help_heading = "Limits")]
    budget: Vec<BudgetSpec>,
    /// Price tiers whose models it may use, such as '$,$$', or `any`
    #[arg(long, value_name = "TIERS", help_heading = "Limits")]
    tiers: Option<String>,
    /// Models it may use, such as sonnet,haiku, or `any`
    #[arg(long, value_name = "NAMES", help_heading = "Limits")]
    models: Option<String>,
    /// Requests in any 60 seconds, or `none` for no limit
    #[arg(long, value_name = "NUMBER", value_parser = cleared::<u32>, help_heading = "Limits")]
    rpm: Option<Patch<u32>>,
    /// Tokens in any 60 seconds, or `none` for no limit
    #[arg(long, value_name = "NUMBER", value_parser = cleared::<u64>, help_heading = "Limits")]
    tpm: Option<Patch<u64>>,
    /// Requests at the same time, or `none` for no limit
    #[arg(long, value_name = "NUMBER", value_parser = cleared::<u32>, help_heading = "Limits")]
    concurrent: Option<Patch<u32>>,
    /// How long it works from now, such as 12h or 30d, or never
    #[arg(
        long,
        value_name = "DURATION",
        conflicts_with = "expires_at",
        help_heading = "Limits"
    )]
    expires_in: Option<Lifetime>,
    /// When it stops working, such as 2026-12-31T00:00:00Z
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    expires_at: Option<Time>,
    /// A free label; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    metadata: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// A name to recognise it by
    #[arg(long)]
    name: String,
    /// What it is for, which picks its defaults: workspace, user, ci, agent-review or agent-write [default: user]
    #[arg(long)]
    scope: Option<KeyScope>,
    /// The person who answers for it [default: you]
    #[arg(long)]
    user: Option<String>,
    /// The group that is charged besides the person [default: the person's charged group]
    #[arg(long)]
    group: Option<String>,
    /// The workspace it belongs to
    #[arg(long)]
    workspace: Option<WorkspaceId>,
    /// No budget of its own; those of its person, group and organization hold all the same
    #[arg(long, conflicts_with = "budget", help_heading = "Limits")]
    no_budget: bool,
    #[command(flatten)]
    limits: Limits,
}

#[derive(Debug, Args)]
pub(super) struct Update {
    /// Its id
    pub(super) key: String,
    /// A new name
    #[arg(long)]
    name: Option<String>,
    /// The group that is charged, or `none` for the person's charged group
    #[arg(long, value_parser = cleared::<String>)]
    group: Option<Patch<String>>,
    #[command(flatten)]
    limits: Limits,
}

impl Create {
    pub(super) fn body(self) -> Result<KeyCreate, Failure> {
        let limits = self.limits;
        let models = limits.models()?;
        let budget = if self.no_budget {
            Some(BudgetsInput(Vec::new()))
        } else {
            budgets(limits.budget)
        };
        Ok(KeyCreate {
            name: self.name,
            scope: self.scope,
            person: self.user,
            group: self.group,
            workspace: self.workspace,
            budget,
            models,
            rpm: limits.rpm.unwrap_or_default(),
            tpm: limits.tpm.unwrap_or_default(),
            concurrent: limits.concurrent.unwrap_or_default(),
            expires_in: limits.expires_in,
            expires_at: limits.expires_at,
            metadata: limits.metadata.into_iter().collect(),
        })
    }
}

impl Update {
    pub(super) fn body(self) -> Result<KeyUpdate, Failure> {
        let limits = self.limits;
        let models = limits.models()?;
        let metadata: Metadata = limits.metadata.into_iter().collect();
        Ok(KeyUpdate {
            name: self.name,
            group: self.group.unwrap_or_default(),
            budget: budgets(limits.budget),
            models,
            rpm: limits.rpm.unwrap_or_default(),
            tpm: limits.tpm.unwrap_or_default(),
            concurrent: limits.concurrent.unwrap_or_default(),
            expires_in: limits.expires_in,
            expires_at: limits.expires_at,
            metadata: (!metadata.is_empty()).then_some(metadata),
        })
    }
}

impl Limits {
    fn models(&self) -> Result<Option<Models>, Failure> {
        if self.tiers.is_none() && self.models.is_none() {
            return Ok(None);
        }
        let tiers = self
            .tiers
            .as_deref()
            .map(names)
            .map(|tiers| tiers.iter().map(|name| tier(name)).collect());
        Ok(Some(Models {
            tiers: tiers.transpose()?,
            names: self.models.as_deref().map(names),
        }))
    }
}

fn budgets(budgets: Vec<BudgetSpec>) -> Option<BudgetsInput> {
    (!budgets.is_empty()).then_some(BudgetsInput(budgets))
}

/// Names with commas between them; `any` is the empty list, which allows all.
fn names(text: &str) -> Vec<String> {
    if text == "any" {
        return Vec::new();
    }
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

fn tier(name: &str) -> Result<Tier, Failure> {
    let found = [Tier::Fast, Tier::General, Tier::Deep]
        .into_iter()
        .find(|tier| tier.as_str() == name);
    found.ok_or_else(|| {
        Failure::new(format!("unknown tier `{name}`; use $, $$ or $$$"))
            .hint("shells replace $ within double quotes; write --tiers '$,$$'")
    })
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write a label as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_no_limit_and_any_is_all() {
        assert_eq!(cleared::<u32>("none"), Ok(Patch::Clear));
        assert_eq!(cleared::<u32>("60"), Ok(Patch::Set(60)));
        assert!(cleared::<u32>("many").is_err());
        assert!(names("any").is_empty());
        assert_eq!(names("a, b"), ["a", "b"]);
        assert!(label("a").is_err());
    }
}
