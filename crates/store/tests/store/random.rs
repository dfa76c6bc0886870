//! Thousands of random events on one account, with a model that keeps its own books.

use bailey_core::Money;
use bailey_core::budget::{Budget, BudgetSubject, LeasePolicy};
use bailey_core::ledger::Settlement;
use bailey_core::period::Period;
use bailey_store::{BudgetFilter, LedgerReach, ListPage, Store, StoreError};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

const REPLICAS: usize = 3;

/// What the account should look like, in nano-dollars.
#[derive(Debug, Default)]
struct Model {
    limit: i64,
    posted: i64,
    overrun: i64,
    leased: [i64; REPLICAS],
    forfeited: [i64; REPLICAS],
    /// The one that claimed last: the others are lost.
    server: usize,
    positions: [u64; REPLICAS],
}

/// A small generator, so that a failure repeats.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        if end < 1 {
            0
        } else {
            i64::try_from(self.0 >> 33).unwrap() % end
        }
    }
}

struct Run {
    store: Store,
    budget: Budget,
    model: Model,
    chance: Chance,
}

impl Run {
    async fn take(&mut self, r: usize) {
        let need = self.chance.below(300);
        let policy = LeasePolicy {
            share: 1 + u32::try_from(self.chance.below(8)).unwrap(),
        };
        let wants = [(account(&self.budget), Money::from_nanos(need))];
        let taken = self.store.leases_take(replica(r as u128), T0, &wants, policy).await;
        if r != self.model.server {
            assert!(matches!(taken, Err(StoreError::LockLost)), "{taken:?}");
            return;
        }
        let (_, granted, available) = taken.unwrap()[0];
        let used = self.model.posted + self.model.overrun + self.model.leased.iter().sum::<i64>();
        let free = (self.model.limit - used).max(0);
        assert!(
            granted.nanos() >= need.min(free) && granted.nanos() <= free,
            "{granted} of {free} for {need}"
        );
        assert_eq!(available.nanos(), free - granted.nanos());
        self.model.leased[r] += granted.nanos();
    }

    async fn release(&mut self, r: usize) {
        let amount = self.chance.below(self.model.leased[r] + 1);
        let amounts = [(account(&self.budget), Money::from_nanos(amount))];
        if self.model.leased[r] > 0 {
            self.store.leases_release(replica(r as u128), &amounts).await.unwrap();
            self.model.leased[r] -= amount;
        }
    }

    /// Settles attempts of which each was held on the lease, in one part or in two.
    async fn settle(&mut self, r: usize) {
        let mut settled = Vec::new();
        let mut left = self.model.leased[r] + self.model.forfeited[r];
        for _ in 0..=self.chance.below(4) {
            let charge = self.chance.below(left + 1);
            let overrun = if self.chance.below(5) == 0 {
                self.chance.below(20)
            } else {
                0
            };
            left -= charge;
            settled.push(Settlement {
                accounts: vec![account(&self.budget)],
                charge: Money::from_nanos(charge),
                overrun: Money::from_nanos(overrun),
                ..Settlement::default()
            });
            let from_lease = charge.min(self.model.leased[r]);
            self.model.leased[r] -= from_lease;
            self.model.posted += from_lease;
            self.model.forfeited[r] -= charge - from_lease;
            self.model.overrun += overrun;
        }
        self.model.positions[r] += 1;
        let position = at(1, self.model.positions[r]);
        // The answer to the first try may be lost: the second one changes nothing.
        for _ in 0..=self.chance.below(2) {
            self.store
                .ledger_apply(replica(r as u128), position, &[], &settled, T0)
                .await
                .unwrap();
        }
    }

    async fn claim(&mut self, r: usize) {
        let claim = self.store.replica_claim(replica(r as u128), T0, T0).await.unwrap();
        let lost: i64 = claim
            .lost
            .iter()
            .flat_map(|l| &l.forfeited)
            .map(|(_, amount)| amount.nanos())
            .sum();
        let mut expected = 0;
        for other in (0..REPLICAS).filter(|other| *other != r) {
            expected += self.model.leased[other];
            self.model.posted += self.model.leased[other];
            self.model.forfeited[other] += std::mem::take(&mut self.model.leased[other]);
        }
        assert_eq!(lost, expected);
        self.model.server = r;
    }

    async fn release_all(&mut self, r: usize) {
        self.store.leases_release_all(replica(r as u128)).await.unwrap();
        self.model.leased[r] = 0;
        self.model.posted -= std::mem::take(&mut self.model.forfeited[r]);
    }

    async fn change_limit(&mut self) {
        self.model.limit = self.chance.below(5_000);
        self.store
            .budget_update_limit(self.budget.id, Money::from_nanos(self.model.limit))
            .await
            .unwrap();
    }

    async fn check(&self) {
        let filter = BudgetFilter::within(LedgerReach::All);
        let state = self
            .store
            .budgets_list(&filter, ListPage::first(1), T0)
            .await
            .unwrap()
            .0
            .remove(0);
        let got = (state.posted.nanos(), state.overrun.nanos(), state.leased.nanos());
        let want = (self.model.posted, self.model.overrun, self.model.leased.iter().sum());
        assert_eq!(got, want, "{:?}", self.model);
    }
}

async fn books_agree_after_every_event(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let budget = budget(
        1,
        BudgetSubject::Person(ada.id),
        Period::Total,
        Money::from_nanos(5_000),
    );
    store.budget_insert(&budget, T0).await.unwrap();
    let model = Model {
        limit: 5_000,
        ..Model::default()
    };
    let mut run = Run {
        store,
        budget,
        model,
        chance: Chance(7),
    };
    for r in (0..REPLICAS).rev() {
        run.claim(r).await;
    }
    for _ in 0..600 {
        let r = usize::try_from(run.chance.below(3)).unwrap();
        match run.chance.below(20) {
            0 => run.claim(r).await,
            1 => run.change_limit().await,
            2 => run.release_all(r).await,
            3..=5 => run.release(r).await,
            6..=11 => run.settle(r).await,
            _ => run.take(r).await,
        }
        run.check().await;
    }
    assert!(run.model.posted > 0 && run.model.overrun > 0, "{:?}", run.model);
}

bailey_testkit::db_tests!(books_agree_after_every_event);
