//! The store's side of a budget window.

use crate::{Money, MoneyError};

/// How much is leased at a time: the part of what is left that one lease takes, so that leases are large far from the
/// limit and small near it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasePolicy {
    /// One lease takes at most `available / share`, or what is needed if that is more. At least 1.
    pub share: u32,
}

impl Default for LeasePolicy {
    fn default() -> Self {
        Self { share: 4 }
    }
}

/// One window of one budget, as the store has it.
///
/// Invariant: `leased <= limit - posted - overrun` at the moment of each lease; a limit that is lowered later, or an
/// overrun, can only make [`Account::available`] zero, never take back what is already leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// The most that may be spent in the window.
    pub limit: Money,
    /// What is charged for good.
    pub posted: Money,
    /// What providers billed beyond the holds.
    pub overrun: Money,
    /// What replicas have in hand.
    pub leased: Money,
}

impl Account {
    /// What can still be leased; never negative.
    pub fn available(&self) -> Money {
        let used = self.posted.saturating_add(self.overrun).saturating_add(self.leased);
        self.limit.minus_or_zero(used)
    }

    /// Leases at least `need` if there is as much, else all there is: the asker lowers its wish or refuses.
    pub fn lease(&mut self, need: Money, policy: LeasePolicy) -> Money {
        let available = self.available();
        let part = Money::from_nanos(available.nanos() / i64::from(policy.share.max(1)));
        // `available` is never negative and `part` is at most `available`, so a negative `need` changes nothing.
        let granted = part.max(need).min(available);
        self.leased = self.leased.saturating_add(granted);
        granted
    }

    /// A replica settled: `charge` moves from leased to posted, `overrun` is added beside it.
    ///
    /// Fails, and changes nothing, if the sums do not fit, an amount is negative, or more is charged than is leased.
    pub fn post(&mut self, charge: Money, overrun: Money) -> Result<(), MoneyError> {
        let next = Self {
            limit: self.limit,
            posted: self.posted.checked_add(not_negative(charge)?)?,
            overrun: self.overrun.checked_add(not_negative(overrun)?)?,
            leased: not_negative(self.leased.checked_sub(charge)?)?,
        };
        *self = next;
        Ok(())
    }

    /// A replica gives back what it does not need. Fails, and changes nothing, if that is more than is leased.
    pub fn release(&mut self, amount: Money) -> Result<(), MoneyError> {
        self.leased = not_negative(self.leased.checked_sub(not_negative(amount)?)?)?;
        Ok(())
    }

    /// A replica is lost with its journal: what it had in hand counts as spent, until the journal is found.
    pub fn forfeit(&mut self, amount: Money) -> Result<(), MoneyError> {
        self.post(amount, Money::ZERO)
    }

    /// The journal of a lost replica was found: what was forfeited is given back, and its settlements are posted.
    ///
    /// Fails, and changes nothing, if the sums do not fit, an amount is negative, or more is given back than is posted.
    pub fn refund(&mut self, forfeited: Money, settled: Money, overrun: Money) -> Result<(), MoneyError> {
        let kept = not_negative(self.posted.checked_sub(not_negative(forfeited)?)?)?;
        let next = Self {
            posted: kept.checked_add(not_negative(settled)?)?,
            overrun: self.overrun.checked_add(not_negative(overrun)?)?,
            ..*self
        };
        *self = next;
        Ok(())
    }
}

fn not_negative(amount: Money) -> Result<Money, MoneyError> {
    if amount < Money::ZERO {
        return Err(MoneyError::Negative);
    }
    Ok(amount)
}
