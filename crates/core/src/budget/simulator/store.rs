//! The store: accounts, one row per replica, and the transactions that replicas ask for. Each method is one transaction.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Attempt, Record, Settlement};
use crate::budget::{Account, LeasePolicy};
use crate::ledger::AccountKey;
use crate::{BudgetId, Money, Timestamp};

/// How far a clock may be off, either way.
pub(super) const CLOCK_ERROR: i64 = 2;
/// How long after the end of a lease others wait before they count it as lost, in seconds: two clocks may differ by this.
pub(super) const GRACE: i64 = 2 * CLOCK_ERROR;

/// Why a transaction was refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The replica's leases were forfeited: it has to begin anew with its journal.
    Lost,
    /// A budget of the request is gone.
    Deleted,
    /// The store's own arithmetic failed: never right.
    Broken(String),
}

/// A replica as the store knows it.
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) until: Timestamp,
    pub(super) lost: bool,
    /// Up to where its journal is posted.
    pub(super) position: u64,
    pub(super) leases: BTreeMap<AccountKey, Money>,
    pub(super) forfeited: BTreeMap<AccountKey, Money>,
    /// Attempts whose intent was posted without a settlement.
    pub(super) open: BTreeSet<Attempt>,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) limits: BTreeMap<BudgetId, Money>,
    pub(super) accounts: BTreeMap<AccountKey, Account>,
    pub(super) members: BTreeMap<u32, Member>,
}

impl Store {
    fn member(&mut self, id: u32) -> Result<&mut Member, Refusal> {
        let member = self.members.get_mut(&id).ok_or(Refusal::Lost)?;
        if member.lost { Err(Refusal::Lost) } else { Ok(member) }
    }

    pub(super) fn heartbeat(&mut self, id: u32, until: Timestamp) -> Result<(), Refusal> {
        self.member(id)?.until = until;
        Ok(())
    }

    /// Leases for all accounts of a request, or for none.
    pub(super) fn lease(
        &mut self,
        id: u32,
        wants: &[(AccountKey, Money)],
        policy: LeasePolicy,
    ) -> Result<Vec<(AccountKey, Money)>, Refusal> {
        self.member(id)?;
        let mut granted = Vec::new();
        if wants.iter().any(|(key, _)| !self.limits.contains_key(&key.budget)) {
            return Err(Refusal::Deleted);
        }
        for (key, need) in wants {
            let account = account(&self.limits, &mut self.accounts, key).ok_or(Refusal::Deleted)?;
            let amount = account.lease(*need, policy);
            granted.push((*key, amount));
        }
        let leases = &mut self.member(id)?.leases;
        for (key, amount) in &granted {
            let row = leases.entry(*key).or_default();
            *row = row.saturating_add(*amount);
        }
        Ok(granted)
    }

    pub(super) fn release(&mut self, id: u32, key: AccountKey, amount: Money) -> Result<(), Refusal> {
        let member = self.member(id)?;
        let Some(row) = member.leases.get_mut(&key) else {
            return Ok(()); // The budget was deleted.
        };
        *row = row.checked_sub(amount).map_err(broken)?;
        let account = self.accounts.get_mut(&key).ok_or(Refusal::Deleted)?;
        account.release(amount).map_err(broken)
    }

    /// Posts the records of a replica's journal up to `upto`; says what was settled. Nothing if it had them already.
    pub(super) fn flush(&mut self, id: u32, upto: u64, records: &[Record]) -> Result<Vec<Settlement>, Refusal> {
        let member = self.members.get_mut(&id).ok_or(Refusal::Lost)?;
        if member.lost {
            return Err(Refusal::Lost);
        }
        if member.position >= upto {
            return Ok(Vec::new());
        }
        let settled = member.note(upto, records);
        for s in &settled {
            for key in &s.accounts {
                let Some(account) = account(&self.limits, &mut self.accounts, key) else {
                    continue; // The budget was deleted.
                };
                account.post(s.charge, s.overrun).map_err(broken)?;
                let row = member.leases.entry(*key).or_default();
                *row = row.checked_sub(s.charge).map_err(broken)?;
            }
        }
        Ok(settled)
    }

    /// A replica asks for others whose time is over: their leases count as spent. Says how many it found.
    pub(super) fn reap(&mut self, by: u32, now: Timestamp) -> Result<u64, Refusal> {
        let mut found = 0;
        for (id, member) in &mut self.members {
            if *id == by || member.lost || now < member.until.plus_seconds(GRACE) {
                continue;
            }
            for (key, amount) in std::mem::take(&mut member.leases) {
                if let Some(account) = self.accounts.get_mut(&key) {
                    account.forfeit(amount).map_err(broken)?;
                    member.forfeited.insert(key, amount);
                }
            }
            member.lost = true;
            found += 1;
        }
        Ok(found)
    }

    /// The end of a recovery: the journal is posted, and what is leased is given back; what was forfeited is refunded.
    pub(super) fn recover(&mut self, id: u32, upto: u64, records: &[Record]) -> Result<Vec<Settlement>, Refusal> {
        let member = self.members.get_mut(&id).ok_or(Refusal::Lost)?;
        let settled = if member.lost {
            member.lost = false;
            let settled = member.note(upto, records);
            let forfeited = std::mem::take(&mut member.forfeited);
            // An account of which nothing was leased can still have an overrun.
            let charged = settled.iter().flat_map(|s| &s.accounts);
            let keys: BTreeSet<&AccountKey> = forfeited.keys().chain(charged).collect();
            for key in keys {
                let (mut charge, mut overrun) = (Money::ZERO, Money::ZERO);
                for s in settled.iter().filter(|s| s.accounts.contains(key)) {
                    charge = charge.checked_add(s.charge).map_err(broken)?;
                    overrun = overrun.checked_add(s.overrun).map_err(broken)?;
                }
                if let Some(account) = account(&self.limits, &mut self.accounts, key) {
                    let forfeited = forfeited.get(key).copied().unwrap_or_default();
                    account.refund(forfeited, charge, overrun).map_err(broken)?;
                }
            }
            settled
        } else {
            self.flush(id, upto, records)?
        };
        for (key, row) in std::mem::take(&mut self.member(id)?.leases) {
            if let Some(account) = self.accounts.get_mut(&key) {
                account.release(row).map_err(broken)?;
            }
        }
        Ok(settled)
    }

    pub(super) fn set_limit(&mut self, budget: BudgetId, limit: Money) {
        self.limits.insert(budget, limit);
        for (_, account) in self.accounts.iter_mut().filter(|(key, _)| key.budget == budget) {
            account.limit = limit;
        }
    }

    /// Forgets all accounts that `gone` names: those of a deleted budget, or of windows long past.
    pub(super) fn forget(&mut self, gone: impl Fn(&AccountKey) -> bool) {
        self.accounts.retain(|key, _| !gone(key));
        for member in self.members.values_mut() {
            member.leases.retain(|key, _| !gone(key));
            member.forfeited.retain(|key, _| !gone(key));
        }
    }

    /// What lost replicas had in hand of an account.
    pub(super) fn forfeited(&self, key: &AccountKey) -> Money {
        let rows = self.members.values().filter_map(|m| m.forfeited.get(key));
        rows.fold(Money::ZERO, |sum, f| sum.saturating_add(*f))
    }

    /// What all replicas have in hand of an account.
    pub(super) fn leased(&self, key: &AccountKey) -> Money {
        let rows = self.members.values().filter_map(|m| m.leases.get(key));
        rows.fold(Money::ZERO, |sum, row| sum.saturating_add(*row))
    }
}

impl Member {
    /// Moves on to `upto`, opens and closes attempts, and picks the settlements out.
    fn note(&mut self, upto: u64, records: &[Record]) -> Vec<Settlement> {
        let mut settled = Vec::new();
        for record in records {
            match record {
                Record::Intent(intent) => {
                    self.open.insert(intent.clone());
                }
                Record::Settlement(settlement) => {
                    self.open.retain(|a| a.number != settlement.attempt);
                    settled.push(settlement.clone());
                }
            }
        }
        self.position = upto;
        settled
    }
}

/// The account of a window, made on its first use; `None` if its budget was deleted.
fn account<'a>(
    limits: &BTreeMap<BudgetId, Money>,
    accounts: &'a mut BTreeMap<AccountKey, Account>,
    key: &AccountKey,
) -> Option<&'a mut Account> {
    let limit = *limits.get(&key.budget)?;
    Some(accounts.entry(*key).or_insert(Account {
        limit,
        ..Account::default()
    }))
}

fn broken(error: crate::MoneyError) -> Refusal {
    Refusal::Broken(format!("INV-BUD-7: the store's arithmetic: {error}"))
}
