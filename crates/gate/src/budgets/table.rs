//! The table behind [`super::Budgets`]: everything that is done under its lock, none of which waits.

use std::collections::HashMap;

use bailey_core::budget::{AccountIx, Budget, Local, Replica};
use bailey_core::ledger::AccountKey;
use bailey_core::period::{Period, Window};
use bailey_core::{BudgetId, Money, Timestamp};

/// A place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetIx(usize);

struct Entry {
    id: BudgetId,
    subject: String,
    period: Period,
    limit: Money,
    window: Window,
    account: AccountIx,
}

/// A lease that came back short: what the store still had, and when it was asked.
struct Dry {
    asked: Timestamp,
    available: Money,
}

/// The budget with the least left, for a refusal.
pub(super) struct Tightest {
    pub(super) subject: String,
    pub(super) limit: Money,
    pub(super) period: Period,
    pub(super) window: Window,
    pub(super) spent: Money,
    pub(super) held: Money,
}

#[derive(Default)]
pub(super) struct Table {
    pub(super) replica: Replica,
    entries: Vec<Entry>,
    by_budget: HashMap<BudgetId, usize>,
    by_account: HashMap<AccountKey, AccountIx>,
    dry: HashMap<AccountKey, Dry>,
}

impl Table {
    pub(super) fn register(&mut self, budget: &Budget, subject: &str, now: Timestamp) -> BudgetIx {
        if let Some(&index) = self.by_budget.get(&budget.id)
            && let Some(entry) = self.entries.get_mut(index)
        {
            entry.limit = budget.limit;
            subject.clone_into(&mut entry.subject);
            return BudgetIx(index);
        }
        let window = budget.period.window(now);
        let account = self.open(AccountKey {
            budget: budget.id,
            window: window.start,
        });
        let subject = subject.to_owned();
        let entry = Entry {
            id: budget.id,
            subject,
            period: budget.period,
            limit: budget.limit,
            window,
            account,
        };
        self.entries.push(entry);
        self.by_budget.insert(budget.id, self.entries.len() - 1);
        BudgetIx(self.entries.len() - 1)
    }

    fn open(&mut self, key: AccountKey) -> AccountIx {
        let replica = &mut self.replica;
        *self.by_account.entry(key).or_insert_with(|| replica.open(key))
    }

    /// The accounts of the windows that `now` lies in; a window that is over makes room for the next.
    pub(super) fn accounts(&mut self, budgets: &[BudgetIx], now: Timestamp) -> Vec<AccountIx> {
        let mut accounts = Vec::with_capacity(budgets.len());
        for BudgetIx(index) in budgets {
            let Some(entry) = self.entries.get(*index) else {
                continue;
            };
            let (id, period, mut account) = (entry.id, entry.period, entry.account);
            if !entry.window.contains(now) {
                let window = period.window(now);
                account = self.open(AccountKey {
                    budget: id,
                    window: window.start,
                });
                if let Some(entry) = self.entries.get_mut(*index) {
                    (entry.window, entry.account) = (window, account);
                }
            }
            accounts.push(account);
        }
        accounts
    }

    pub(super) fn keys(&self, accounts: &[AccountIx]) -> Vec<AccountKey> {
        accounts
            .iter()
            .filter_map(|ix| self.replica.local(*ix))
            .map(|local| local.key)
            .collect()
    }

    pub(super) fn free(&mut self, budgets: &[BudgetIx], now: Timestamp) -> Money {
        let accounts = self.accounts(budgets, now);
        self.replica.free(&accounts)
    }

    /// What to ask the store for, so that `amount` can be held: nothing for an account that has just come back short.
    pub(super) fn wants(&mut self, budgets: &[BudgetIx], amount: Money, now: Timestamp) -> Vec<(AccountKey, Money)> {
        let accounts = self.accounts(budgets, now);
        let mut wants = Vec::new();
        for local in accounts.iter().filter_map(|ix| self.replica.local(*ix)) {
            let missing = amount.minus_or_zero(local.free());
            let recently = |dry: &Dry| now.micros().saturating_sub(dry.asked.micros()) < super::DRY_FOR;
            let is_dry = self.dry.get(&local.key).is_some_and(recently);
            if missing > Money::ZERO && !is_dry {
                wants.push((local.key, missing));
            }
        }
        wants
    }

    pub(super) fn granted(&mut self, key: AccountKey, granted: Money, available: Money, now: Timestamp) {
        if let Some(ix) = self.by_account.get(&key) {
            self.replica.leased(*ix, granted);
        }
        if available == Money::ZERO {
            self.dry.insert(key, Dry { asked: now, available });
        } else {
            self.dry.remove(&key);
        }
    }

    pub(super) fn posted(&mut self, charges: &[(AccountKey, Money)]) {
        for (key, charge) in charges {
            if let Some(ix) = self.by_account.get(key)
                && self.replica.posted(*ix, *charge).is_err()
            {
                tracing::error!(budget = %key.budget, "more was posted than was settled; this is a bug in Bailey");
            }
        }
    }

    /// Takes what is free out of leases: of one budget's, or of every window that is over. Accounts that are over and
    /// empty are forgotten.
    pub(super) fn recall(&mut self, which: Option<BudgetId>, now: Timestamp) -> Vec<(AccountKey, Money)> {
        let current: HashMap<AccountKey, bool> = self
            .entries
            .iter()
            .map(|e| {
                (
                    AccountKey {
                        budget: e.id,
                        window: e.window.start,
                    },
                    e.window.contains(now),
                )
            })
            .collect();
        let over = |key: &AccountKey| !current.get(key).copied().unwrap_or(false);
        let mut spare = Vec::new();
        let mut forget = Vec::new();
        for (key, ix) in &self.by_account {
            if which.is_none_or(|id| id == key.budget) && (which.is_some() || over(key)) {
                let amount = self.replica.recall(*ix);
                if amount > Money::ZERO {
                    spare.push((*key, amount));
                }
            }
            if !current.contains_key(key) && self.replica.close_account(*ix) {
                forget.push(*key);
            }
        }
        for key in forget {
            self.by_account.remove(&key);
        }
        self.dry
            .retain(|key, _| which != Some(key.budget) && current.contains_key(key));
        spare
    }

    /// The account that holds a request back: the one with the least free.
    pub(super) fn tightest(&mut self, budgets: &[BudgetIx], now: Timestamp) -> Option<Tightest> {
        let accounts = self.accounts(budgets, now);
        let free = |ix: &AccountIx| self.replica.local(*ix).map_or(Money::ZERO, Local::free);
        let (at, ix) = accounts.iter().enumerate().min_by_key(|(_, ix)| free(ix))?;
        let entry = self.entries.get(budgets.get(at)?.0)?;
        let local = self.replica.local(*ix)?;
        // All but what the store still has and what is in hand unspent.
        let available = self.dry.get(&local.key).map_or(Money::ZERO, |dry| dry.available);
        let unspent = local.lease.minus_or_zero(local.settled).saturating_add(available);
        Some(Tightest {
            subject: entry.subject.clone(),
            limit: entry.limit,
            period: entry.period,
            window: entry.window,
            spent: entry.limit.minus_or_zero(unspent),
            held: local.held,
        })
    }
}
