//! The world: everything there is, and the choice of the next event.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Check;
use super::judge::Judge;
use super::node::{Journal, LostJournal, Node};
use super::random::Random;
use super::store::{CLOCK_ERROR, Refusal, Store};
use crate::budget::LeasePolicy;
use crate::ledger::AccountKey;
use crate::time::MICROS_PER_SECOND;
use crate::{BudgetId, Money, Timestamp};

/// All that a run depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// Replicas at a time.
    pub(super) nodes: usize,
    /// Whether the provider bills at most the hold.
    pub(super) honest: bool,
    /// What amounts are multiplied by.
    pub(super) scale: i64,
    pub(super) steps: u64,
}

macro_rules! seen {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How often things happened, so that a run that tests nothing fails.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        pub(super) struct Seen { $($(#[$doc])* pub(super) $name: u64,)* }

        impl Seen {
            pub(super) fn add(&mut self, other: &Self) { $(self.$name += other.$name;)* }

            pub(super) fn assert_everything_happened(&self) {
                $(assert!(self.$name > 0, "never happened: {}", stringify!($name));)*
            }
        }
    };
}

seen! {
    admitted,
    /// Held less than was wished for.
    lowered,
    refused,
    fenced,
    voided,
    settled,
    overbilled,
    /// Settled without a final usage: the hold in full.
    charged_in_full,
    dropped,
    crashed,
    /// A crash between a settlement and its record.
    crashed_in_settlement,
    crashed_in_recovery,
    recovered,
    /// Attempts that a recovery found without a settlement.
    orphans,
    journals_lost,
    forfeited,
    /// A journal found after its leases were forfeited.
    refunded,
    /// A journal found before.
    found_early,
    told_lost,
    answers_lost,
    /// A batch posted twice; the second time nothing came of it.
    flushed_again,
    recalled,
    closed,
    reconciled,
    clock_steps,
    limits_set,
    budgets_deleted,
    windows_forgotten,
    rests,
}

/// A budget of the world; a deleted one is followed by another with a new id.
#[derive(Debug, Clone, Copy)]
pub(super) struct BudgetInPlay {
    pub(super) id: BudgetId,
    /// The length of its windows in seconds; `None` for one that never ends.
    pub(super) window: Option<i64>,
}

/// Four keys, two persons, two groups, one organization.
pub(super) const KEYS: usize = 4;
const PERSONS: usize = 2;
const GROUPS: usize = 2;
const BUDGETS: usize = KEYS + PERSONS + GROUPS + 1;
/// Windows are short, so that many end with requests under way.
const WINDOWS: [Option<i64>; 4] = [Some(20), Some(60), None, Some(7)];

pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) random: Random,
    pub(super) step: u64,
    /// True time; no clock shows it.
    pub(super) now: Timestamp,
    pub(super) store: Store,
    pub(super) nodes: Vec<Node>,
    pub(super) attic: Vec<LostJournal>,
    pub(super) judge: Judge,
    pub(super) budgets: Vec<BudgetInPlay>,
    pub(super) policy: LeasePolicy,
    pub(super) seen: Seen,
    /// No faults while everything comes to rest.
    pub(super) calm: bool,
    next: u64,
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let mut world = Self {
            plan,
            random: Random::new(plan.seed),
            step: 0,
            now: Timestamp::from_seconds(1_700_000_000),
            store: Store::default(),
            nodes: Vec::new(),
            attic: Vec::new(),
            judge: Judge::new(plan.honest),
            budgets: Vec::new(),
            policy: LeasePolicy {
                share: [1, 4, 10][usize::try_from(plan.seed % 3).unwrap_or(0)],
            },
            seen: Seen::default(),
            calm: false,
            next: 1,
        };
        for place in 0..BUDGETS {
            let budget = world.new_budget(place);
            world.budgets.push(budget);
        }
        for _ in 0..plan.nodes {
            let id = world.new_member();
            world.nodes.push(Node {
                id,
                clock_error: 0,
                cut_off: false,
                journal: Journal::default(),
                process: None,
            });
        }
        world
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn new_member(&mut self) -> u32 {
        let id = u32::try_from(self.number()).unwrap_or(u32::MAX);
        self.store.members.insert(id, super::store::Member::default());
        id
    }

    pub(super) fn new_budget(&mut self, place: usize) -> BudgetInPlay {
        let id = BudgetId::from_uuid(Uuid::from_u128(u128::from(self.number())));
        let limit = self.new_limit();
        self.store.limits.insert(id, limit);
        let window = WINDOWS[place % WINDOWS.len()];
        BudgetInPlay { id, window }
    }

    /// From nothing to some twenty requests.
    pub(super) fn new_limit(&mut self) -> Money {
        Money::from_nanos(self.random.below_i64(10_000) * self.plan.scale)
    }

    /// The time a replica's clock shows.
    pub(super) fn clock(&self, n: usize) -> Timestamp {
        Timestamp::from_micros(self.now.micros() + self.nodes[n].clock_error)
    }

    pub(super) fn run(&mut self) -> Check {
        for step in 1..=self.plan.steps {
            self.step = step;
            let n = self.random.index(self.nodes.len());
            self.one_event(n)?;
            // The other replicas' memory did not change; `rest` looks at all of them.
            self.check_accounts()?;
            self.check_replica(n)?;
            if self.random.one_in(3_000) || step == self.plan.steps {
                self.rest()?;
            }
        }
        Ok(())
    }

    fn one_event(&mut self, n: usize) -> Check {
        let pause = if self.random.one_in(400) {
            self.random.below_i64(12 * MICROS_PER_SECOND)
        } else {
            self.random.below_i64(40_000)
        };
        self.now = Timestamp::from_micros(self.now.micros() + pause);
        if self.nodes[n].process.is_none() {
            return if self.random.one_in(8) { self.restart(n) } else { Ok(()) };
        }
        match self.random.below(1_000) {
            0..280 => self.request(n),
            280..590 => self.advance(n),
            590..690 => self.flush(n),
            690..820 => self.deliver(n),
            820..880 => self.heartbeat(n),
            880..895 => self.reap(n),
            895..903 => self.reconcile(n),
            903..908 => self.crash(n),
            908..910 => self.lose_journal(n),
            910..915 => self.find_journal(),
            quiet => {
                self.quiet_event(n, quiet);
                Ok(())
            }
        }
    }

    /// Events that cannot break a promise by themselves.
    fn quiet_event(&mut self, n: usize, which: u64) {
        match which {
            0..955 => self.recall(n),
            955..975 => self.sweep(n),
            975..982 => self.lose_answer(n),
            982..986 => self.nodes[n].cut_off = !self.nodes[n].cut_off,
            986..990 => self.step_clock(n),
            990..997 => self.set_a_limit(),
            997 => self.delete_a_budget(),
            _ => self.forget_old_windows(),
        }
    }

    fn step_clock(&mut self, n: usize) {
        let most = CLOCK_ERROR * MICROS_PER_SECOND;
        // Half the steps go to an end of what is allowed: that is where the fence has nothing to spare.
        self.nodes[n].clock_error = match self.random.below(4) {
            0 => -most,
            1 => most,
            _ => self.random.below_i64(2 * most + 1) - most,
        };
        self.seen.clock_steps += 1;
    }

    fn set_a_limit(&mut self) {
        let place = self.random.index(self.budgets.len());
        let id = self.budgets[place].id;
        let limit = self.new_limit();
        self.store.set_limit(id, limit);
        for (key, account) in self.store.accounts.iter().filter(|(key, _)| key.budget == id) {
            self.judge.limit_set(*key, account);
        }
        self.seen.limits_set += 1;
    }

    fn delete_a_budget(&mut self) {
        let place = self.random.index(self.budgets.len());
        let id = self.budgets[place].id;
        self.store.limits.remove(&id);
        self.store.forget(|key| key.budget == id);
        self.judge.forget(|key| key.budget == id);
        self.budgets[place] = self.new_budget(place);
        self.seen.budgets_deleted += 1;
    }

    /// Windows that ended long ago, with nothing in hand anywhere and nothing to come.
    pub(super) fn forget_old_windows(&mut self) {
        let windows: BTreeMap<BudgetId, Option<i64>> = self.budgets.iter().map(|b| (b.id, b.window)).collect();
        let over = |key: &AccountKey| {
            let length = windows.get(&key.budget).copied().flatten();
            length.is_some_and(|s| key.window.plus_seconds(s + 2 * CLOCK_ERROR) < self.now)
        };
        let done: Vec<AccountKey> = self
            .store
            .accounts
            .iter()
            .filter(|(key, account)| over(key) && account.leased == Money::ZERO)
            .filter(|(key, _)| self.store.forfeited(key) == Money::ZERO && !self.judge.awaits(key))
            .map(|(key, _)| *key)
            .collect();
        for node in self.nodes.iter().filter_map(|n| n.process.as_ref()) {
            if done.iter().any(|key| node.table.contains_key(key)) {
                return; // Still open somewhere: `sweep` closes it.
            }
        }
        self.store.forget(|key| done.contains(key));
        self.judge.forget(|key| done.contains(key));
        self.seen.windows_forgotten += done.len() as u64;
    }

    /// What a refused transaction means to a replica.
    pub(super) fn refused(&mut self, n: usize, refusal: Refusal) -> Check {
        match refusal {
            Refusal::Broken(why) => Err(why),
            Refusal::Deleted => Ok(()),
            Refusal::Lost => {
                self.seen.told_lost += 1;
                self.crash(n)
            }
        }
    }
}
