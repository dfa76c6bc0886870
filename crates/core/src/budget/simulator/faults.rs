//! Crashes, lost journals, and the way back.

use super::Check;
use super::node::{Journal, LostJournal, Process, Record, Settlement, Stage};
use super::store::Refusal;
use super::world::World;
use crate::Money;

impl World {
    /// kill -9: memory and messages are gone, the journal stays. The provider may still bill what it was doing.
    pub(super) fn crash(&mut self, n: usize) -> Check {
        let Some(process) = self.nodes[n].process.take() else {
            return Ok(());
        };
        self.seen.crashed += 1;
        for flight in process.flights {
            let hold = flight.hold.amount();
            let billed = match flight.stage {
                Stage::Held => {
                    self.judge.unsent(flight.number)?;
                    continue;
                }
                // Whether bytes went out after the intent nobody knows.
                Stage::Journalled => hold,
                Stage::Streaming { rest } => rest,
            };
            if self.random.percent(50) {
                self.judge.billed(flight.number, billed)?;
            }
        }
        Ok(())
    }

    /// A replica comes up again with its journal.
    pub(super) fn restart(&mut self, n: usize) -> Check {
        if self.nodes[n].cut_off {
            self.nodes[n].cut_off = false;
        }
        let id = self.nodes[n].id;
        let mut journal = std::mem::take(&mut self.nodes[n].journal);
        let done = self.recover(id, &mut journal);
        let position = journal.end();
        self.nodes[n].journal = journal;
        if done? {
            self.nodes[n].process = Some(Process::new(position));
            return self.heartbeat(n);
        }
        Ok(())
    }

    /// Settles in full what the journal of `id` left open, posts it, and gives back what was leased. `false` if it
    /// crashed in the middle.
    fn recover(&mut self, id: u32, journal: &mut Journal) -> Result<bool, String> {
        let Some(member) = self.store.members.get(&id) else {
            return Err(format!("the simulator lost member {id}"));
        };
        let (position, was_lost) = (member.position, member.lost);
        let orphans = journal.orphans(position, member.open.iter().cloned());
        for orphan in orphans {
            journal.append(Record::Settlement(Settlement {
                attempt: orphan.number,
                accounts: orphan.accounts,
                charge: orphan.hold,
                overrun: Money::ZERO,
            }));
            self.seen.orphans += 1;
            if self.crash_now() {
                return Ok(false);
            }
        }
        let settled = match self
            .store
            .recover(id, journal.end(), journal.range(position, journal.end()))
        {
            Ok(settled) => settled,
            Err(Refusal::Broken(why)) => return Err(why),
            Err(refusal) => return Err(format!("recovery of {id} was refused: {refusal:?}")),
        };
        self.seen.refunded += u64::from(was_lost);
        self.seen.recovered += 1;
        for settlement in &settled {
            self.judge.posted(settlement)?;
        }
        if self.crash_now() {
            return Ok(false); // After the transaction, before anyone knows.
        }
        journal.trim(journal.end());
        Ok(true)
    }

    fn crash_now(&mut self) -> bool {
        let now = !self.calm && self.random.one_in(12);
        self.seen.crashed_in_recovery += u64::from(now);
        now
    }

    /// A machine is gone with its disk; another takes its place under a new id.
    pub(super) fn lose_journal(&mut self, n: usize) -> Check {
        self.crash(n)?;
        let id = self.new_member();
        let node = &mut self.nodes[n];
        self.attic.push(LostJournal {
            id: std::mem::replace(&mut node.id, id),
            journal: std::mem::take(&mut node.journal),
        });
        self.seen.journals_lost += 1;
        Ok(())
    }

    /// A lost journal turns up, before or after its leases were forfeited.
    pub(super) fn find_journal(&mut self) -> Check {
        if self.attic.is_empty() {
            return Ok(());
        }
        let i = self.random.index(self.attic.len());
        let mut lost = self.attic.swap_remove(i);
        let early = self.store.members.get(&lost.id).is_some_and(|m| !m.lost);
        if self.recover(lost.id, &mut lost.journal)? {
            self.store.members.remove(&lost.id);
            self.seen.found_early += u64::from(early);
        } else {
            self.attic.push(lost);
        }
        Ok(())
    }
}
