//! The judge: books kept apart from the machine, from what the provider bills and from what the store says it posted.

use std::collections::BTreeMap;

use super::Check;
use super::node::{Attempt, Settlement};
use crate::Money;
use crate::budget::Account;
use crate::ledger::AccountKey;

/// How an attempt must be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Nothing is written: it must never be charged.
    Nothing,
    /// Its process died after the intent, or dropped it: the hold in full.
    Hold,
    /// It was settled at this cost.
    Cost(Money),
}

#[derive(Debug)]
struct Truth {
    attempt: Attempt,
    billed: Money,
    due: Due,
}

impl Truth {
    fn excess(&self) -> Money {
        self.billed.minus_or_zero(self.attempt.hold)
    }
}

/// What the judge knows of one account.
#[derive(Debug, Default)]
struct Book {
    billed: Money,
    charged: Money,
    overrun: Money,
    /// Billed beyond holds and not booked: of attempts under way, and of those whose bill a crash hid.
    excess: Money,
    /// The most that may be posted and leased: the limit, or what was already so when the limit was lowered.
    cap: Money,
}

#[derive(Debug)]
pub(super) struct Judge {
    honest: bool,
    attempts: BTreeMap<u64, Truth>,
    books: BTreeMap<AccountKey, Book>,
}

impl Judge {
    pub(super) fn new(honest: bool) -> Self {
        Self {
            honest,
            attempts: BTreeMap::new(),
            books: BTreeMap::new(),
        }
    }

    pub(super) fn admitted(&mut self, attempt: Attempt) {
        self.attempts.insert(
            attempt.number,
            Truth {
                attempt,
                billed: Money::ZERO,
                due: Due::Nothing,
            },
        );
    }

    /// The intent is in the journal: if nothing more is heard of it, the hold is due.
    pub(super) fn journalled(&mut self, number: u64) {
        self.set_due(number, Due::Hold);
    }

    pub(super) fn settled(&mut self, number: u64, cost: Money) {
        self.set_due(number, Due::Cost(cost));
    }

    fn set_due(&mut self, number: u64, due: Due) {
        if let Some(truth) = self.attempts.get_mut(&number) {
            truth.due = due;
        }
    }

    /// Voided, or its process died before the intent: a charge that comes later is for an attempt nobody knows.
    pub(super) fn unsent(&mut self, number: u64) -> Check {
        match self.attempts.remove(&number) {
            Some(truth) if truth.billed == Money::ZERO && truth.due == Due::Nothing => Ok(()),
            truth => Err(format!("INV-BUD-6: let go though it was sent: {truth:?}")),
        }
    }

    pub(super) fn billed(&mut self, number: u64, amount: Money) -> Check {
        let truth = self.attempts.get_mut(&number);
        let truth = truth.ok_or_else(|| format!("INV-BUD-4: attempt {number} is billed after its end"))?;
        if truth.due == Due::Nothing {
            return Err(format!(
                "INV-AUD-1: bytes of attempt {number} went out before its intent"
            ));
        }
        let before = truth.excess();
        truth.billed = truth.billed.saturating_add(amount);
        let more = truth.excess().minus_or_zero(before);
        if self.honest && more > Money::ZERO {
            return Err(format!("the provider is to be honest in this run: {truth:?}"));
        }
        for key in &truth.attempt.accounts {
            let book = self.books.entry(*key).or_default();
            book.billed = book.billed.saturating_add(amount);
            book.excess = book.excess.saturating_add(more);
        }
        Ok(())
    }

    /// The provider's final bill of an attempt, as its final usage says.
    pub(super) fn bill(&self, number: u64) -> Money {
        self.attempts.get(&number).map_or(Money::ZERO, |t| t.billed)
    }

    /// The store says that it posted this.
    pub(super) fn posted(&mut self, settlement: &Settlement) -> Check {
        let Settlement {
            attempt,
            charge,
            overrun,
            accounts,
        } = settlement;
        let truth = self.attempts.remove(attempt);
        let truth = truth.ok_or_else(|| format!("INV-BUD-4: posted twice, or never sent: {settlement:?}"))?;
        let (want, beyond) = match truth.due {
            Due::Nothing => return Err(format!("INV-BUD-6: charged before it was sent: {settlement:?}")),
            Due::Hold => (truth.attempt.hold, Money::ZERO),
            Due::Cost(cost) => (cost.min(truth.attempt.hold), cost.minus_or_zero(truth.attempt.hold)),
        };
        if (*charge, *overrun) != (want, beyond) || accounts != &truth.attempt.accounts {
            return Err(format!("INV-BUD-4: {settlement:?}, but due is {truth:?}"));
        }
        if *charge < truth.billed.min(truth.attempt.hold) {
            return Err(format!(
                "INV-BUD-6: charged less than billed: {settlement:?}, {truth:?}"
            ));
        }
        let booked = truth.excess().min(*overrun);
        for key in accounts {
            let book = self.books.entry(*key).or_default();
            book.charged = book.charged.saturating_add(*charge);
            book.overrun = book.overrun.saturating_add(*overrun);
            book.excess = book.excess.minus_or_zero(booked);
        }
        Ok(())
    }

    /// The store leased: within the limit, at this moment.
    pub(super) fn leased(&mut self, key: AccountKey, granted: Money, account: &Account) -> Check {
        self.books.entry(key).or_default().cap = self.cap(&key, account);
        let used = i128::from(account.posted.nanos())
            + i128::from(account.overrun.nanos())
            + i128::from(account.leased.nanos());
        if granted > Money::ZERO && used > i128::from(account.limit.nanos()) {
            return Err(format!("INV-BUD-1: leased beyond the limit: {key:?} {account:?}"));
        }
        Ok(())
    }

    fn cap(&self, key: &AccountKey, account: &Account) -> Money {
        self.books
            .get(key)
            .map_or(account.limit, |book| book.cap.max(account.limit))
    }

    /// The limit moves: what is posted and leased by now stays, more of it there shall not be.
    pub(super) fn limit_set(&mut self, key: AccountKey, account: &Account) {
        let used = account.posted.saturating_add(account.leased);
        self.books.entry(key).or_default().cap = used.max(account.limit);
    }

    pub(super) fn forget(&mut self, gone: impl Fn(&AccountKey) -> bool) {
        self.books.retain(|key, _| !gone(key));
    }

    /// Whether attempts of this account are still to be posted.
    pub(super) fn awaits(&self, key: &AccountKey) -> bool {
        self.attempts.values().any(|t| t.attempt.accounts.contains(key))
    }

    pub(super) fn waiting(&self) -> usize {
        self.attempts.len()
    }

    /// The promises about one account; `forfeited` is what lost replicas are charged in advance.
    pub(super) fn account(&self, key: &AccountKey, account: &Account, forfeited: Money) -> Check {
        let none = Book::default();
        let book = self.books.get(key).unwrap_or(&none);
        let wrong = |promise: &str| Err(format!("{promise}: {key:?} {account:?} {book:?} forfeited {forfeited}"));
        let Account {
            posted,
            overrun,
            leased,
            limit: _,
        } = *account;
        if posted < Money::ZERO || overrun < Money::ZERO || leased < Money::ZERO {
            return wrong("INV-BUD-7: less than nothing");
        }
        if posted != book.charged.saturating_add(forfeited) || overrun != book.overrun {
            return wrong("INV-BUD-4: posted is not the sum of what was charged");
        }
        let taken = posted.saturating_add(leased);
        if taken > book.cap {
            return wrong("INV-BUD-1: more is posted and leased than the limit allowed");
        }
        if book.billed > taken.saturating_add(overrun).saturating_add(book.excess) {
            return wrong("INV-BUD-2: more is billed than is charged and held");
        }
        if self.honest && (overrun, book.excess) != (Money::ZERO, Money::ZERO) {
            return wrong("INV-BUD-2: overrun without overbilling");
        }
        Ok(())
    }
}
