//! The worker: takes chats that there is something to do in, and carries them on.

mod batch;
mod calls;
mod job;
mod saves;
mod spent;
mod step;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bailey_core::chat::Chat;
use bailey_core::{ChatId, WorkerId};
use bailey_runtime::Tasks;
use bailey_runtime::ids::NewId as _;
use bailey_store::ChatLease;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::chats::Chats;
use crate::model::Model;
use crate::workspace::Workspaces;
use job::Job;
pub(crate) use saves::Saves;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Chats at once.
    pub chats: usize,
    /// Tool calls of one chat at once.
    pub calls: usize,
    /// Between two signs of life.
    pub heartbeat: Duration,
    /// How long a chat stays a worker's own after a sign of life. Another one takes over within this and one `poll`.
    pub lease: Duration,
    /// Between two looks for work.
    pub poll: Duration,
    /// How long what streams in is gathered before it is written down.
    pub batch: Duration,
    /// How often a model is asked again that could not answer.
    pub retries: u32,
    /// How long to wait before the first of these times; it doubles with each.
    pub retry_wait: Duration,
    /// How long a model may say nothing in the middle of an answer.
    pub silence: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            chats: 32,
            calls: 4,
            heartbeat: Duration::from_secs(5),
            lease: Duration::from_secs(12),
            poll: Duration::from_secs(1),
            batch: Duration::from_millis(200),
            // With the waits between them, some four minutes.
            retries: 8,
            retry_wait: Duration::from_secs(1),
            silence: Duration::from_mins(5),
        }
    }
}

/// What all jobs of a worker share.
pub(crate) struct Shared {
    pub(crate) saves: Saves,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) workspaces: Arc<dyn Workspaces>,
    pub(crate) options: WorkerOptions,
    pub(crate) tasks: Tasks,
    held: Mutex<HashMap<ChatId, (ChatLease, CancellationToken)>>,
}

/// Carries chats on. A process has one; any number of processes may have one on the same store.
pub struct Worker {
    id: WorkerId,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Worker").field(&self.id).finish()
    }
}

impl Worker {
    /// A worker that does nothing yet.
    pub fn new(
        chats: &Chats,
        model: Arc<dyn Model>,
        workspaces: Arc<dyn Workspaces>,
        tasks: Tasks,
        options: WorkerOptions,
    ) -> Self {
        Self::with_saves(Saves::new(chats.clone()), (model, workspaces), tasks, options)
    }

    pub(crate) fn with_saves(
        saves: Saves,
        (model, workspaces): (Arc<dyn Model>, Arc<dyn Workspaces>),
        tasks: Tasks,
        options: WorkerOptions,
    ) -> Self {
        let id = WorkerId::new_at(saves.now());
        let shared = Shared {
            saves,
            model,
            workspaces,
            options,
            tasks,
            held: Mutex::default(),
        };
        let shared = Arc::new(shared);
        Self { id, shared }
    }

    /// Works until `stop`. Then what is under way is cut off and given back at once, so that another worker need not wait.
    pub async fn run(self, stop: CancellationToken) {
        let shared = &self.shared;
        let heart = shared.tasks.spawn(beat(Arc::clone(shared), stop.clone()));
        let places = Arc::new(Semaphore::new(shared.options.chats));
        while !stop.is_cancelled() {
            let place = tokio::select! {
                () = stop.cancelled() => break,
                place = Arc::clone(&places).acquire_owned() => place,
            };
            // Registered before the look, so that what comes after it is not missed.
            let work = shared.saves.chats.feed.work();
            tokio::pin!(work);
            let taken = match shared.saves.claim(self.id, shared.options.lease).await {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no chat could be taken");
                    None
                }
            };
            match (taken, place) {
                (Some((chat, lease)), Ok(place)) => {
                    // Before the task begins: from here on the lease is renewed, and it is not once the job is over.
                    let held = Held::new(shared, lease);
                    let job = drive(held, chat, stop.clone());
                    shared.tasks.spawn(async move {
                        job.await;
                        drop(place);
                    });
                }
                _ => {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = &mut work => {}
                        () = tokio::time::sleep(shared.options.poll) => {}
                    }
                }
            }
        }
        let all = u32::try_from(shared.options.chats).unwrap_or(u32::MAX);
        // Closed by nobody: this waits until every job is over.
        let _ = places.acquire_many(all).await;
        heart.abort();
    }
}

#[cfg(test)]
impl Worker {
    /// Carries one chat on, in the caller's own future: to drop it is to kill the worker. `false` if there is no work.
    pub(crate) async fn once(&self) -> bool {
        let taken = self
            .shared
            .saves
            .claim(self.id, self.shared.options.lease)
            .await
            .unwrap();
        let Some((chat, lease)) = taken else { return false };
        drive(Held::new(&self.shared, lease), chat, CancellationToken::new()).await;
        true
    }
}

/// Gives signs of life for what is held until `stop`, and lets go of what was taken away.
async fn beat(shared: Arc<Shared>, stop: CancellationToken) {
    let WorkerOptions { heartbeat, lease, .. } = shared.options;
    let mut alive = Instant::now();
    // Nothing waits beyond the end of the leases: by then nothing more may be done.
    let patience = |alive: Instant| match lease.saturating_sub(alive.elapsed()) {
        Duration::ZERO => heartbeat,
        left => left.min(heartbeat),
    };
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(patience(alive)) => {}
        }
        let before: Vec<ChatLease> = shared.held().values().map(|(lease, _)| *lease).collect();
        let began = Instant::now();
        let kept = match tokio::time::timeout(patience(alive), shared.saves.renew(&before, lease)).await {
            Ok(Ok(kept)) => {
                alive = began;
                kept
            }
            failed => {
                match failed {
                    Ok(Err(error)) => tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "chats could not be held on to"
                    ),
                    _ => tracing::warn!("chats could not be held on to: the database does not answer"),
                }
                // Others may have taken them by now: nothing more is spent on them.
                if alive.elapsed() < lease {
                    continue;
                }
                Vec::new()
            }
        };
        for lost in before.iter().filter(|lease| !kept.contains(lease)) {
            let held = shared.held();
            if let Some((_, token)) = held.get(&lost.chat).filter(|(lease, _)| lease == lost) {
                token.cancel();
            }
        }
    }
}

/// Carries one chat on until there is nothing to do, it is taken away, or the worker is to stop.
async fn drive(held: Held, chat: Chat, stop: CancellationToken) {
    let Held { shared, lease, token } = &held;
    let outcome = {
        let job = Job::new(shared, chat, *lease);
        // On the heap: it is the largest future by far.
        let work = Box::pin(job.carry_on());
        tokio::select! {
            biased;
            () = token.cancelled() => Err(job::Halt::LeaseLost),
            () = stop.cancelled() => Err(job::Halt::Stopping),
            outcome = work => outcome,
        }
    };
    match outcome {
        Ok(()) => {}
        // Where it was taken away there is nothing to give back, and where it only seemed so the next worker need not wait.
        Err(job::Halt::LeaseLost | job::Halt::Stopping) => {
            if let Err(error) = shared.saves.leave(lease).await {
                tracing::warn!(chat = %lease.chat, error = &error as &dyn std::error::Error, "a chat could not be given back");
            }
        }
        // The lease ends by itself: that is the wait before it is tried again, and counts as the loss of a worker, so that what
        // fails each time comes to an end.
        Err(halt) => {
            tracing::warn!(chat = %lease.chat, error = &halt as &dyn std::error::Error, "a chat could not be carried on");
        }
    }
}

/// A chat in this worker's hands. While it is, its lease is renewed; when it is dropped, however that comes about, no more.
struct Held {
    shared: Arc<Shared>,
    lease: ChatLease,
    /// Cancelled when there is nothing more to do.
    token: CancellationToken,
}

impl Held {
    fn new(shared: &Arc<Shared>, lease: ChatLease) -> Self {
        let token = shared.saves.chats.feed.taken(lease.chat);
        shared.held().insert(lease.chat, (lease, token.clone()));
        Self {
            shared: Arc::clone(shared),
            lease,
            token,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.saves.chats.feed.left(self.lease.chat, &self.token);
        let mut held = self.shared.held();
        if held.get(&self.lease.chat).is_some_and(|(mine, _)| *mine == self.lease) {
            held.remove(&self.lease.chat);
        }
    }
}

impl Shared {
    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<ChatId, (ChatLease, CancellationToken)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
