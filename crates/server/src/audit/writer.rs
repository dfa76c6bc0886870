//! The task that writes a chain.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bailey_core::Timestamp;
use bailey_core::audit::{Content, Head, Row, RowKind};
use bailey_runtime::Clock;
use bailey_store::{AuditWriterKind, Store, StoreError};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::draft::{Draft, Opened, Subject, Verdict};
use super::log::{Answer, Done};
use super::{AuditError, Change, Resource, Who};

/// A row is in its chain.
#[derive(Debug)]
pub(super) struct Written;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Append a row that somebody waits for; if it cannot be, they do nothing.
    Now(Draft, Answer),
    /// Append what came of an intent, sooner or later.
    Outcome(Draft, Option<Done>),
    /// Append something that happened, sooner or later.
    Late(Draft),
    /// Count a refusal.
    Refused(String),
    /// Say where the chain ends.
    Flush(oneshot::Sender<Option<Head>>),
    /// Write what is left and end.
    Close(oneshot::Sender<()>),
}

/// The most rows in one transaction.
const BATCH: usize = 256;
/// How long it waits before it tries again what could not be written.
const AGAIN: Duration = Duration::from_millis(500);
/// How often it is said how many were refused without a credential.
const SUMMARY: Duration = Duration::from_mins(10);
/// How often it is tried again when somebody else wrote to the chain.
const TRIES: usize = 5;
/// The most rows that wait for the log to be writable again. Outcomes are not counted: there is one for each intent.
const WAITING: usize = 10_000;

pub(super) struct Writer {
    store: Store,
    clock: Clock,
    kind: AuditWriterKind,
    id: bailey_core::AuditWriterId,
    /// Where the chain ends; `None` if that is to be looked up.
    head: Option<Head>,
    /// Intents of this process that have no outcome yet.
    open: HashSet<u64>,
    /// What is to be written and nobody waits for.
    late: VecDeque<(Draft, Option<Done>)>,
    failing: Arc<Mutex<Option<String>>>,
    refused: BTreeMap<String, u64>,
    refused_since: Timestamp,
}

/// A draft on its way, and who waits for it.
struct Item {
    draft: Draft,
    waits: Waits,
}

enum Waits {
    Answer(Answer),
    Done(Option<Done>),
}

impl Writer {
    pub(super) fn new(
        store: Store,
        clock: Clock,
        head: Head,
        kind: AuditWriterKind,
        failing: Arc<Mutex<Option<String>>>,
    ) -> Self {
        Self {
            refused_since: clock.now(),
            store,
            clock,
            kind,
            id: head.writer,
            head: Some(head),
            open: HashSet::new(),
            late: VecDeque::new(),
            failing,
            refused: BTreeMap::new(),
        }
    }

    /// Gives intents without an outcome that are not this process's own, and began before `before`, the outcome `unknown`.
    pub(super) async fn settle(&mut self, before: Timestamp) -> Result<(), StoreError> {
        loop {
            let open = self.store.audit_open(self.id, before).await?;
            let left: Vec<Opened> = open
                .into_iter()
                .filter(|open| !self.open.contains(&open.row.seq))
                .map(Opened::from)
                .collect();
            if left.is_empty() {
                return Ok(());
            }
            let verdict = Verdict::unknown("the server ended, or lost its database, before the outcome was known");
            let drafts: Vec<Draft> = left.iter().map(|o| Draft::outcome(o, verdict.clone())).collect();
            for drafts in drafts.chunks(BATCH) {
                let head = self.head().await?;
                let rows = chain(drafts.iter(), head, self.clock.now());
                self.append(head, &rows).await?;
            }
        }
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let mut summary = tokio::time::interval(SUMMARY);
        summary.tick().await;
        loop {
            let waiting = !self.late.is_empty();
            tokio::select! {
                job = jobs.recv() => match job {
                    None => return,
                    Some(job) => if self.take(job, &mut jobs).await { return },
                },
                () = tokio::time::sleep(AGAIN), if waiting => self.write(Vec::new()).await,
                _ = summary.tick() => self.summarise(),
            }
        }
    }

    /// Does a job and what else is queued by now. Says whether it was told to end.
    async fn take(&mut self, job: Job, jobs: &mut mpsc::UnboundedReceiver<Job>) -> bool {
        let (mut items, mut flushes, mut close) = (Vec::new(), Vec::new(), None);
        let mut next = Some(job);
        while let Some(job) = next {
            match job {
                Job::Now(draft, answer) => items.push(Item {
                    draft,
                    waits: Waits::Answer(answer),
                }),
                Job::Outcome(draft, done) => self.late.push_back((draft, done)),
                Job::Late(draft) => self.keep(draft),
                Job::Refused(code) => *self.refused.entry(code).or_default() += 1,
                Job::Flush(reply) => flushes.push(reply),
                Job::Close(reply) => close = Some(reply),
            }
            let full = items.len() + self.late.len() >= BATCH;
            next = if full { None } else { jobs.try_recv().ok() };
        }
        if close.is_some() {
            self.summarise();
        }
        self.write(items).await;
        for reply in flushes {
            let _ = reply.send(self.head().await.ok());
        }
        match close {
            None => false,
            Some(reply) => {
                if !self.late.is_empty() {
                    tracing::error!(rows = self.late.len(), "rows of the audit log could not be written");
                }
                let _ = reply.send(());
                true
            }
        }
    }

    fn keep(&mut self, draft: Draft) {
        if self.late.len() < WAITING {
            self.late.push_back((draft, None));
        } else {
            tracing::error!(
                ?draft,
                "the audit log cannot be written, and too much waits for it: this is lost"
            );
        }
    }

    /// Says how many were refused without a credential since it was said last.
    fn summarise(&mut self) {
        let since = std::mem::replace(&mut self.refused_since, self.clock.now());
        if self.refused.is_empty() {
            return;
        }
        let refused = std::mem::take(&mut self.refused);
        let change = Change::new("refusals", Resource::new("server", self.id)).after(&json!({
            "since": since.to_string(),
            "until": self.refused_since.to_string(),
            "by_code": refused,
        }));
        let verdict = Verdict {
            outcome: bailey_core::audit::Outcome::Denied,
            code: None,
            reason: Some("requests without a good credential".to_owned()),
        };
        let subject = Subject::new(Who::anonymous(), &change, None, None);
        self.keep(Draft::event(Arc::new(subject), change, verdict));
    }

    /// Writes what waits and `items`, in one transaction.
    async fn write(&mut self, items: Vec<Item>) {
        let late = self.late.drain(..).map(|(draft, done)| Item {
            draft,
            waits: Waits::Done(done),
        });
        let mut all: VecDeque<Item> = late.chain(items).collect();
        while !all.is_empty() {
            let some = all.len().min(BATCH);
            let batch: Vec<Item> = all.drain(..some).collect();
            self.write_batch(batch).await;
        }
    }

    async fn write_batch(&mut self, batch: Vec<Item>) {
        match self.try_write(&batch).await {
            Ok(rows) => {
                self.note_failure(None);
                for (item, (row, _)) in batch.into_iter().zip(&rows) {
                    self.written(item, row);
                }
            }
            // One of them has its outcome already: it was written, though the database did not say so.
            Err(StoreError::Conflict {
                what: "audit entry", ..
            }) => match <[Item; 1]>::try_from(batch) {
                Ok([item]) => self.answered(item),
                Err(batch) => {
                    for item in batch {
                        Box::pin(self.write_batch(vec![item])).await;
                    }
                }
            },
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    rows = batch.len(),
                    "the audit log cannot be written"
                );
                self.note_failure(Some(error.to_string()));
                let error = AuditError::Store(Arc::new(error));
                for item in batch {
                    match item.waits {
                        Waits::Answer(answer) => drop(answer.send(Err(error.clone()))),
                        Waits::Done(done) => self.late.push_back((item.draft, done)),
                    }
                }
            }
        }
    }

    async fn try_write(&mut self, batch: &[Item]) -> Result<Vec<(Row, Content)>, StoreError> {
        let mut tries = 0;
        loop {
            let head = self.head().await?;
            let rows = chain(batch.iter().map(|item| &item.draft), head, self.clock.now());
            match self.append(head, &rows).await {
                // Another process of the same kind wrote meanwhile: two commands at once.
                Err(StoreError::Conflict {
                    what: "audit writer", ..
                }) if tries < TRIES => tries += 1,
                Err(error) => return Err(error),
                Ok(()) => return Ok(rows),
            }
        }
    }

    async fn append(&mut self, head: Head, rows: &[(Row, Content)]) -> Result<(), StoreError> {
        match self.store.audit_append(&head, rows).await {
            Ok(()) => {
                self.head = rows.last().map(|(row, _)| row.head()).or(Some(head));
                Ok(())
            }
            // It may have been written all the same.
            Err(error) => {
                self.head = None;
                Err(error)
            }
        }
    }

    /// Where the chain ends. If that was in doubt, what was written in vain gets an outcome.
    async fn head(&mut self) -> Result<Head, StoreError> {
        if let Some(head) = self.head {
            return Ok(head);
        }
        let head = self.store.audit_head(self.id).await?;
        self.head = Some(head);
        if self.kind == AuditWriterKind::Server {
            let now = self.clock.now().plus_seconds(i64::from(u32::MAX));
            if let Err(error) = Box::pin(self.settle(now)).await {
                self.head = None;
                return Err(error);
            }
        }
        Ok(self.head.unwrap_or(head))
    }

    /// A row is in its chain: whoever waits for it learns it.
    fn written(&mut self, item: Item, row: &Row) {
        if let Some((intent, _)) = item.draft.intent {
            self.open.remove(&intent);
        }
        let opened = item.draft.opened(row);
        if row.kind == RowKind::Intent {
            self.open.insert(row.seq);
        }
        match item.waits {
            Waits::Done(done) => {
                if let Some(done) = done {
                    let _ = done.send(Written);
                }
            }
            Waits::Answer(answer) => {
                if answer.send(Ok(opened.clone())).is_err() && row.kind == RowKind::Intent {
                    let verdict = Verdict::unknown("nothing was done: whoever asked had gone away");
                    self.late.push_back((Draft::outcome(&opened, verdict), None));
                }
            }
        }
    }

    /// An outcome was in its chain before.
    fn answered(&mut self, item: Item) {
        if let Some((intent, _)) = item.draft.intent {
            self.open.remove(&intent);
        }
        if let Waits::Done(Some(done)) = item.waits {
            let _ = done.send(Written);
        }
    }

    fn note_failure(&self, failure: Option<String>) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

/// The rows of `drafts` after `head`.
fn chain<'a>(drafts: impl Iterator<Item = &'a Draft>, mut head: Head, now: Timestamp) -> Vec<(Row, Content)> {
    let mut rows = Vec::with_capacity(drafts.size_hint().0);
    for draft in drafts {
        let (row, content) = draft.row(&head, now);
        head = row.head();
        rows.push((row, content));
    }
    rows
}
