//! Leases: what a replica has in hand of each budget's window. The arithmetic is [`bailey_core::budget::Account`]'s.

use std::collections::BTreeMap;

use bailey_core::budget::{Account, LeasePolicy};
use bailey_core::ledger::AccountKey;
use bailey_core::{Money, ReplicaId, Timestamp};

use crate::conn::Conn;
use crate::sql::{same, statements};
use crate::store::transaction;
use crate::value::Row;
use crate::{Store, StoreError};

statements! {
    /// Opens the window if this is its first use, locks its row and reads it. No row comes back if the budget is gone.
    LOCK_WINDOW = same(
        "INSERT INTO budget_windows (budget, window_start, posted, overrun, leased) \
         SELECT id, $2, 0, 0, 0 FROM budgets WHERE id = $1 \
         ON CONFLICT (budget, window_start) DO UPDATE SET posted = budget_windows.posted \
         RETURNING posted, overrun, leased, (SELECT limit_nanos FROM budgets WHERE id = $1) AS limit_nanos",
    );
    SET_LEASED = same("UPDATE budget_windows SET leased = $3 WHERE budget = $1 AND window_start = $2");
    /// A replica that is taken for lost, or was never claimed, gets nothing: no row is touched.
    LEASE_MORE = same(
        "INSERT INTO budget_leases (budget, window_start, replica, leased, forfeited) \
         SELECT $1, $2, id, $4, 0 FROM replicas WHERE id = $3 AND lost_at IS NULL \
         ON CONFLICT (budget, window_start, replica) DO UPDATE SET leased = budget_leases.leased + excluded.leased",
    );
    LEASE_LESS = same(
        "UPDATE budget_leases SET leased = leased - $4 \
         WHERE budget = $1 AND window_start = $2 AND replica = $3 AND leased >= $4",
    );
    FORGET_EMPTY = same("DELETE FROM budget_leases WHERE replica = $1 AND leased = 0 AND forfeited = 0");
    OF_REPLICA = same(
        "SELECT l.budget, l.window_start, l.leased AS mine, l.forfeited \
         FROM budget_leases l WHERE l.replica = $1 ORDER BY l.budget, l.window_start",
    );
    SET_WINDOW = same(
        "UPDATE budget_windows SET posted = $3, leased = $4 WHERE budget = $1 AND window_start = $2",
    );
    DROP_LEASES = same("DELETE FROM budget_leases WHERE replica = $1");
    FORFEIT_LEASES = same(
        "UPDATE budget_leases SET forfeited = forfeited + leased, leased = 0 WHERE replica = $1 AND leased > 0",
    );
}

/// The window of `key`, locked; `None` if its budget is gone.
async fn lock_window(tx: &mut Conn, key: AccountKey) -> Result<Option<Account>, StoreError> {
    let account = |row: &Row| {
        Ok(Account {
            limit: row.get("limit_nanos")?,
            posted: row.get("posted")?,
            overrun: row.get("overrun")?,
            leased: row.get("leased")?,
        })
    };
    tx.read_optional(LOCK_WINDOW.bind(key.budget).bind(key.window), account)
        .await
}

/// A lease row of one replica.
struct Lease {
    key: AccountKey,
    mine: Money,
    forfeited: Money,
}

async fn leases_of(tx: &mut Conn, replica: ReplicaId) -> Result<Vec<Lease>, StoreError> {
    let lease = |row: &Row| {
        Ok(Lease {
            key: AccountKey {
                budget: row.get("budget")?,
                window: row.get("window_start")?,
            },
            mine: row.get("mine")?,
            forfeited: row.get("forfeited")?,
        })
    };
    tx.read_all(OF_REPLICA.bind(replica), lease).await
}

/// Counts all that a lost replica has in hand as spent. Answers with each account's amount.
pub(crate) async fn forfeit(tx: &mut Conn, replica: ReplicaId) -> Result<Vec<(AccountKey, Money)>, StoreError> {
    let mut forfeited = Vec::new();
    for lease in leases_of(tx, replica).await? {
        if lease.mine > Money::ZERO
            && let Some(mut account) = lock_window(tx, lease.key).await?
        {
            account.forfeit(lease.mine)?;
            set_window(tx, lease.key, &account).await?;
            forfeited.push((lease.key, lease.mine));
        }
    }
    tx.execute(FORFEIT_LEASES.bind(replica)).await?;
    Ok(forfeited)
}

async fn set_window(tx: &mut Conn, key: AccountKey, account: &Account) -> Result<(), StoreError> {
    let set = SET_WINDOW
        .bind(key.budget)
        .bind(key.window)
        .bind(account.posted)
        .bind(account.leased);
    tx.execute(set).await.map(drop)
}

/// One entry per account, in the order in which every transaction locks them.
fn sums(amounts: &[(AccountKey, Money)]) -> Result<BTreeMap<AccountKey, Money>, StoreError> {
    let mut sums = BTreeMap::<AccountKey, Money>::new();
    for (key, amount) in amounts {
        let sum = sums.entry(*key).or_default();
        *sum = sum.checked_add(*amount)?;
    }
    Ok(sums)
}

impl Store {
    /// Leases of each account at least what is needed, if there is as much, else all there is. Answers with what was granted
    /// and what is then available, once per account (one that is named twice is leased once, for the sum).
    ///
    /// All in one transaction. Fails, and leases nothing, with [`StoreError::NotFound`] if one of the budgets is gone, and
    /// with [`StoreError::LockLost`] if the replica was never claimed or is taken for lost.
    pub async fn leases_take(
        &self,
        replica: ReplicaId,
        _now: Timestamp,
        wants: &[(AccountKey, Money)],
        policy: LeasePolicy,
    ) -> Result<Vec<(AccountKey, Money, Money)>, StoreError> {
        let needs = sums(wants)?;
        transaction!(self, async |tx| {
            let mut granted = Vec::with_capacity(needs.len());
            for (key, need) in &needs {
                let mut account = lock_window(tx, *key)
                    .await?
                    .ok_or(StoreError::NotFound { what: "budget" })?;
                let amount = account.lease(*need, policy);
                let set = SET_LEASED.bind(key.budget).bind(key.window).bind(account.leased);
                tx.execute(set).await?;
                let more = LEASE_MORE.bind(key.budget).bind(key.window).bind(replica).bind(amount);
                if tx.execute(more).await? == 0 {
                    return Err(StoreError::LockLost);
                }
                granted.push((*key, amount, account.available()));
            }
            Ok(granted)
        })
    }

    /// Gives back what a replica does not need. Budgets that are gone are passed over. Fails with
    /// [`StoreError::Conflict`], and gives nothing back, if more is given back than the replica has.
    pub async fn leases_release(&self, replica: ReplicaId, amounts: &[(AccountKey, Money)]) -> Result<(), StoreError> {
        let sums = sums(amounts)?;
        transaction!(self, async |tx| {
            for (key, amount) in &sums {
                let Some(mut account) = lock_window(tx, *key).await? else {
                    continue;
                };
                account.release(*amount)?;
                let less = LEASE_LESS.bind(key.budget).bind(key.window).bind(replica).bind(*amount);
                if tx.execute(less).await? == 0 {
                    return Err(StoreError::Conflict {
                        what: "lease",
                        field: "amount",
                    });
                }
                tx.execute(SET_LEASED.bind(key.budget).bind(key.window).bind(account.leased))
                    .await?;
            }
            tx.execute(FORGET_EMPTY.bind(replica)).await.map(drop)
        })
    }

    /// Gives back all that a replica has in hand, and what it was charged when it was taken for lost. To be called when its
    /// journal has been taken over in full.
    pub async fn leases_release_all(&self, replica: ReplicaId) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            for lease in leases_of(tx, replica).await? {
                let Some(mut account) = lock_window(tx, lease.key).await? else {
                    continue;
                };
                account.release(lease.mine)?;
                account.refund(lease.forfeited, Money::ZERO, Money::ZERO)?;
                set_window(tx, lease.key, &account).await?;
            }
            tx.execute(DROP_LEASES.bind(replica)).await.map(drop)
        })
    }
}
