//! A replica: its journal, which survives a crash, and its process, which does not.

use std::collections::BTreeMap;

use super::random::Random;
use crate::Money;
use crate::budget::{AccountIx, Hold, Replica};
use crate::ledger::AccountKey;

/// What an intent says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attempt {
    pub(super) number: u64,
    pub(super) accounts: Vec<AccountKey>,
    pub(super) hold: Money,
}

#[derive(Debug, Clone)]
pub(super) struct Settlement {
    pub(super) attempt: u64,
    pub(super) accounts: Vec<AccountKey>,
    pub(super) charge: Money,
    pub(super) overrun: Money,
}

#[derive(Debug, Clone)]
pub(super) enum Record {
    Intent(Attempt),
    Settlement(Settlement),
}

/// An append-only list whose beginning can be cut off once it is posted.
#[derive(Debug, Default)]
pub(super) struct Journal {
    records: Vec<Record>,
    first: u64,
}

impl Journal {
    pub(super) fn append(&mut self, record: Record) {
        self.records.push(record);
    }

    pub(super) fn end(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// The records from position `from` up to `upto`.
    pub(super) fn range(&self, from: u64, upto: u64) -> &[Record] {
        let at = |position: u64| usize::try_from(position.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.records.get(at(from)..at(upto)).unwrap_or_default()
    }

    pub(super) fn trim(&mut self, posted: u64) {
        let done = usize::try_from(posted.saturating_sub(self.first)).unwrap_or(0);
        self.records.drain(..done.min(self.records.len()));
        self.first = self.first.max(posted);
    }

    /// Intents that neither the journal nor the store has settled.
    pub(super) fn orphans(&self, position: u64, open: impl IntoIterator<Item = Attempt>) -> Vec<Attempt> {
        let mut orphans: BTreeMap<u64, Attempt> = open.into_iter().map(|a| (a.number, a)).collect();
        for record in self.range(position, self.end()) {
            match record {
                Record::Intent(attempt) => {
                    orphans.insert(attempt.number, attempt.clone());
                }
                Record::Settlement(settlement) => {
                    orphans.remove(&settlement.attempt);
                }
            }
        }
        orphans.into_values().collect()
    }
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Held; nothing is written.
    Held,
    /// The intent is journalled.
    Journalled,
    /// The provider has it and will bill so much more.
    Streaming { rest: Money },
}

#[derive(Debug)]
pub(super) struct Flight {
    pub(super) number: u64,
    pub(super) accounts: Vec<AccountKey>,
    pub(super) hold: Hold,
    pub(super) stage: Stage,
}

/// What is under way between a process and the store.
#[derive(Debug)]
pub(super) enum Mail {
    /// The store has leased for these accounts, open at these places when it was asked; the answer is coming.
    Grant(Vec<(AccountKey, AccountIx, Money)>),
    /// The lease in hand is lowered; the store will be told.
    Release(AccountKey, Money),
    /// The store has posted up to here; the answer is coming.
    Posted(u64),
}

/// Where the one flush of a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flush {
    Idle,
    /// A batch up to here is read; the transaction is not made, or nobody knows whether it was.
    Planned(u64),
    /// The transaction is made and the answer under way.
    Answering,
}

/// What a crash takes.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) replica: Replica,
    pub(super) table: BTreeMap<AccountKey, AccountIx>,
    pub(super) flights: Vec<Flight>,
    pub(super) mail: Vec<Mail>,
    pub(super) flush: Flush,
    /// Up to where the process knows its journal to be posted.
    pub(super) flushed: u64,
}

impl Process {
    pub(super) fn new(flushed: u64) -> Self {
        Self {
            replica: Replica::new(),
            table: BTreeMap::new(),
            flights: Vec::new(),
            mail: Vec::new(),
            flush: Flush::Idle,
            flushed,
        }
    }

    /// The place of an account, opened if need be.
    pub(super) fn place(&mut self, key: AccountKey) -> AccountIx {
        *self.table.entry(key).or_insert_with(|| self.replica.open(key))
    }

    /// Takes leases in hand. What comes for an account that was closed in the meantime goes back.
    pub(super) fn take_grants(&mut self, grants: &[(AccountKey, AccountIx, Money)]) {
        for (key, ix, amount) in grants {
            if !self.replica.leased(*ix, *amount) {
                self.mail.push(Mail::Release(*key, *amount));
            }
        }
    }

    pub(super) fn any_flight(&self, random: &mut Random) -> Option<usize> {
        (!self.flights.is_empty()).then(|| random.index(self.flights.len()))
    }
}

#[derive(Debug)]
pub(super) struct Node {
    /// The replica's id: a new one where the journal is lost.
    pub(super) id: u32,
    /// How far its clock is off, in microseconds.
    pub(super) clock_error: i64,
    /// It reaches no store.
    pub(super) cut_off: bool,
    pub(super) journal: Journal,
    pub(super) process: Option<Process>,
}

/// A journal that was lost with its replica, and may be found.
#[derive(Debug)]
pub(super) struct LostJournal {
    pub(super) id: u32,
    pub(super) journal: Journal,
}
