//! What must be true after every step, and when everything has come to rest.

use super::Check;
use super::node::{Flush, Mail, Node, Process, Record};
use super::world::World;
use crate::Money;
use crate::ledger::AccountKey;

impl World {
    /// The judge's books and the store's agree.
    pub(super) fn check_accounts(&self) -> Check {
        for (key, account) in &self.store.accounts {
            self.judge.account(key, account, self.store.forfeited(key))?;
            if account.leased != self.store.leased(key) {
                return Err(format!(
                    "INV-BUD-3: leased is not the sum of the leases: {key:?} {account:?}"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn check_replica(&self, n: usize) -> Check {
        let node = &self.nodes[n];
        node.process
            .as_ref()
            .map_or(Ok(()), |process| self.check_process(node, process))
    }

    /// A replica holds what it may, and has in hand no more than the store knows.
    fn check_process(&self, node: &Node, process: &Process) -> Check {
        for (ix, local) in process.replica.iter() {
            let least = local.lease.min(local.held).min(local.settled);
            let taken = local.held.saturating_add(local.settled);
            if least < Money::ZERO || taken > local.lease {
                return Err(format!("INV-BUD-1: held + settled > lease: {local:?}"));
            }
            let flights = process.flights.iter().filter(|f| f.hold.accounts().contains(&ix));
            let held = flights.fold(Money::ZERO, |sum, f| sum.saturating_add(f.hold.amount()));
            if held != local.held {
                return Err(format!("INV-BUD-3: {held} is held by requests, not {local:?}"));
            }
            if !self.store.accounts.contains_key(&local.key) {
                continue; // The budget is deleted: nobody can ask for this account any more.
            }
            let known = self.known_to_store(node, process, &local.key);
            if local.lease > known {
                return Err(format!("INV-BUD-1: the store knows of {known} only: {local:?}"));
            }
        }
        Ok(())
    }

    /// What of a replica's lease the store has on its books: the row, what it took off the row in a posting that the
    /// replica has not heard of, and less what is on its way from the store.
    fn known_to_store(&self, node: &Node, process: &Process, key: &AccountKey) -> Money {
        let Some(member) = self.store.members.get(&node.id) else {
            return Money::ZERO;
        };
        let rows = if member.lost { &member.forfeited } else { &member.leases };
        let mut known = rows.get(key).copied().unwrap_or_default();
        for record in node.journal.range(process.flushed, member.position) {
            if let Record::Settlement(s) = record
                && s.accounts.contains(key)
            {
                known = known.saturating_add(s.charge);
            }
        }
        for mail in &process.mail {
            let under_way = match mail {
                Mail::Grant(granted) => granted.iter().find(|(k, _, _)| k == key).map(|(_, _, amount)| *amount),
                Mail::Release(k, amount) => (k == key).then_some(*amount),
                Mail::Posted(_) => None,
            };
            known = known.minus_or_zero(under_way.unwrap_or_default());
        }
        known
    }

    /// Everything comes to rest: requests end, messages arrive, replicas come back, free money is given back. Then
    /// nothing is held or leased any more, and what is left of each limit can be leased again.
    pub(super) fn rest(&mut self) -> Check {
        self.calm = true;
        if self.random.percent(50) {
            while !self.attic.is_empty() {
                self.find_journal()?;
            }
        }
        // A replica that learns on the way that it was given up starts again: hence the second and third turn.
        for _ in 0..3 {
            for n in 0..self.nodes.len() {
                self.settle_down(n)?;
            }
        }
        self.check_accounts()?;
        (0..self.nodes.len()).try_for_each(|n| self.check_replica(n))?;
        self.check_rest()?;
        self.forget_old_windows();
        self.seen.rests += 1;
        self.calm = false;
        Ok(())
    }

    fn settle_down(&mut self, n: usize) -> Check {
        self.nodes[n].cut_off = false;
        if self.nodes[n].process.is_none() {
            self.restart(n)?;
        }
        self.heartbeat(n)?;
        let busy = |node: &Node| {
            node.process.as_ref().is_some_and(|p| {
                let flushed = p.flush == Flush::Idle && p.flushed == node.journal.end();
                !p.flights.is_empty() || !p.mail.is_empty() || !flushed
            })
        };
        while busy(&self.nodes[n]) {
            self.advance(n)?;
            self.flush(n)?;
            self.deliver(n)?;
        }
        self.reconcile(n)?;
        self.sweep(n);
        if let Some(process) = self.nodes[n].process.as_mut() {
            for (key, ix) in &process.table {
                process.mail.push(Mail::Release(*key, process.replica.recall(*ix)));
            }
        }
        while busy(&self.nodes[n]) {
            self.deliver(n)?;
        }
        self.sweep(n);
        Ok(())
    }

    fn check_rest(&mut self) -> Check {
        for node in &self.nodes {
            let Some(process) = &node.process else {
                return Err(format!("INV-BUD-3: replica {} did not come back", node.id));
            };
            let open = self.store.members.get(&node.id).is_none_or(|m| !m.open.is_empty());
            let in_hand = process.replica.iter().find(|(_, l)| l.lease != Money::ZERO);
            if open || in_hand.is_some() {
                return Err(format!(
                    "INV-BUD-3: at rest replica {} has {in_hand:?}, open: {open}",
                    node.id
                ));
            }
        }
        let lost = self.attic.iter().map(|l| l.id);
        let lost: Vec<u32> = lost.collect();
        if lost.is_empty() && self.judge.waiting() > 0 {
            return Err(format!(
                "INV-BUD-3: {} attempts were never posted",
                self.judge.waiting()
            ));
        }
        for (key, account) in &mut self.store.accounts {
            let of_lost = lost.iter().filter_map(|id| self.store.members.get(id)?.leases.get(key));
            let of_lost = of_lost.fold(Money::ZERO, |sum, row| sum.saturating_add(*row));
            if account.leased != of_lost {
                return Err(format!("INV-BUD-3: at rest leases are left: {key:?} {account:?}"));
            }
            let used = account.posted.saturating_add(account.overrun).saturating_add(of_lost);
            let left = account.limit.minus_or_zero(used);
            if account.lease(left, self.policy) != left || account.release(left).is_err() {
                return Err(format!(
                    "INV-BUD-3: {left} is left of {key:?} and cannot be leased: {account:?}"
                ));
            }
        }
        Ok(())
    }
}
