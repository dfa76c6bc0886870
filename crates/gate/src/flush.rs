//! Moving the journal to the store, in batches, exactly once.
//!
//! The store notes the position up to which it has taken the journal over in the same transaction as the rows and the
//! money, so a batch that is offered twice is taken once. An intent whose settlement is not in the same batch is noted as
//! open; its settlement finds it there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bailey_core::ledger::{Intent, JournalRecord, Settlement};
use bailey_core::{AttemptId, ReplicaId};
use bailey_runtime::Clock;
use bailey_store::{JournalPosition, Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::budgets::Budgets;
use crate::journal::{Batch, Journal, read_from};

/// Records of a batch, sorted out.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// Intents without a settlement in the same batch.
    pub(crate) open: HashMap<AttemptId, Intent>,
    /// Settlements, in their order.
    pub(crate) settled: Vec<Settlement>,
}

impl Sorted {
    /// Adds records behind those there are.
    pub(crate) fn extend(&mut self, records: Vec<JournalRecord>) {
        for record in records {
            match record {
                JournalRecord::Intent(intent) => {
                    self.open.insert(intent.attempt, *intent);
                }
                JournalRecord::Settlement(settlement) => {
                    if let Some(attempt) = settlement.attempt {
                        self.open.remove(&attempt);
                    }
                    self.settled.push(*settlement);
                }
            }
        }
    }
}

/// The journal could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The journal cannot be read back.
    #[error("the journal cannot be read back")]
    Read(#[from] std::io::Error),
    /// The store refused.
    #[error("the database did not take the journal over")]
    Store(#[from] StoreError),
    /// Reading the journal was interrupted.
    #[error("reading the journal was interrupted")]
    Interrupted,
    /// The store did not get there in time.
    #[error("the database has not taken the journal over within {0} s")]
    Late(u64),
}

/// Moves the journal.
pub struct Flusher {
    pub(crate) journal: Arc<Journal>,
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) replica: ReplicaId,
    pub(crate) interval: Duration,
    pub(crate) position: watch::Sender<JournalPosition>,
    /// Someone waits for the journal to be moved now.
    pub(crate) urgent: Arc<tokio::sync::Notify>,
    /// The end of a batch that was offered and not yet answered for.
    pub(crate) offered: Mutex<Option<JournalPosition>>,
}

fn lock(offered: &Mutex<Option<JournalPosition>>) -> MutexGuard<'_, Option<JournalPosition>> {
    offered.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flusher {
    /// Runs until `stop`, then moves what is left.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut failures: u32 = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.urgent.notified() => {}
                () = self.pause(failures) => {}
            }
            failures = match self.flush().await {
                Ok(()) => 0,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the journal waits for the database"
                    );
                    failures.saturating_add(1)
                }
            };
        }
        if let Err(error) = self.flush().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the journal keeps what the database has not taken; it is taken over at the next start"
            );
        }
    }

    /// Sleeps until something was appended and the interval is over; longer after failures, at most 5 s.
    async fn pause(&self, failures: u32) {
        if failures == 0 {
            self.journal.wait_appended().await;
        }
        let wait = self
            .interval
            .saturating_mul(1 << failures.min(6))
            .min(Duration::from_secs(5));
        tokio::time::sleep(wait).await;
    }

    /// Moves everything that is in the journal now.
    pub(crate) async fn flush(&self) -> Result<(), FlushError> {
        let end = self.journal.end();
        loop {
            let from = *self.position.borrow();
            if from >= end {
                return Ok(());
            }
            // A batch whose answer was lost is offered again with the same end, so that the store can tell that it has it.
            let offered = *lock(&self.offered);
            let batch = self.read(from, offered.unwrap_or(end)).await?;
            if batch.records.is_empty() {
                self.step_over(from, &batch, end);
                return Ok(());
            }
            *lock(&self.offered) = Some(batch.next);
            self.take_over(batch).await?;
            *lock(&self.offered) = None;
        }
    }

    /// Goes on behind what cannot be read. The segment is kept for whoever has to find out what was in it.
    fn step_over(&self, from: JournalPosition, batch: &Batch, end: JournalPosition) {
        let next = if batch.next > from { batch.next } else { end };
        let damage = batch
            .damage
            .as_deref()
            .unwrap_or("nothing can be read where records were written");
        tracing::error!(
            segment = from.segment,
            offset = from.offset,
            damage,
            "a part of the journal is lost"
        );
        self.journal.taken_over(
            next.offset.saturating_sub(from.offset),
            JournalPosition { segment: 0, offset: 0 },
        );
        self.position.send_replace(next);
    }

    async fn read(&self, from: JournalPosition, end: JournalPosition) -> Result<Batch, FlushError> {
        let journal = Arc::clone(&self.journal);
        let read = tokio::task::spawn_blocking(move || {
            // For the day that the machine loses power: what the store is told is on the disk first.
            journal.sync()?;
            read_from(journal.dir(), from, Some(end))
        });
        Ok(read.await.map_err(|_| FlushError::Interrupted)??)
    }

    async fn take_over(&self, batch: Batch) -> Result<(), FlushError> {
        let mut sorted = Sorted::default();
        sorted.extend(batch.records);
        let opened: Vec<Intent> = sorted.open.into_values().collect();
        bailey_runtime::failpoint::hit("flush.before");
        let applied = self
            .store
            .ledger_apply(self.replica, batch.next, &opened, &sorted.settled, self.clock.now())
            .await?;
        bailey_runtime::failpoint::hit("flush.after");
        self.budgets.posted(&applied.posted);
        self.journal.taken_over(batch.bytes, batch.next);
        self.position.send_replace(batch.next);
        Ok(())
    }
}
