//! A driver that runs nothing: it remembers what it was told, and fails or hangs where a test wants it to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bailey_api::agent::Capabilities;
use bailey_core::{Secret, WorkspaceId};
use tokio::sync::Notify;

use super::{Driver, DriverError, Instance, Observed};

/// A step that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SimStep {
    /// Starting an agent, before anything is there.
    Start,
    /// Starting an agent, after it runs.
    Started,
    /// Stopping.
    Stop,
    /// Deleting.
    Delete,
}

/// The simulated driver.
#[derive(Debug, Default)]
pub struct SimDriver {
    world: Mutex<World>,
    released: Notify,
}

#[derive(Debug, Default)]
struct World {
    there: BTreeMap<WorkspaceId, Observed>,
    starts: BTreeMap<WorkspaceId, u64>,
    tokens: BTreeMap<WorkspaceId, Secret<String>>,
    broken: BTreeMap<SimStep, String>,
    hanging: BTreeSet<SimStep>,
}

impl SimDriver {
    /// A world with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a step fail from now on, with this cause; `None` mends it.
    pub fn fail(&self, step: SimStep, cause: Option<&str>) {
        let mut world = self.world();
        match cause {
            Some(cause) => world.broken.insert(step, cause.to_owned()),
            None => world.broken.remove(&step),
        };
    }

    /// Makes a step wait until it is released.
    pub fn hang(&self, step: SimStep, hangs: bool) {
        if hangs {
            self.world().hanging.insert(step);
        } else {
            self.world().hanging.remove(&step);
            self.released.notify_waiters();
        }
    }

    /// Ends an agent as a crash would.
    pub fn crash(&self, id: WorkspaceId) {
        if let Some(there) = self.world().there.get_mut(&id) {
            there.agent = false;
        }
    }

    /// How many agents of a workspace were started so far.
    pub fn starts(&self, id: WorkspaceId) -> u64 {
        self.world().starts.get(&id).copied().unwrap_or(0)
    }

    /// The token of the agent that was started last; `None` = none lives.
    pub fn token(&self, id: WorkspaceId) -> Option<Secret<String>> {
        let world = self.world();
        let lives = world.there.get(&id).is_some_and(|there| there.agent);
        world.tokens.get(&id).filter(|_| lives).cloned()
    }

    async fn pass(&self, step: SimStep) -> Result<(), DriverError> {
        loop {
            // Asked for before looking, so that a release in between is not missed.
            let released = self.released.notified();
            if !self.world().hanging.contains(&step) {
                break;
            }
            released.await;
        }
        match self.world().broken.get(&step) {
            Some(cause) => Err(DriverError::Step {
                step: "go on in the simulation",
                cause: cause.clone(),
            }),
            None => Ok(()),
        }
    }
}

impl Driver for SimDriver {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn probe(&self) -> impl Future<Output = Result<Capabilities, DriverError>> + Send {
        std::future::ready(Ok(Capabilities::default()))
    }

    fn observe(&self, id: WorkspaceId) -> impl Future<Output = Result<Observed, DriverError>> + Send {
        std::future::ready(Ok(self.world().there.get(&id).copied().unwrap_or_default()))
    }

    fn list(&self) -> impl Future<Output = Result<Vec<WorkspaceId>, DriverError>> + Send {
        std::future::ready(Ok(self.world().there.keys().copied().collect()))
    }

    async fn start(&self, instance: &Instance) -> Result<(), DriverError> {
        self.pass(SimStep::Start).await?;
        {
            let mut world = self.world();
            let there = world.there.entry(instance.id).or_default();
            there.home = true;
            if !there.agent {
                there.agent = true;
                there.build = Some(instance.build);
                world.tokens.insert(instance.id, instance.token.clone());
                *world.starts.entry(instance.id).or_default() += 1;
            }
        }
        self.pass(SimStep::Started).await
    }

    async fn stop(&self, id: WorkspaceId, _: Duration) -> Result<(), DriverError> {
        self.pass(SimStep::Stop).await?;
        self.crash(id);
        Ok(())
    }

    async fn delete(&self, id: WorkspaceId) -> Result<(), DriverError> {
        self.pass(SimStep::Delete).await?;
        self.world().there.remove(&id);
        Ok(())
    }

    fn sweep(&self) -> impl Future<Output = Result<(), DriverError>> + Send {
        std::future::ready(Ok(()))
    }

    fn last_words(&self, _: WorkspaceId) -> impl Future<Output = Option<String>> + Send {
        std::future::ready(None)
    }
}
