//! What goes between a replica and the store beside leases: flushes, recalls, heartbeats, and answers that get lost.

use super::Check;
use super::node::{Flush, Mail, Record};
use super::store::Refusal;
use super::world::World;
use crate::Money;

/// How long a lease stands, in seconds.
const LEASE_SECONDS: i64 = 10;

impl World {
    pub(super) fn heartbeat(&mut self, n: usize) -> Check {
        let until = self.clock(n).plus_seconds(LEASE_SECONDS);
        let node = &mut self.nodes[n];
        let Some(process) = node.process.as_mut().filter(|_| !node.cut_off) else {
            return Ok(());
        };
        match self.store.heartbeat(node.id, until) {
            Ok(()) => {
                process.replica.renew(until);
                Ok(())
            }
            Err(refusal) => self.refused(n, refusal),
        }
    }

    /// Reads a batch, or posts the one that is read.
    pub(super) fn flush(&mut self, n: usize) -> Check {
        let node = &mut self.nodes[n];
        let Some(process) = node.process.as_mut() else {
            return Ok(());
        };
        match process.flush {
            Flush::Answering => Ok(()),
            Flush::Idle => {
                let ready = node.journal.end() - process.flushed;
                if ready > 0 {
                    process.flush = Flush::Planned(process.flushed + 1 + self.random.below(ready));
                }
                Ok(())
            }
            Flush::Planned(_) if node.cut_off => Ok(()),
            Flush::Planned(upto) => {
                let had = self.store.members.get(&node.id).map(|m| m.position);
                let records = node.journal.range(process.flushed, upto);
                match self.store.flush(node.id, upto, records) {
                    Ok(settled) => {
                        self.seen.flushed_again += u64::from(had == Some(upto));
                        process.flush = Flush::Answering;
                        process.mail.push(Mail::Posted(upto));
                        settled.iter().try_for_each(|s| self.judge.posted(s))
                    }
                    Err(refusal) => self.refused(n, refusal),
                }
            }
        }
    }

    /// Some message arrives.
    pub(super) fn deliver(&mut self, n: usize) -> Check {
        let node = &mut self.nodes[n];
        let Some(process) = node.process.as_mut().filter(|p| !p.mail.is_empty()) else {
            return Ok(());
        };
        let i = self.random.index(process.mail.len());
        match process.mail.swap_remove(i) {
            Mail::Grant(granted) => {
                process.take_grants(&granted);
                Ok(())
            }
            Mail::Release(key, amount) if node.cut_off => {
                process.mail.push(Mail::Release(key, amount));
                Ok(())
            }
            Mail::Release(key, amount) => match self.store.release(node.id, key, amount) {
                Ok(()) => Ok(()),
                Err(refusal) => self.refused(n, refusal),
            },
            Mail::Posted(upto) => {
                for record in node.journal.range(process.flushed, upto) {
                    let Record::Settlement(s) = record else { continue };
                    for key in &s.accounts {
                        let ix = process.place(*key);
                        let posted = process.replica.posted(ix, s.charge);
                        posted.map_err(|e| format!("INV-BUD-3: posted more than was settled ({e}): {s:?}"))?;
                    }
                }
                process.flushed = upto;
                process.flush = Flush::Idle;
                node.journal.trim(upto);
                Ok(())
            }
        }
    }

    /// An answer gets lost: the replica knows only that it does not know.
    pub(super) fn lose_answer(&mut self, n: usize) {
        let Some(process) = self.nodes[n].process.as_mut().filter(|p| !p.mail.is_empty()) else {
            return;
        };
        let i = self.random.index(process.mail.len());
        self.seen.answers_lost += 1;
        match process.mail.swap_remove(i) {
            Mail::Posted(upto) => process.flush = Flush::Planned(upto),
            Mail::Grant(_) | Mail::Release(..) => {}
        }
    }

    /// With nothing under way, what the store has leased and the replica does not know of is taken in hand again.
    pub(super) fn reconcile(&mut self, n: usize) -> Check {
        let node = &mut self.nodes[n];
        let Some(process) = node.process.as_mut() else {
            return Ok(());
        };
        if node.cut_off || !process.mail.is_empty() || process.flush != Flush::Idle {
            return Ok(());
        }
        let Some(member) = self.store.members.get(&node.id).filter(|m| !m.lost) else {
            return self.refused(n, Refusal::Lost);
        };
        for (key, row) in &member.leases {
            let ix = process.place(*key);
            let known = process.replica.local(ix).map_or(Money::ZERO, |l| l.lease);
            let more = row.minus_or_zero(known);
            self.seen.reconciled += u64::from(more > Money::ZERO);
            process.replica.leased(ix, more);
        }
        Ok(())
    }

    /// What is free on some account goes back to the store.
    pub(super) fn recall(&mut self, n: usize) {
        let Some(process) = self.nodes[n].process.as_mut() else {
            return;
        };
        let i = self.random.index(process.table.len());
        if let Some((key, ix)) = process.table.iter().nth(i) {
            let amount = process.replica.recall(*ix);
            process.mail.push(Mail::Release(*key, amount));
            self.seen.recalled += u64::from(amount > Money::ZERO);
        }
    }

    /// Accounts that no new request will use are given back and closed.
    pub(super) fn sweep(&mut self, n: usize) {
        let now = self.clock(n);
        let Some(process) = self.nodes[n].process.as_mut() else {
            return;
        };
        let table = process.table.clone();
        for (key, ix) in table {
            let budget = self.budgets.iter().find(|b| b.id == key.budget);
            if budget.is_some_and(|b| b.window.is_none_or(|s| now < key.window.plus_seconds(s))) {
                continue;
            }
            let amount = process.replica.recall(ix);
            if amount > Money::ZERO {
                process.mail.push(Mail::Release(key, amount));
            }
            if process.replica.close_account(ix) {
                process.table.remove(&key);
                self.seen.closed += 1;
            }
        }
    }

    pub(super) fn reap(&mut self, n: usize) -> Check {
        let now = self.clock(n);
        let node = &self.nodes[n];
        if node.cut_off || node.process.is_none() {
            return Ok(());
        }
        match self.store.reap(node.id, now) {
            Ok(found) => {
                self.seen.forfeited += found;
                Ok(())
            }
            Err(refusal) => self.refused(n, refusal),
        }
    }
}
