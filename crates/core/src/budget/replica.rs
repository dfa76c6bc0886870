//! A server's side of budgets: leases in hand, holds, settlements.
//!
//! The life of a hold: `held -> sent -> settled`, or `held -> voided`. A [`Hold`] is a value that is neither cloned nor
//! copied, and [`Replica::settle`] and [`Replica::void`] consume it: a second settlement does not compile.

use crate::ledger::AccountKey;
use crate::{Money, MoneyError, Timestamp};

/// A place in [`Replica`]'s table of accounts; what a request's path uses instead of looking ids up.
///
/// It is good until the account is closed. After that it finds nothing, also when the place has a new account: money that
/// arrives late for a closed account is never put down to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountIx {
    place: u32,
    /// How many accounts had the place before.
    turn: u32,
}

/// One place of the table: the account in it, if any, and how many were in it before.
#[derive(Debug, Clone, Default)]
struct Slot {
    turn: u32,
    local: Option<Local>,
}

/// One account as a replica sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Which account.
    pub key: AccountKey,
    /// What is leased and neither posted nor released.
    pub lease: Money,
    /// The part of it that requests under way hold.
    pub held: Money,
    /// The part of it that is settled and not yet posted to the store.
    pub settled: Money,
}

impl Local {
    /// What a new hold may take.
    pub fn free(&self) -> Money {
        self.lease.minus_or_zero(self.held).minus_or_zero(self.settled)
    }
}

/// How far a hold is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// Nothing has been sent: it can be voided.
    Held,
    /// The intent is journalled and bytes may be out: it is charged, at worst in full.
    Sent,
}

/// Money set aside on every account of one attempt.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a hold is settled or voided"]
pub struct Hold {
    accounts: Vec<AccountIx>,
    amount: Money,
    state: HoldState,
}

impl Hold {
    /// What is held on each account.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// How far it is.
    pub fn state(&self) -> HoldState {
        self.state
    }

    /// The accounts it is held on.
    pub fn accounts(&self) -> &[AccountIx] {
        &self.accounts
    }

    /// The intent is journalled: from now on the hold is charged.
    pub fn sent(&mut self) {
        self.state = HoldState::Sent;
    }
}

/// What came of asking for a hold.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// Held on every account.
    Held(Hold),
    /// The leases of these accounts do not cover it; the amounts are what is missing. Nothing was held.
    Short(Vec<(AccountIx, Money)>),
    /// The lease time is over: the replica must not admit until it has renewed it.
    Fenced,
}

/// What a settlement comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// The part within the hold.
    pub charge: Money,
    /// The part beyond it.
    pub overrun: Money,
}

/// All accounts that one replica works with.
#[derive(Debug, Clone, Default)]
pub struct Replica {
    accounts: Vec<Slot>,
    vacant: Vec<u32>,
    /// Before this instant leases are surely ours; from it on another replica may count them as lost.
    fence: Timestamp,
}

impl Replica {
    /// A replica with nothing in hand, fenced until [`Replica::renew`].
    pub fn new() -> Self {
        Self::default()
    }

    /// The store has noted that this replica's leases stand until `until`, by this replica's clock.
    ///
    /// Others count them as lost no sooner than `until` plus twice the largest error of a clock, so a replica that minds
    /// its fence never admits on a lease that was given up. Call it after the store has answered, never before.
    pub fn renew(&mut self, until: Timestamp) {
        self.fence = until;
    }

    /// Whether leases can still be used at `now`.
    pub fn fenced(&self, now: Timestamp) -> bool {
        now >= self.fence
    }

    /// Takes an account into the table, with nothing leased. The caller sees to it that it is not open already.
    pub fn open(&mut self, key: AccountKey) -> AccountIx {
        let local = Local {
            key,
            lease: Money::ZERO,
            held: Money::ZERO,
            settled: Money::ZERO,
        };
        if let Some(place) = self.vacant.pop()
            && let Some(slot) = self.accounts.get_mut(place as usize)
        {
            slot.local = Some(local);
            return AccountIx { place, turn: slot.turn };
        }
        self.accounts.push(Slot {
            turn: 0,
            local: Some(local),
        });
        AccountIx {
            place: u32::try_from(self.accounts.len() - 1).unwrap_or(u32::MAX),
            turn: 0,
        }
    }

    /// The account at `ix`, if it is open.
    pub fn local(&self, ix: AccountIx) -> Option<&Local> {
        let slot = self.accounts.get(ix.place as usize)?;
        slot.local.as_ref().filter(|_| slot.turn == ix.turn)
    }

    fn local_mut(&mut self, ix: AccountIx) -> Option<&mut Local> {
        let slot = self.accounts.get_mut(ix.place as usize)?;
        let turn = slot.turn;
        slot.local.as_mut().filter(|_| turn == ix.turn)
    }

    /// Every open account.
    pub fn iter(&self) -> impl Iterator<Item = (AccountIx, &Local)> {
        (0_u32..).zip(&self.accounts).filter_map(|(place, slot)| {
            let local = slot.local.as_ref()?;
            Some((AccountIx { place, turn: slot.turn }, local))
        })
    }

    /// The store leased `amount` more. `false` if the account was closed in the meantime: then the amount is to be given
    /// back to the store.
    pub fn leased(&mut self, ix: AccountIx, amount: Money) -> bool {
        match self.local_mut(ix) {
            Some(local) => {
                local.lease = local.lease.saturating_add(amount.max(Money::ZERO));
                true
            }
            None => false,
        }
    }

    /// Holds `amount` on every account, or on none. An account that is named twice is held once, and a negative amount is
    /// taken as zero.
    pub fn admit(&mut self, accounts: &[AccountIx], amount: Money, now: Timestamp) -> Admission {
        if self.fenced(now) {
            return Admission::Fenced;
        }
        let amount = amount.max(Money::ZERO);
        let missing = |ix: &AccountIx| {
            let free = self.local(*ix).map_or(Money::ZERO, Local::free);
            (free < amount).then(|| (*ix, amount.minus_or_zero(free)))
        };
        let short: Vec<_> = accounts.iter().filter_map(missing).collect();
        if !short.is_empty() {
            return Admission::Short(short);
        }
        let mut held = Vec::with_capacity(accounts.len());
        for ix in accounts {
            if held.contains(ix) {
                continue;
            }
            if let Some(local) = self.local_mut(*ix) {
                local.held = local.held.saturating_add(amount);
            }
            held.push(*ix);
        }
        Admission::Held(Hold {
            accounts: held,
            amount,
            state: HoldState::Held,
        })
    }

    /// The least that is free on any of the accounts: what could be held now.
    pub fn free(&self, accounts: &[AccountIx]) -> Money {
        accounts
            .iter()
            .map(|ix| self.local(*ix).map_or(Money::ZERO, Local::free))
            .min()
            .unwrap_or(Money::MAX)
    }

    /// Lets go of a hold of which nothing was sent. One that was sent is charged in full instead: it is never released
    /// silently.
    pub fn void(&mut self, hold: Hold) -> Charge {
        let cost = match hold.state {
            HoldState::Held => Money::ZERO,
            HoldState::Sent => hold.amount,
        };
        self.settle(hold, cost)
    }

    /// Charges what an attempt cost: within the hold it is the charge, beyond it the overrun. A negative cost is zero.
    pub fn settle(&mut self, hold: Hold, cost: Money) -> Charge {
        let Hold {
            accounts,
            amount,
            state: _,
        } = hold;
        let cost = cost.max(Money::ZERO);
        let charge = cost.min(amount);
        for ix in accounts {
            if let Some(local) = self.local_mut(ix) {
                local.held = local.held.minus_or_zero(amount);
                local.settled = local.settled.saturating_add(charge);
            }
        }
        Charge {
            charge,
            overrun: cost.minus_or_zero(amount),
        }
    }

    /// The store has posted `charge` of what was settled: it is ours no more.
    ///
    /// Call it with what the batch charged, also when the store answers that it had the batch already. Fails, and changes
    /// nothing, if less than `charge` is settled here.
    pub fn posted(&mut self, ix: AccountIx, charge: Money) -> Result<(), MoneyError> {
        let Some(local) = self.local_mut(ix) else {
            return Ok(());
        };
        if charge < Money::ZERO || charge > local.settled {
            return Err(MoneyError::Negative);
        }
        local.lease = local.lease.checked_sub(charge)?;
        local.settled = local.settled.checked_sub(charge)?;
        Ok(())
    }

    /// Takes what is free out of the lease, to be given back to the store. The store is told after this, never before.
    ///
    /// If the store's answer is lost, the amount must not be taken in hand again: the store may have leased it elsewhere
    /// by now. What it still counts as leased here can be read from it later.
    pub fn recall(&mut self, ix: AccountIx) -> Money {
        self.local_mut(ix).map_or(Money::ZERO, |local| {
            let free = local.free();
            local.lease = local.lease.minus_or_zero(free);
            free
        })
    }

    /// Forgets an account that has nothing in hand; says whether it had nothing.
    pub fn close_account(&mut self, ix: AccountIx) -> bool {
        let idle = self
            .local(ix)
            .is_some_and(|l| l.lease == Money::ZERO && l.held == Money::ZERO && l.settled == Money::ZERO);
        if idle && let Some(slot) = self.accounts.get_mut(ix.place as usize) {
            slot.local = None;
            slot.turn = slot.turn.wrapping_add(1);
            self.vacant.push(ix.place);
        }
        idle
    }
}
