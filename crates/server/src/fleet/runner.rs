//! Carrying out a build.

use std::sync::Arc;
use std::time::Duration;

use bailey_api::agent::FromServer;
use bailey_core::people::PersonStatus;
use bailey_core::workspace::{Action, Build, Goal, Observed, SeenAgent, Workspace, plan};
use bailey_core::{PersonId, Secret, Timestamp};
use bailey_gate::token::{self, Kind, Minted};
use bailey_runtime::failpoint;
use bailey_store::StoreError;
use bailey_workspaces::driver::{self, Driver, DriverError, Instance};
use bailey_workspaces::template::Piece;
use tokio::sync::watch;

use super::journal::Journal;
use super::layers::Unprepared;
use super::places::Place;
use super::{Inner, mask};
use crate::links::Phase;

/// How long stop scripts may take.
const GRACE: Duration = Duration::from_secs(20);
/// How long an agent may take to end what runs inside after it was asked to.
const FORCE: Duration = Duration::from_secs(5);
/// How long an agent that is to stop may take to link, so that it can be asked to.
const LINKED: Duration = Duration::from_secs(10);
/// How often a process that was asked to end is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How often an agent that is awaited is looked at. One that has just been started may not have its lock yet.
const ALIVE: Duration = Duration::from_secs(1);
/// How often a store that does not answer is asked again, and how long it is waited for in between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// A step of a build failed.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Driver(#[from] DriverError),
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Other(String),
}

/// A build while it is carried out.
struct Run<'a> {
    fleet: &'a Inner,
    build: Build,
    workspace: Workspace,
    journal: Arc<Journal>,
    /// The token of the agent that this build starts.
    token: Option<Secret<String>>,
    phase: watch::Receiver<Phase>,
    failure: Option<String>,
    deadline: Timestamp,
}

impl Inner {
    /// Carries out a build to its end, whatever happens on the way.
    pub(super) async fn carry_out(&self, build: Build) {
        let _turn = self.turns.take(build.workspace).await;
        let Some(unprepared) = self.prepared(&build).await else {
            return;
        };
        let _place = self.place(&build).await;
        failpoint::hit("build.queued");
        let number = build.number;
        for attempt in 1..=TRIES {
            match self.try_build(&build, unprepared.clone()).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(workspace.id = %build.workspace, build = number, attempt, error = &error as &dyn std::error::Error, "a build is held up");
                }
            }
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        // The store does not answer: the build stays unfinished, and the watch takes it up again.
    }

    /// Waits for a place where a build leads up. One that leads down needs none, nor one whose owner was suspended meanwhile:
    /// all that it still does is to end what runs.
    async fn place(&self, build: &Build) -> Option<Place> {
        if !build.transition.goes_up() {
            return None;
        }
        let workspace = self.store().workspace_get(build.workspace).await.ok()??;
        tokio::select! {
            place = self.places.take(workspace.owner) => place,
            () = self.suspended(workspace.owner) => None,
        }
    }

    /// Waits until a person is suspended.
    async fn suspended(&self, person: PersonId) {
        loop {
            tokio::time::sleep(ALIVE).await;
            let found = self.store().person_get(person).await;
            if found.is_ok_and(|found| found.is_none_or(|person| person.status != PersonStatus::Active)) {
                return;
            }
        }
    }

    /// Sees to what the workspace is made of. `None` = this server does not carry the build out; otherwise why the build has
    /// failed already, if it has.
    async fn prepared(&self, build: &Build) -> Option<Option<String>> {
        for _ in 1..=TRIES {
            match self.prepare(build).await {
                Ok(()) => return Some(None),
                Err(Unprepared::Failed(cause)) => return Some(Some(cause)),
                Err(Unprepared::Closing) => return None,
                Err(Unprepared::Store(error)) => {
                    tracing::error!(workspace.id = %build.workspace, build = build.number, error = &error as &dyn std::error::Error, "a build is held up");
                }
            }
            tokio::select! {
                () = self.closing.cancelled() => return None,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        None
    }

    async fn try_build(&self, build: &Build, failure: Option<String>) -> Result<(), StoreError> {
        let Some(workspace) = self.store().workspace_get(build.workspace).await? else {
            return Ok(());
        };
        let goes_up = build.transition.goes_up();
        // An agent of this very build may live, left by a server that was killed: it keeps its token.
        let seen = self.driver.observe(build.workspace).await.unwrap_or_default();
        let lives = seen.agent && seen.build == Some(build.id);
        let minted = if goes_up && !lives {
            Some(token::mint(Kind::Agent).map_err(|_| StoreError::Corrupt { what: "random source" })?)
        } else {
            None
        };
        let token = minted
            .as_ref()
            .map(|minted: &Minted| (minted.public_id.as_str(), &minted.hash));
        if !self.store().build_run(build, token, self.now()).await? {
            return Ok(());
        }
        let mut run = Run {
            fleet: self,
            journal: Journal::new(build.id),
            token: minted.map(|minted| minted.text),
            phase: self.links.phase(build.workspace),
            failure,
            deadline: self.deadline(),
            build: build.clone(),
            workspace,
        };
        if let Some(reason) = &build.reason {
            run.say(reason.clone());
        }
        run.go().await
    }

    fn deadline(&self) -> Timestamp {
        let micros = i64::try_from(self.settings.build_timeout.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.now().micros().saturating_add(micros))
    }
}

impl Run<'_> {
    /// Looks, plans and does, until the build is over.
    async fn go(&mut self) -> Result<(), StoreError> {
        loop {
            let seen = self.look().await?;
            let goal = Goal {
                build: self.build.id,
                transition: self.build.transition,
                keep_home: self.workspace.keep_home,
                deadline: self.deadline,
            };
            for action in plan(&goal, &seen, self.fleet.now()) {
                match self.act(action).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => {}
                    Err(StepError::Store(error)) => return Err(error),
                    Err(error) => {
                        let again = self.failure.is_some();
                        self.say(format!("failed: {error}"));
                        self.failure.get_or_insert_with(|| mask::keys(&error.to_string()));
                        if again || !self.goes_up() {
                            // Nothing more can be done about it now; the next sweep tries to clean up again.
                            return self.end().await;
                        }
                        break;
                    }
                }
            }
        }
    }

    const fn goes_up(&self) -> bool {
        self.build.transition.goes_up()
    }

    async fn look(&self) -> Result<Observed, StoreError> {
        let id = self.workspace.id;
        let seen = self.fleet.driver.observe(id).await.unwrap_or_else(|error| {
            tracing::warn!(workspace.id = %id, error = &error as &dyn std::error::Error, "cannot look at a workspace");
            // What cannot be seen may be there: it is stopped first, which fails and says why where that is impossible.
            driver::Observed {
                agent: true,
                build: None,
                home: true,
            }
        });
        Ok(Observed {
            home: seen.home,
            key: self.fleet.has_key(id).await?,
            agent: seen.agent.then(|| SeenAgent {
                build: seen.build,
                ready: *self.phase.borrow() == Phase::Ready,
            }),
            failure: self.failure.clone(),
        })
    }

    /// Does one thing; `true` when the build is over.
    async fn act(&mut self, action: Action) -> Result<bool, StepError> {
        match action {
            // The driver makes it when it starts the agent.
            Action::EnsureHome => failpoint::hit("build.home"),
            Action::StartAgent => self.start().await?,
            Action::AwaitReady => self.await_ready().await?,
            Action::StopAgent => self.stop().await?,
            Action::RevokeKeys => {
                self.fleet.end_keys(self.workspace.id).await?;
                failpoint::hit("stop.key");
            }
            Action::RemoveHome => {
                self.say("removing the workspace and its home");
                self.fleet.driver.delete(self.workspace.id).await?;
                failpoint::hit("delete.home");
            }
            Action::Finish => {
                self.end().await?;
                return Ok(true);
            }
            Action::Fail(cause) => {
                self.failure.get_or_insert(cause);
                self.end().await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn end(&self) -> Result<(), StoreError> {
        failpoint::hit("build.finish");
        let store = self.fleet.store();
        let outcome = self.failure.as_deref().map_or(Ok(()), Err);
        match outcome {
            Ok(()) => self.say("done"),
            Err(cause) => self.say(format!("the build failed: {cause}")),
        }
        // First what was said: whoever follows the log reads on no more once the build is over.
        self.journal.flush(store).await;
        let revoked = store.build_end(&self.build, outcome, self.fleet.now()).await?;
        failpoint::hit("build.ended");
        self.fleet.keys_ended(&revoked.unwrap_or_default());
        if !self.goes_up() || self.failure.is_some() {
            self.fleet.links.close(self.workspace.id);
            self.fleet.outbound.cut(self.workspace.id);
            self.fleet.active().remove(&self.workspace.id);
        }
        tracing::info!(
            workspace.id = %self.workspace.id, build = self.build.number, transition = %self.build.transition,
            error = self.failure.as_deref(), "a build is over"
        );
        Ok(())
    }

    async fn start(&mut self) -> Result<(), StepError> {
        // Before its owner is looked at: a suspension is either seen there, or told here.
        self.phase = self.fleet.links.expect(self.workspace.id);
        let instance = self.instance().await?;
        self.say("starting the workspace");
        self.fleet.driver.start(&instance).await?;
        failpoint::hit("build.agent_started");
        Ok(())
    }

    async fn instance(&mut self) -> Result<Instance, StepError> {
        let owner = self.fleet.store().person_get(self.workspace.owner).await?;
        let owner = owner.ok_or_else(|| StepError::Other("its owner is gone".to_owned()))?;
        if owner.status != PersonStatus::Active {
            return Err(StepError::Other(format!("`{}`, who owns it, is suspended", owner.name)));
        }
        let token = self.token.clone();
        let token = token.ok_or_else(|| StepError::Other("the agent ended while the server was away".to_owned()))?;
        let slot = self.workspace.host_slot;
        let slot = slot.ok_or_else(|| StepError::Other("the workspace was given up".to_owned()))?;
        let mut resolved = self.workspace.resolved.clone();
        resolved.browser_only |= self.fleet.settings.browser_only;
        let (mut layers, mut root) = (Vec::new(), None);
        for piece in Piece::of(&resolved.base) {
            let path = self.piece(&piece)?;
            match piece {
                Piece::Layer(_) => layers.push(path),
                Piece::Root(_) => root = Some(path),
            }
        }
        Ok(Instance {
            id: self.workspace.id,
            build: self.build.id,
            name: self.workspace.name.clone(),
            owner: owner.name,
            slot,
            server: self.fleet.address.clone(),
            token,
            layers,
            root,
            resolved,
        })
    }

    fn piece(&self, piece: &Piece) -> Result<std::path::PathBuf, StepError> {
        self.fleet.layers.held(piece).ok_or_else(|| {
            let digest = piece.digest();
            StepError::Other(format!(
                "what the template installs is not there under the name that the workspace knows ({digest}); update the workspace"
            ))
        })
    }

    /// Waits until the agent says that everything is there. Looks now and then whether it still lives.
    async fn await_ready(&mut self) -> Result<(), StepError> {
        let id = self.workspace.id;
        let mut missing = 0;
        loop {
            let left = self.deadline.micros().saturating_sub(self.fleet.now().micros());
            let Ok(left @ 1..) = u64::try_from(left) else {
                return Err(StepError::Other(format!(
                    "it was not ready within {} s",
                    self.fleet.settings.build_timeout.as_secs()
                )));
            };
            let wait = ALIVE.min(Duration::from_micros(left));
            if tokio::time::timeout(wait, self.phase.changed())
                .await
                .is_ok_and(|changed| changed.is_err())
            {
                // Another build has taken over; the database knows.
                return Err(StepError::Other("it was overtaken by another build".to_owned()));
            }
            let phase = self.phase.borrow_and_update().clone();
            match phase {
                Phase::Ready => {
                    failpoint::hit("build.ready");
                    return Ok(());
                }
                Phase::Over(cause) => return Err(StepError::Other(cause)),
                Phase::Awaited => {}
            }
            self.journal.flush(self.fleet.store()).await;
            missing = if self.fleet.driver.observe(id).await?.agent {
                0
            } else {
                missing + 1
            };
            if missing >= 2 {
                let words = self.fleet.driver.last_words(id).await;
                let words = words.map_or_else(String::new, |words| format!(": {words}"));
                return Err(StepError::Other(format!("the workspace's agent has ended{words}")));
            }
        }
    }

    /// Lets the stop scripts run, then ends everything.
    async fn stop(&self) -> Result<(), StepError> {
        let id = self.workspace.id;
        self.say("stopping the workspace");
        let grace = GRACE.as_secs();
        if self.ask(FromServer::Stop { grace }).await {
            let ended = async {
                while self.fleet.driver.observe(id).await.is_ok_and(|seen| seen.agent) {
                    tokio::time::sleep(LOOK).await;
                }
            };
            let _ = tokio::time::timeout(GRACE + FORCE, ended).await;
        }
        self.fleet.driver.stop(id, FORCE).await?;
        failpoint::hit("stop.agent");
        Ok(())
    }

    /// Tells the agent something. One that lives and is not linked is waited for: the server may have started a moment ago.
    async fn ask(&self, message: FromServer) -> bool {
        let id = self.workspace.id;
        let asked = async {
            while !self.fleet.links.tell(id, message.clone()) {
                tokio::time::sleep(LOOK).await;
                if !self.fleet.driver.observe(id).await.is_ok_and(|seen| seen.agent) {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(LINKED, asked).await.unwrap_or(false)
    }

    fn say(&self, text: impl Into<String>) {
        self.journal.say(self.fleet.now(), text);
    }
}
