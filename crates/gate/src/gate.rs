//! The gate itself: what all calls share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bailey_core::budget::{BudgetSpec, LeasePolicy};
use bailey_core::key::ModelAccess;
use bailey_core::{BudgetId, KeyId, PersonId, ReplicaId, TokenId, WorkspaceId};
use bailey_runtime::config::KeyDefaults;
use bailey_runtime::{Clock, Tasks};
use bailey_store::{JournalPosition, Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::budgets::Budgets;
use crate::call::{Call, CallInfo};
use crate::directory::{Directory, KeyEntry, stand_in};
use crate::flush::{FlushError, Flusher};
use crate::grant::SendError;
use crate::journal::{Journal, JournalError, JournalOptions};
use crate::refused::Refused;

/// How long leases stand without word from this replica.
const LEASE_SECONDS: i64 = 30;
/// How often the store is told that this replica lives.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// This much before its leases end, a replica stops using them: the clocks of two machines differ.
const FENCE_SECONDS: i64 = 5;
/// How often idle keys and windows that are over are looked for.
const SWEEP: Duration = Duration::from_secs(30);
/// How long [`Gate::flush`] waits for the store.
const FLUSH_WAIT: Duration = Duration::from_secs(10);
/// How often streams that were cut are looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What a gate is made from.
#[derive(Clone)]
pub struct GateOptions {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// Where background tasks run.
    pub tasks: Tasks,
    /// This replica, known by its data directory.
    pub replica: ReplicaId,
    /// Where the journal is.
    pub journal: JournalOptions,
    /// How often the journal is moved to the store.
    pub flush_interval: Duration,
    /// Whether a request waits until its intent is in the store (`audit.mode = "blocking"`).
    pub blocking: bool,
    /// How much is leased at a time.
    pub lease_policy: LeasePolicy,
    /// What holds for people who ask with their own API tokens.
    pub token_limits: TokenLimits,
}

/// What holds for a person who asks models with their own API tokens, all of them together.
#[derive(Debug, Clone)]
pub struct TokenLimits {
    /// Which models.
    pub models: ModelAccess,
    /// Requests in any 60 seconds; `None` = no limit.
    pub rpm: Option<u32>,
    /// Tokens in any 60 seconds; `None` = no limit.
    pub tpm: Option<u64>,
    /// Requests at the same time; `None` = no limit.
    pub concurrent: Option<u32>,
    /// The budget that they get where they have none for their tokens.
    pub budget: BudgetSpec,
}

impl TokenLimits {
    /// What a key with these defaults would get.
    pub fn of(defaults: &KeyDefaults) -> Self {
        Self {
            models: ModelAccess {
                tiers: defaults.tiers.clone(),
                names: Vec::new(),
            },
            rpm: defaults.rpm,
            tpm: defaults.tpm,
            concurrent: defaults.concurrent,
            budget: defaults.budget,
        }
    }
}

/// The gate cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal cannot be made.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be moved to the store.
    #[error(transparent)]
    Flush(#[from] FlushError),
}

/// Everything that leaves goes through here.
pub struct Gate {
    store: Store,
    clock: Clock,
    replica: ReplicaId,
    journal: Arc<Journal>,
    budgets: Arc<Budgets>,
    directory: Directory,
    blocking: bool,
    position: watch::Receiver<JournalPosition>,
    urgent: Arc<tokio::sync::Notify>,
    tasks: Tasks,
    open_calls: AtomicUsize,
    /// Ends the flusher; cancelled only when no call is open any more.
    close: CancellationToken,
}

impl Gate {
    /// Claims the store, recovers what a crash left, and starts the background tasks.
    pub async fn start(options: GateOptions) -> Result<Arc<Self>, GateError> {
        let now = options.clock.now();
        let claim = options
            .store
            .replica_claim(options.replica, now, now.plus_seconds(LEASE_SECONDS))
            .await?;
        for lost in &claim.lost {
            tracing::warn!(replica = %lost.id, "another server's leases were never settled; they are charged in full until its journal is found");
        }
        let segment = crate::recover::recover(&options, claim, now).await?;
        let journal = Arc::new(Journal::create(options.journal.clone(), segment)?);
        let budgets = Arc::new(Budgets::new(
            options.store.clone(),
            options.replica,
            options.lease_policy,
        ));
        budgets.renew(now.plus_seconds(LEASE_SECONDS - FENCE_SECONDS));
        let (sender, position) = watch::channel(JournalPosition { segment, offset: 0 });
        let gate = Arc::new(Self {
            directory: Directory::new(options.store.clone(), options.token_limits.clone()),
            store: options.store.clone(),
            clock: options.clock.clone(),
            replica: options.replica,
            journal: Arc::clone(&journal),
            budgets: Arc::clone(&budgets),
            blocking: options.blocking,
            position,
            urgent: Arc::default(),
            tasks: options.tasks.clone(),
            open_calls: AtomicUsize::new(0),
            close: CancellationToken::new(),
        });
        let flusher = Flusher {
            journal,
            budgets,
            store: options.store,
            clock: options.clock,
            replica: options.replica,
            interval: options.flush_interval,
            position: sender,
            urgent: Arc::clone(&gate.urgent),
            offered: std::sync::Mutex::default(),
        };
        gate.tasks.spawn(flusher.run(gate.close.clone()));
        gate.tasks.spawn(Arc::clone(&gate).keep());
        Ok(gate)
    }

    /// Tells the store that this replica lives, and tidies up.
    async fn keep(self: Arc<Self>) {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut sweep = tokio::time::interval(SWEEP);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.close.cancelled() => return,
                _ = heartbeat.tick() => self.renew().await,
                _ = sweep.tick() => {
                    let now = self.clock.now();
                    self.directory.sweep(now);
                    if let Err(error) = self.budgets.give_back(None, now).await {
                        tracing::warn!(error = &error as &dyn std::error::Error, "cannot give leases of past windows back yet");
                    }
                }
            }
        }
    }

    async fn renew(&self) {
        let now = self.clock.now();
        match self
            .store
            .replica_heartbeat(self.replica, now, now.plus_seconds(LEASE_SECONDS))
            .await
        {
            Ok(()) => self.budgets.renew(now.plus_seconds(LEASE_SECONDS - FENCE_SECONDS)),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the database does not answer; leases are not renewed"
            ),
        }
    }

    /// The store.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The clock.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Where tasks run that shutdown waits for.
    pub const fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub(crate) const fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    pub(crate) fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Calls that have no row yet.
    pub fn open_calls(&self) -> usize {
        self.open_calls.load(Ordering::Relaxed)
    }

    pub(crate) fn call_opened(&self) {
        self.open_calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn call_closed(&self) {
        self.open_calls.fetch_sub(1, Ordering::Relaxed);
    }

    /// Bytes of the journal that the store has not taken over yet.
    pub fn journal_bytes(&self) -> u64 {
        self.journal.unflushed()
    }

    /// Who presents this key? Says nothing about what the key may do.
    pub async fn authenticate(&self, presented: &str) -> Result<Arc<KeyEntry>, Refused> {
        self.directory
            .authenticate(presented, &self.budgets, self.clock.now())
            .await
    }

    /// The key of a workspace, for what Bailey itself asks models on its behalf: an agent's chat. Says nothing about what the key
    /// may do. `None` if the workspace has no key that is good: it is down, or only coming up.
    pub async fn workspace_key(&self, workspace: WorkspaceId) -> Result<Option<Arc<KeyEntry>>, Refused> {
        self.directory
            .of_workspace(workspace, &self.budgets, self.clock.now())
            .await
    }

    /// Opens a call of an authenticated key: takes its place in the key's limits. A refusal comes with the call, to be
    /// closed with the status that the client was given.
    pub fn open_call(
        self: &Arc<Self>,
        entry: Arc<KeyEntry>,
        info: CallInfo,
        started: Instant,
    ) -> Result<Call, (Refused, Call)> {
        Call::open(Arc::clone(self), entry, info, started)
    }

    /// In blocking mode, waits until the store has taken the journal over up to `position`.
    pub(crate) async fn recorded(&self, position: JournalPosition) -> Result<(), SendError> {
        if self.blocking {
            self.moved(position).await.map_err(|_| SendError::Unrecorded)?;
        }
        Ok(())
    }

    async fn moved(&self, position: JournalPosition) -> Result<(), FlushError> {
        let mut seen = self.position.clone();
        if *seen.borrow() >= position {
            return Ok(());
        }
        self.urgent.notify_one();
        match tokio::time::timeout(FLUSH_WAIT, seen.wait_for(|at| *at >= position)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(FlushError::Interrupted),
            Err(_) => Err(FlushError::Late(FLUSH_WAIT.as_secs())),
        }
    }

    /// Waits until everything that is in the journal now is in the store.
    pub async fn flush(&self) -> Result<(), GateError> {
        Ok(self.moved(self.journal.end()).await?)
    }

    /// A key was changed: it is loaded anew at its next use.
    pub fn forget_key(&self, id: KeyId) {
        self.directory.forget(id);
    }

    /// A key was revoked: it is refused from now on, and its open streams end at once.
    pub fn end_key(&self, id: KeyId) {
        self.directory.end(id);
    }

    /// An API token was changed: it is loaded anew at its next use.
    pub fn forget_token(&self, id: TokenId) {
        self.directory.forget(stand_in(id));
    }

    /// An API token was revoked: it is refused from now on, and its open streams end at once.
    pub fn end_token(&self, id: TokenId) {
        self.directory.end(stand_in(id));
    }

    /// How many clients are served with keys of a person.
    pub fn served_of(&self, person: PersonId) -> u64 {
        self.directory.served_of(person)
    }

    /// A person was suspended or deleted: their keys are refused from now on, and their open streams end at once. Waits
    /// until they have, at most `patience`; answers with how many have, and whether those are all.
    pub async fn end_person(&self, person: PersonId, patience: Duration) -> (u64, bool) {
        let ending = self.directory.end_person(person);
        let began = tokio::time::Instant::now();
        while !ending.ended().1 && began.elapsed() < patience {
            tokio::time::sleep(LOOK).await;
        }
        ending.ended()
    }

    /// People, groups, memberships or the organization changed: every key is loaded anew at its next use, and the streams
    /// of those that may no longer be used end.
    pub async fn forget_all(&self) -> Result<(), GateError> {
        self.directory.forget_all();
        Ok(self.directory.end_unusable(&self.budgets, self.clock.now()).await?)
    }

    /// A budget was made, changed or deleted: what is free of it goes back to the store, so that the new limit holds.
    pub async fn budget_changed(&self, id: BudgetId) -> Result<(), GateError> {
        self.directory.forget_all();
        Ok(self.budgets.give_back(Some(id), self.clock.now()).await?)
    }

    /// Whether requests can be admitted; if not, every reason.
    pub fn ready(&self) -> Result<(), Vec<String>> {
        let mut reasons = Vec::new();
        if self.budgets.fenced(self.clock.now()) {
            reasons.push(
                "the database has not been reachable for so long that budgets can no longer be trusted".to_owned(),
            );
        }
        match self.journal.behind() {
            0 => {}
            n => reasons.push(format!("{n} settlements could not be written to the journal")),
        }
        if let Err(error) = self.journal.reserve() {
            reasons.push(error.to_string());
        }
        if self.close.is_cancelled() {
            reasons.push("the server is shutting down".to_owned());
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    /// Moves what is left to the store, gives every lease back and ends the background tasks. To be called when no call
    /// is open any more.
    pub async fn shutdown(&self) -> Result<(), GateError> {
        let flushed = self.flush().await;
        self.close.cancel();
        flushed?;
        if self.open_calls() > 0 {
            // Their holds lie in the leases, which the next start settles.
            return Ok(());
        }
        Ok(self.store.leases_release_all(self.replica).await?)
    }
}
