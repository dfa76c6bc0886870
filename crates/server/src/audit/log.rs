//! The log as the rest of the server sees it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bailey_core::audit::Head;
use bailey_core::{AuditWriterId, ReplicaId};
use bailey_runtime::ids::NewId;
use bailey_runtime::{Clock, Tasks};
use bailey_store::{AuditWriterKind, Store, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::draft::{Draft, Opened, Subject, Verdict};
use super::writer::{Job, Writer, Written};
use super::{Causal, Change, Entry, Resource, Trail, Who};

/// Something cannot be recorded, and so must not be done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The store refused.
    #[error("the audit log cannot be written, so nothing is changed")]
    Store(#[source] Arc<StoreError>),
    /// The server is ending, or the writer did not answer in time.
    #[error("the audit log does not answer, so nothing is changed")]
    Silent,
}

/// What the log works with.
#[derive(Debug, Clone)]
pub struct AuditOptions {
    /// Where the rows go.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// What its writer runs in.
    pub tasks: Tasks,
    /// Whose chain it is.
    pub replica: ReplicaId,
    /// Which process of that writes it.
    pub kind: AuditWriterKind,
}

/// The audit log. Cheap to clone; all clones share one writer.
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    writer: AuditWriterId,
    queue: mpsc::UnboundedSender<Job>,
    /// Why the last write failed, if it did.
    failing: Arc<Mutex<Option<String>>>,
}

/// The longest that a use-case waits for its record.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest that an answer waits for the record of its outcome, which is retried for as long as it takes.
const OUTCOME_PATIENCE: Duration = Duration::from_secs(5);
/// An intent of the command line without an outcome after this many seconds belongs to a process that is gone.
const ABANDONED: i64 = 600;

impl AuditLog {
    /// Opens this process's chain. What the process before left without an outcome gets one: `unknown`.
    pub async fn start(options: AuditOptions) -> Result<Self, StoreError> {
        let AuditOptions {
            store,
            clock,
            tasks,
            replica,
            kind,
        } = options;
        let now = clock.now();
        let head = store
            .audit_writer(AuditWriterId::new_at(now), replica, kind, now)
            .await?;
        // Another command may be at work this moment.
        let before = match kind {
            AuditWriterKind::Server => now.plus_seconds(i64::from(u32::MAX)),
            AuditWriterKind::Command => now.plus_seconds(-ABANDONED),
        };
        let (queue, jobs) = mpsc::unbounded_channel();
        let failing = Arc::new(Mutex::new(None));
        let mut writer = Writer::new(store.clone(), clock, head, kind, Arc::clone(&failing));
        writer.settle(before).await?;
        tasks.spawn(writer.run(jobs));
        Ok(Self(Arc::new(Inner {
            store,
            writer: head.writer,
            queue,
            failing,
        })))
    }

    /// Whose chain it is.
    pub fn writer(&self) -> AuditWriterId {
        self.0.writer
    }

    /// What is recorded of one request.
    pub(crate) fn trail(&self, address: IpAddr, causal: Option<Causal>) -> Trail {
        Trail::new(self.clone(), address, causal)
    }

    /// Records something that the server does by itself, and is done with as soon as it is recorded.
    pub(crate) async fn system(&self, part: &str, change: Change) -> Result<(), AuditError> {
        let subject = Subject::new(Who::system(part), &change, None, None);
        let draft = Draft::event(Arc::new(subject), change, Verdict::DONE);
        self.append(draft).await.map(drop)
    }

    /// Records something of somebody that is done with as soon as it is recorded.
    pub(crate) async fn event(&self, who: Who, address: IpAddr, change: Change) -> Result<(), AuditError> {
        let subject = Subject::new(who, &change, Some(address), None);
        let draft = Draft::event(Arc::new(subject), change, Verdict::DONE);
        self.append(draft).await.map(drop)
    }

    /// Records something that somebody begins, and that lasts.
    pub(crate) async fn open(&self, who: Who, address: IpAddr, change: Change) -> Result<Entry, AuditError> {
        let subject = Subject::new(who, &change, Some(address), None);
        let opened = self.append(Draft::intent(Arc::new(subject), change)).await?;
        Ok(Entry::new(self.clone(), opened))
    }

    /// Records what the server is about to do by itself.
    pub(crate) async fn begin(&self, part: &str, change: Change) -> Result<Entry, AuditError> {
        let subject = Subject::new(Who::system(part), &change, None, None);
        let opened = self.append(Draft::intent(Arc::new(subject), change)).await?;
        Ok(Entry::new(self.clone(), opened))
    }

    /// Records what the command line is about to do to a thing of this kind, id and name, on the server's machine.
    ///
    /// # Errors
    /// Where it cannot be recorded; then it must not be done.
    pub async fn command(
        &self,
        action: &'static str,
        (kind, id, name): (&'static str, &str, &str),
        after: &serde_json::Value,
    ) -> Result<Entry, AuditError> {
        let change = Change::new(action, Resource::new(kind, id).named(name)).after(after);
        self.begin("command line", change).await
    }

    /// Counts a refusal of somebody who showed no credential.
    pub(super) fn count_refusal(&self, code: &str) {
        self.queue(Job::Refused(code.to_owned()));
    }

    /// Appends a row and waits until it is in its chain.
    pub(super) async fn append(&self, draft: Draft) -> Result<Opened, AuditError> {
        let (reply, answer) = oneshot::channel();
        self.queue(Job::Now(draft, reply));
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(AuditError::Silent),
        }
    }

    /// Records what came of an intent, however long it takes; waits for it for a while.
    pub(super) async fn conclude(&self, opened: &Opened, verdict: Verdict) {
        let (reply, answer) = oneshot::channel();
        self.queue(Job::Outcome(Draft::outcome(opened, verdict), Some(reply)));
        let _ = tokio::time::timeout(OUTCOME_PATIENCE, answer).await;
    }

    /// The same without waiting, for what cannot.
    pub(super) fn conclude_later(&self, opened: &Opened, verdict: Verdict) {
        self.queue(Job::Outcome(Draft::outcome(opened, verdict), None));
    }

    /// Appends a row that nobody waits for.
    pub(super) fn append_later(&self, draft: Draft) {
        self.queue(Job::Late(draft));
    }

    fn queue(&self, job: Job) {
        // The writer ends when the server does; what comes after that is too late for the log.
        if self.0.queue.send(job).is_err() {
            tracing::error!("something happened after the audit log was closed");
        }
    }

    /// Whether the log can be written; if not, why.
    pub async fn check(&self) -> Result<(), String> {
        self.0
            .store
            .audit_check(self.0.writer)
            .await
            .map_err(|error| error.to_string())?;
        let failing = self.0.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.clone().map_or(Ok(()), Err)
    }

    /// Where the chain ends, once everything that was queued before is in it.
    pub async fn flush(&self) -> Option<Head> {
        let (reply, answer) = oneshot::channel();
        self.queue(Job::Flush(reply));
        answer.await.ok().flatten()
    }

    /// Writes what is queued, and ends the writer.
    pub async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        self.queue(Job::Close(reply));
        let _ = tokio::time::timeout(PATIENCE, answer).await;
    }
}

pub(super) type Answer = oneshot::Sender<Result<Opened, AuditError>>;
pub(super) type Done = oneshot::Sender<Written>;
