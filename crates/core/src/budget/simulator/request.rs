//! The way of a request: chain, lease, hold, intent, bytes, settlement.

use super::Check;
use super::node::{Attempt, Flight, Mail, Record, Settlement, Stage};
use super::world::{KEYS, World};
use crate::budget::{AccountIx, Admission};
use crate::ledger::AccountKey;
use crate::time::MICROS_PER_SECOND;
use crate::{Money, Timestamp};

impl World {
    /// The accounts of some key's request at `now`: its own, its person's, a group's, the organization's; some keys have
    /// budgets on fewer of them.
    fn chain(&mut self, now: Timestamp) -> Vec<AccountKey> {
        let key = self.random.index(KEYS);
        let places = [key, KEYS + key % 2, KEYS + 2 + key / 2, KEYS + 4];
        let mut chain = Vec::new();
        for (i, place) in places.into_iter().enumerate() {
            if i < 3 && self.random.one_in(5) {
                continue;
            }
            let budget = self.budgets[place];
            let window = budget.window.map_or(0, |s| now.seconds().div_euclid(s) * s);
            chain.push(AccountKey {
                budget: budget.id,
                window: Timestamp::from_micros(window * MICROS_PER_SECOND),
            });
        }
        chain
    }

    pub(super) fn request(&mut self, n: usize) -> Check {
        let now = self.clock(n);
        let chain = self.chain(now);
        let mut wish = Money::from_nanos(self.random.below_i64(500) * self.plan.scale);
        let Some(process) = self.nodes[n].process.as_mut() else {
            return Ok(());
        };
        let places: Vec<AccountIx> = chain.iter().map(|key| process.place(*key)).collect();
        let mut admission = process.replica.admit(&places, wish, now);
        if let Admission::Short(missing) = &admission
            && !self.nodes[n].cut_off
        {
            let missing = missing.clone();
            if !self.lease_for(n, &missing)? {
                return Ok(());
            }
            let Some(process) = self.nodes[n].process.as_mut() else {
                return Ok(());
            };
            let free = process.replica.free(&places);
            if free < wish && free > Money::ZERO && self.random.percent(60) {
                wish = free;
                self.seen.lowered += 1;
            }
            admission = process.replica.admit(&places, wish, now);
        }
        match admission {
            Admission::Short(_) => self.seen.refused += 1,
            Admission::Fenced => self.seen.fenced += 1,
            Admission::Held(hold) => {
                if self.store.members.get(&self.nodes[n].id).is_none_or(|m| m.lost) {
                    return Err("INV-BUD-1: admitted on a lease that was given up: the fence is ignored".into());
                }
                let number = self.number();
                self.judge.admitted(Attempt {
                    number,
                    accounts: chain.clone(),
                    hold: hold.amount(),
                });
                if let Some(process) = self.nodes[n].process.as_mut() {
                    process.flights.push(Flight {
                        number,
                        accounts: chain,
                        hold,
                        stage: Stage::Held,
                    });
                }
                self.seen.admitted += 1;
            }
        }
        Ok(())
    }

    /// Leases what is missing. `false` if there is no answer yet, or none to be had.
    fn lease_for(&mut self, n: usize, missing: &[(AccountIx, Money)]) -> Result<bool, String> {
        let node = &mut self.nodes[n];
        let Some(process) = node.process.as_mut() else {
            return Ok(false);
        };
        let wants: Vec<(AccountKey, Money)> = missing
            .iter()
            .filter_map(|(ix, amount)| Some((process.replica.local(*ix)?.key, *amount)))
            .collect();
        match self.store.lease(node.id, &wants, self.policy) {
            Ok(granted) => {
                for (key, amount) in &granted {
                    if let Some(account) = self.store.accounts.get(key) {
                        self.judge.leased(*key, *amount, account)?;
                    }
                }
                let places: Vec<AccountIx> = wants.iter().map(|(key, _)| process.place(*key)).collect();
                let granted: Vec<_> = places
                    .iter()
                    .zip(&granted)
                    .map(|(ix, (key, amount))| (*key, *ix, *amount))
                    .collect();
                if self.random.percent(25) {
                    process.mail.push(Mail::Grant(granted));
                    return Ok(false);
                }
                process.take_grants(&granted);
                Ok(true)
            }
            Err(refusal) => self.refused(n, refusal).map(|()| false),
        }
    }

    /// Moves one attempt a stage further.
    pub(super) fn advance(&mut self, n: usize) -> Check {
        let Some(process) = self.nodes[n].process.as_mut() else {
            return Ok(());
        };
        let Some(i) = process.any_flight(&mut self.random) else {
            return Ok(());
        };
        let flight = &mut process.flights[i];
        match flight.stage {
            Stage::Held if self.random.percent(8) => {
                let flight = process.flights.swap_remove(i);
                process.replica.void(flight.hold);
                self.seen.voided += 1;
                self.judge.unsent(flight.number)
            }
            Stage::Held => {
                let intent = Attempt {
                    number: flight.number,
                    accounts: flight.accounts.clone(),
                    hold: flight.hold.amount(),
                };
                flight.hold.sent();
                flight.stage = Stage::Journalled;
                self.judge.journalled(flight.number);
                self.nodes[n].journal.append(Record::Intent(intent));
                Ok(())
            }
            Stage::Journalled if self.random.percent(5) => self.settle(n, i, Money::ZERO), // No connection.
            Stage::Journalled if self.random.percent(3) => {
                self.drop_grant(n, i);
                Ok(())
            }
            Stage::Journalled => self.send(n, i),
            Stage::Streaming { rest } => self.stream(n, i, rest),
        }
    }

    /// Bytes go out: the provider makes up its mind what it bills, and bills a part.
    fn send(&mut self, n: usize, i: usize) -> Check {
        let Some(flight) = self.nodes[n].process.as_mut().and_then(|p| p.flights.get_mut(i)) else {
            return Ok(());
        };
        let hold = flight.hold.amount().nanos();
        let mut bill = match self.random.below(4) {
            0 => hold,
            _ => self.random.below_i64(hold.saturating_add(1)),
        };
        if !self.plan.honest && self.random.percent(10) {
            bill = hold.saturating_add(self.random.below_i64(hold / 2 + 50));
            self.seen.overbilled += u64::from(bill > hold);
        }
        let first = self.random.below_i64(bill.saturating_add(1));
        flight.stage = Stage::Streaming {
            rest: Money::from_nanos(bill - first),
        };
        self.judge.billed(flight.number, Money::from_nanos(first))
    }

    /// The answer comes, in part or in full, whether the client is there or not.
    fn stream(&mut self, n: usize, i: usize, rest: Money) -> Check {
        let Some(flight) = self.nodes[n].process.as_mut().and_then(|p| p.flights.get_mut(i)) else {
            return Ok(());
        };
        match self.random.below(100) {
            0..25 => {
                let more = Money::from_nanos(self.random.below_i64(rest.nanos().saturating_add(1)));
                flight.stage = Stage::Streaming {
                    rest: rest.minus_or_zero(more),
                };
                self.judge.billed(flight.number, more)
            }
            25..28 => {
                self.drop_grant(n, i);
                Ok(())
            }
            // The client is gone and the drain met its bound, or no final usage came: the hold in full.
            28..36 => {
                let hold = flight.hold.amount();
                self.judge.billed(flight.number, rest)?;
                self.seen.charged_in_full += 1;
                self.settle(n, i, hold)
            }
            _ => {
                self.judge.billed(flight.number, rest)?;
                let cost = self.judge.bill(flight.number);
                self.settle(n, i, cost)
            }
        }
    }

    /// Settles at `cost` and writes it down, unless the process dies in between.
    fn settle(&mut self, n: usize, i: usize, cost: Money) -> Check {
        let Some(process) = self.nodes[n].process.as_mut() else {
            return Ok(());
        };
        let flight = process.flights.swap_remove(i);
        let charge = process.replica.settle(flight.hold, cost);
        if !self.calm && self.random.one_in(400) {
            self.seen.crashed_in_settlement += 1;
            return self.crash(n);
        }
        self.judge.settled(flight.number, cost);
        self.nodes[n].journal.append(Record::Settlement(Settlement {
            attempt: flight.number,
            accounts: flight.accounts,
            charge: charge.charge,
            overrun: charge.overrun,
        }));
        self.seen.settled += 1;
        Ok(())
    }

    /// A grant is dropped after its intent: it is charged in full.
    fn drop_grant(&mut self, n: usize, i: usize) {
        let Some(process) = self.nodes[n].process.as_mut() else {
            return;
        };
        let flight = process.flights.swap_remove(i);
        let charge = process.replica.void(flight.hold);
        self.nodes[n].journal.append(Record::Settlement(Settlement {
            attempt: flight.number,
            accounts: flight.accounts,
            charge: charge.charge,
            overrun: charge.overrun,
        }));
        self.seen.dropped += 1;
    }
}
