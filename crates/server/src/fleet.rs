//! What runs workspaces: the driver, the links of their agents, and the builds under way.
//!
//! A build is carried out by a task of its own that looks, asks the planner, and does what it says, until the build is over. A
//! server that was killed looks again at its next start; every step can be done twice.

mod control;
pub(crate) mod endpoint;
mod journal;
mod keys;
pub(crate) mod layers;
mod mask;
mod places;
mod runner;
mod suspend;
mod sweep;
mod turns;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bailey_api::agent::{Capabilities, Limit, ServerAddress};
use bailey_core::template::Resources;
use bailey_core::workspace::Build;
use bailey_core::{Timestamp, WorkspaceId};
use bailey_gate::Gate;
use bailey_gateway::Gateway;
use bailey_runtime::config::{Config, KeyDefaults, WorkspacesConfig};
use bailey_runtime::{Clock, Tasks, metrics};
use bailey_store::{Store, StoreError};
use bailey_workspaces::driver::{AnyDriver, Driver as _, SandboxDriver, SandboxOptions};
use tokio_util::sync::CancellationToken;

use crate::audit::AuditLog;
use crate::links::Links;
use crate::outbound::{Limits, Outbound};
use crate::serve::ServeOptions;
use layers::{Layers, LayersParts};
use places::Places;
pub use suspend::HomeError;
pub(crate) use sweep::AGENT_ENDED;
use turns::Turns;

/// What [`Fleet::new`] needs.
pub struct FleetOptions<'a> {
    /// The gate, for keys, store and clock.
    pub gate: Arc<Gate>,
    /// The model door, which workspaces reach through their links.
    pub gateway: Arc<Gateway>,
    /// The configuration.
    pub config: &'a Config,
    /// What runs workspaces.
    pub driver: AnyDriver,
    /// Where tasks run.
    pub tasks: Tasks,
    /// Cancelled when the server ends: links close then, agents run on.
    pub closing: CancellationToken,
}

/// What runs workspaces. Cheap to clone.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    gate: Arc<Gate>,
    driver: AnyDriver,
    links: Links,
    outbound: Outbound,
    settings: WorkspacesConfig,
    key_defaults: KeyDefaults,
    address: ServerAddress,
    layers: Arc<Layers>,
    tasks: Tasks,
    closing: CancellationToken,
    places: Places,
    turns: Turns,
    /// The last activity of workspaces that is not in the store yet.
    active: Mutex<HashMap<WorkspaceId, Timestamp>>,
    /// Where it is recorded what the fleet does by itself.
    audit: OnceLock<AuditLog>,
}

/// The driver that a configuration names.
pub fn driver(config: &Config) -> AnyDriver {
    let settings = &config.workspaces;
    AnyDriver::Sandbox(Box::new(SandboxDriver::new(SandboxOptions {
        agent: agent(config),
        directory: config.server.data_dir.join("workspaces"),
        allow_missing: settings
            .allow_missing_limits
            .iter()
            .filter_map(|name| limit(name))
            .collect(),
        certificates: settings.certificates.clone(),
        defaults: settings.limits.resources(),
        first_id: settings.first_id,
    })))
}

/// The agent's program.
fn agent(config: &Config) -> PathBuf {
    config.workspaces.agent.clone().unwrap_or_else(beside)
}

/// What this machine can do for workspaces; nothing but a trial is started.
///
/// # Errors
/// Where the agent's program cannot be asked, in words.
pub async fn probe(config: &Config) -> Result<Capabilities, String> {
    driver(config).probe().await.map_err(|error| error.to_string())
}

/// The agent's program that lies beside this one.
fn beside() -> PathBuf {
    let name = "bailey-agent";
    let own = std::env::current_exe().ok();
    own.as_deref()
        .and_then(Path::parent)
        .map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
}

fn limit(name: &str) -> Option<Limit> {
    Some(match name {
        "cpu" => Limit::Cpu,
        "memory" => Limit::Memory,
        "processes" => Limit::Processes,
        "io" => Limit::Io,
        "disk" => Limit::Disk,
        _ => return None,
    })
}

impl Fleet {
    /// What the fleet does by itself is recorded there from now on, before it is done.
    pub(crate) fn record_in(&self, audit: &AuditLog) {
        // Set once: an application has one log.
        let _ = self.0.audit.set(audit.clone());
    }

    /// A fleet in which nothing runs yet.
    pub fn new(options: FleetOptions<'_>, registry: &mut metrics::Registry) -> Self {
        let FleetOptions {
            gate,
            gateway,
            config,
            driver,
            tasks,
            closing,
        } = options;
        let outbound = Outbound::new(
            gateway,
            &ServeOptions::new(config),
            Limits {
                egress: &config.egress,
                connections: config.workspaces.connections,
            },
            registry.families(),
            closing.clone(),
        );
        let layers = LayersParts {
            store: gate.store().clone(),
            clock: gate.clock().clone(),
            tasks: tasks.clone(),
            closing: closing.clone(),
            agent: agent(config),
        };
        Self(Arc::new(Inner {
            gate,
            driver,
            links: Links::default(),
            outbound,
            settings: config.workspaces.clone(),
            key_defaults: config.defaults.key(bailey_core::key::KeyScope::Workspace),
            address: ServerAddress::File(config.server.data_dir.join(crate::run::ADDRESS)),
            layers: Layers::new(config, layers),
            tasks,
            closing,
            places: Places::new(config.workspaces.parallel_builds),
            turns: Turns::default(),
            active: Mutex::default(),
            audit: OnceLock::new(),
        }))
    }

    /// Takes up what an earlier server left unfinished, ends what nobody wants any more, and watches from now on.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn start(&self) -> Result<(), StoreError> {
        let unfinished = self.0.store().builds_unfinished().await?;
        if let Err(error) = self.0.driver.sweep().await {
            tracing::warn!(%error, "what killed agents left stays for now");
        }
        self.0.layers.sweep().await;
        self.0.tasks.spawn(Arc::clone(&self.0.layers).look_after());
        self.0.tasks.spawn(Arc::clone(&self.0.layers).build_ahead());
        for build in unfinished {
            self.carry_out(build);
        }
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn(async move { inner.watch().await });
        Ok(())
    }

    /// Carries out a build that the store has just taken in.
    pub(crate) fn carry_out(&self, build: Build) {
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn(async move { inner.carry_out(build).await });
    }

    /// The links.
    pub(crate) fn links(&self) -> &Links {
        &self.0.links
    }

    /// What templates install.
    pub(crate) fn layers(&self) -> &Arc<Layers> {
        &self.0.layers
    }

    /// What is configured.
    pub(crate) fn settings(&self) -> &WorkspacesConfig {
        &self.0.settings
    }

    /// Limits of a workspace, with the deployment's where its template says nothing.
    pub(crate) fn limits(&self, wanted: &Resources) -> Resources {
        wanted.or(&self.0.settings.limits.resources())
    }

    /// Notes that somebody does something in a workspace.
    pub(crate) fn note_activity(&self, workspace: WorkspaceId) {
        self.0.note_activity(workspace);
    }

    /// When something was last done in a workspace, if that is not in the store yet.
    pub(crate) fn last_active(&self, workspace: WorkspaceId) -> Option<Timestamp> {
        self.0.active().get(&workspace).copied()
    }
}

impl Inner {
    fn store(&self) -> &Store {
        self.gate.store()
    }

    fn clock(&self) -> &Clock {
        self.gate.clock()
    }

    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn active(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Timestamp>> {
        // Nothing that can panic happens under the lock.
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_activity(&self, workspace: WorkspaceId) {
        let now = self.now();
        self.active().insert(workspace, now);
    }
}
