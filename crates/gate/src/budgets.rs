//! Budgets in memory: which account each budget's running window is, what is leased of it, and taking more.

mod table;

use std::sync::{Mutex, MutexGuard, PoisonError};

use bailey_core::budget::{Admission, Budget, BudgetSpec, Charge, Hold, LeasePolicy};
use bailey_core::ledger::AccountKey;
use bailey_core::{BudgetId, Money, ReplicaId, Timestamp};
use bailey_store::{Store, StoreError};

use crate::refused::{OverBudget, Refused};
pub use table::BudgetIx;
use table::Table;

/// Microseconds for which a lease that came back short is not asked for again.
const DRY_FOR: i64 = 1_000_000;

/// A hold and the output that it pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// What is held.
    pub amount: Money,
    /// The output tokens it covers.
    pub output: u64,
}

/// The budgets of all keys in use.
pub struct Budgets {
    store: Store,
    replica: ReplicaId,
    policy: LeasePolicy,
    table: Mutex<Table>,
    /// One lease is taken at a time; a request that waits for it finds the lease taken.
    leasing: tokio::sync::Mutex<()>,
}

impl Budgets {
    /// No budgets yet, and fenced until [`Budgets::renew`].
    pub fn new(store: Store, replica: ReplicaId, policy: LeasePolicy) -> Self {
        Self {
            store,
            replica,
            policy,
            table: Mutex::default(),
            leasing: tokio::sync::Mutex::default(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store has noted that leases stand until `until`.
    pub fn renew(&self, until: Timestamp) {
        self.table().replica.renew(until);
    }

    /// Whether the lease time is over.
    pub fn fenced(&self, now: Timestamp) -> bool {
        self.table().replica.fenced(now)
    }

    /// Takes budgets into the table, or updates their limits; `subjects` names whose each is.
    pub fn register(&self, budgets: &[(Budget, String)], now: Timestamp) -> Vec<BudgetIx> {
        let mut table = self.table();
        budgets
            .iter()
            .map(|(budget, subject)| table.register(budget, subject, now))
            .collect()
    }

    /// Holds the largest fit that the budgets cover. `fit` answers with the best hold within an amount, or with nothing
    /// where even the least does not fit.
    pub async fn hold(
        &self,
        budgets: &[BudgetIx],
        now: Timestamp,
        fit: impl Fn(Money) -> Option<Fit> + Send,
    ) -> Result<(Hold, Vec<AccountKey>, Fit), Refused> {
        let Some(mut wish) = fit(Money::MAX) else {
            return Err(self.refusal(budgets, now));
        };
        if let Some(held) = self.try_hold(budgets, wish, now)? {
            return Ok(held);
        }
        let _one = self.leasing.lock().await;
        for _ in 0..3 {
            if let Some(held) = self.try_hold(budgets, wish, now)? {
                return Ok(held);
            }
            self.lease_more(budgets, wish.amount, now).await?;
            if let Some(held) = self.try_hold(budgets, wish, now)? {
                return Ok(held);
            }
            // All there is has been leased: lower the wish to what is free.
            let free = self.table().free(budgets, now);
            match fit(free) {
                Some(lower) => wish = lower,
                None => break,
            }
        }
        Err(self.refusal(budgets, now))
    }

    fn try_hold(
        &self,
        budgets: &[BudgetIx],
        wish: Fit,
        now: Timestamp,
    ) -> Result<Option<(Hold, Vec<AccountKey>, Fit)>, Refused> {
        let mut table = self.table();
        let accounts = table.accounts(budgets, now);
        match table.replica.admit(&accounts, wish.amount, now) {
            Admission::Held(hold) => {
                let keys = table.keys(&accounts);
                Ok(Some((hold, keys, wish)))
            }
            Admission::Short(_) => Ok(None),
            Admission::Fenced => Err(Refused::Unavailable {
                why: "the database has not been reachable for so long that budgets can no longer be trusted".into(),
            }),
        }
    }

    /// Takes what is missing for `amount` from the store, for all accounts at once.
    async fn lease_more(&self, budgets: &[BudgetIx], amount: Money, now: Timestamp) -> Result<(), Refused> {
        let wants = self.table().wants(budgets, amount, now);
        if wants.is_empty() {
            return Ok(());
        }
        let answers = self
            .store
            .leases_take(self.replica, now, &wants, self.policy)
            .await
            .map_err(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "cannot take a lease");
                Refused::Unavailable {
                    why: "the database does not answer, and no budget is in hand for this request".into(),
                }
            })?;
        let mut table = self.table();
        for (key, granted, available) in answers {
            table.granted(key, granted, available, now);
        }
        Ok(())
    }

    /// The refusal that names the account with the least left.
    fn refusal(&self, budgets: &[BudgetIx], now: Timestamp) -> Refused {
        let mut table = self.table();
        let Some(tightest) = table.tightest(budgets, now) else {
            return Refused::Unavailable {
                why: "the request's cost does not fit any amount of money".into(),
            };
        };
        Refused::Budget(Box::new(OverBudget {
            subject: tightest.subject,
            budget: BudgetSpec {
                limit: tightest.limit,
                period: tightest.period,
            },
            spent: tightest.spent,
            held: tightest.held,
            resets_at: tightest.window.end,
            now,
        }))
    }

    /// Charges a hold what the attempt cost.
    pub fn settle(&self, hold: Hold, cost: Money) -> Charge {
        self.table().replica.settle(hold, cost)
    }

    /// Lets go of a hold by its state: nothing sent, nothing charged; sent, charged in full.
    pub fn void(&self, hold: Hold) -> Charge {
        self.table().replica.void(hold)
    }

    /// The store has posted these charges.
    pub fn posted(&self, charges: &[(AccountKey, Money)]) {
        self.table().posted(charges);
    }

    /// Gives what is free of every window that is over, or of one budget, back to the store.
    pub async fn give_back(&self, which: Option<BudgetId>, now: Timestamp) -> Result<(), StoreError> {
        let _one = self.leasing.lock().await;
        let spare = self.table().recall(which, now);
        if spare.is_empty() {
            return Ok(());
        }
        // If the answer is lost, the amount is not taken in hand again: it may be given away already. What the store still
        // counts as ours then is freed at the next start.
        self.store.leases_release(self.replica, &spare).await
    }
}
