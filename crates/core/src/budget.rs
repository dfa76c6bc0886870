//! Hard budgets: the arithmetic of limits, leases and holds, as two pure machines.
//!
//! - [`Account`] is the store's side: one window of one budget. Its guard is `posted + overrun + leased <= limit`.
//! - [`Replica`] is a server's side: what it has leased of each account, what it holds for requests under way, and what it
//!   has settled and not yet posted. Its guard is `held + settled <= lease`, so no database is asked on the way of a request.
//!
//! Together: `posted + held + leased <= limit` at every admission, for any number of replicas (`posted` being what the
//! store knows, `held` lying inside `leased`). What a provider bills beyond what it was asked for is `overrun`: it is booked
//! apart, and it uses up the limit like all else.

mod account;
#[cfg(test)]
mod properties;
mod replica;
#[cfg(test)]
mod simulator;

pub use account::{Account, LeasePolicy};
pub use replica::{AccountIx, Admission, Charge, Hold, HoldState, Local, Replica};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::period::Period;
use crate::{BudgetId, GroupId, KeyId, Money, OrgId, PersonId, Timestamp};

/// Whom a budget limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum BudgetSubject {
    /// One key.
    Key(KeyId),
    /// One person, all their keys and API tokens together.
    Person(PersonId),
    /// What one person asks for with their own API tokens, all together.
    Tokens(PersonId),
    /// One group, all that is charged to it.
    Group(GroupId),
    /// Everyone.
    Organization(OrgId),
}

impl BudgetSubject {
    /// The kind's name: `key`, `person`, `tokens`, `group`, `organization`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Person(_) => "person",
            Self::Tokens(_) => "tokens",
            Self::Group(_) => "group",
            Self::Organization(_) => "organization",
        }
    }
}

/// A budget: at most `limit` in each window of `period`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Its id.
    pub id: BudgetId,
    /// Whom it limits.
    pub subject: BudgetSubject,
    /// How often it begins anew.
    pub period: Period,
    /// The most that may be spent in one window.
    pub limit: Money,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An amount per period, as written `5/day`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetSpec {
    /// The most that may be spent in one window.
    pub limit: Money,
    /// How often it begins anew.
    pub period: Period,
}

/// The text is no budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetSpecError {
    /// No `/` in it.
    #[error("write a budget as AMOUNT/PERIOD, such as 5/day or 0.50/run")]
    Form,
    /// The amount is none.
    #[error("amount: {0}")]
    Amount(#[from] crate::MoneyError),
    /// The period is none.
    #[error("period: {0}")]
    Period(#[from] crate::period::UnknownPeriod),
}

impl FromStr for BudgetSpec {
    type Err = BudgetSpecError;
    fn from_str(text: &str) -> Result<Self, BudgetSpecError> {
        let (amount, period) = text.split_once('/').ok_or(BudgetSpecError::Form)?;
        Ok(Self {
            limit: amount.parse()?,
            period: period.trim().parse()?,
        })
    }
}

impl fmt::Display for BudgetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, self.period)
    }
}
