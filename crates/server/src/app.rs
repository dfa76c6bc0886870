//! The use-cases: what can be done, whoever asks for it and however. Each takes a [`Caller`], whose authority for the
//! action is settled already, and looks after what that authority reaches.

mod apps;
pub(crate) mod audit;
mod bounds;
mod budgets;
mod caller;
mod chats;
mod checks;
mod connections;
mod cursor;
mod error;
mod external_accounts;
mod external_tokens;
mod grants;
mod groups;
mod health;
mod homes;
mod identities;
mod invitations;
mod keys;
mod ledger;
mod login;
mod lookup;
mod me;
mod models;
mod names;
mod offboarding;
mod organization;
mod policy;
mod provider_gifts;
mod provider_sessions;
mod provider_sign_in;
mod quota;
mod roles;
mod second_factor;
mod sessions;
mod sign_in;
mod spend;
mod tasks;
mod templates;
mod tickets;
mod tokens;
mod users;
mod view;
mod workspaces;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bailey_chats::Chats;
use bailey_core::Timestamp;
use bailey_gate::Gate;
use bailey_gateway::Gateway;
use bailey_runtime::config::{ChatsConfig, DefaultsConfig};
use bailey_runtime::metrics::Registry;
use bailey_store::Store;
use tokio::sync::{Mutex, Semaphore};

use crate::apps::{Apps, AppsOptions, AppsParts};
use crate::audit::{Anchors, AuditLog};
use crate::fleet::Fleet;
use crate::folder::Folder;
use crate::forges::Forges;
use crate::identity::{Identity, IdentityOptions};
use crate::streams::Open;

pub(crate) use audit::Export;
pub use caller::Caller;
pub(crate) use chats::follow as chat_follow;
pub use error::AppError;
pub(crate) use provider_sign_in::Landed;
pub(crate) use sign_in::{Began, Visitor};
pub use templates::LayerEvent;
pub(crate) use workspaces::{follow, resource as workspace_resource};

/// What the use-cases work with.
pub struct AppParts {
    /// The gate, and through it the store and the clock.
    pub gate: Arc<Gate>,
    /// The model door, for what it knows of models and prices.
    pub gateway: Arc<Gateway>,
    /// What keys get unless their maker says otherwise.
    pub defaults: DefaultsConfig,
    /// What is shown at `/metrics`.
    pub metrics: Registry,
    /// What runs workspaces.
    pub fleet: Fleet,
    /// How apps of workspaces are served.
    pub apps: AppsOptions,
    /// How people sign in.
    pub identity: IdentityOptions,
    /// The folder of templates.
    pub templates: Folder,
    /// What runs of AI agents get.
    pub chats: ChatsConfig,
    /// The audit log.
    pub audit: AuditLog,
    /// What signs it.
    pub anchors: Anchors,
    /// Connections to forges.
    pub forges: Forges,
}

/// The application. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    parts: AppParts,
    apps: Apps,
    identity: Identity,
    streams: Open,
    chats: Chats,
    draining: AtomicBool,
    /// Held while an owner's role or status changes, so that two changes cannot together leave no owner.
    owners: Mutex<()>,
}

impl App {
    /// An application of these parts.
    pub fn new(parts: AppParts) -> Self {
        let fleet = parts.fleet.clone();
        let streams = Open::default();
        let apps = Apps::new(AppsParts {
            streams: streams.clone(),
            options: parts.apps.clone(),
            links: fleet.links().clone(),
            note: Arc::new(move |workspace| fleet.note_activity(workspace)),
            store: parts.gate.store().clone(),
            clock: parts.gate.clock().clone(),
            tasks: parts.gate.tasks().clone(),
            audit: parts.audit.clone(),
        });
        parts.fleet.record_in(&parts.audit);
        let identity = Identity::new(parts.identity.clone());
        let chats = Chats::new(parts.gate.store().clone(), parts.gate.clock().clone());
        Self(Arc::new(Inner {
            parts,
            apps,
            identity,
            streams,
            chats,
            draining: AtomicBool::new(false),
            owners: Mutex::new(()),
        }))
    }

    /// Says from now on that no more requests should be sent here.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.gate().clock().now()
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.parts.gate
    }

    pub(crate) fn store(&self) -> &Store {
        self.gate().store()
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.0.parts.gateway
    }

    pub(crate) fn gateway_shared(&self) -> Arc<Gateway> {
        Arc::clone(&self.0.parts.gateway)
    }

    pub(crate) fn defaults(&self) -> &DefaultsConfig {
        &self.0.parts.defaults
    }

    pub(crate) fn fleet(&self) -> &Fleet {
        &self.0.parts.fleet
    }

    /// The audit log.
    pub(crate) fn audit(&self) -> &AuditLog {
        &self.0.parts.audit
    }

    /// What signs the audit log.
    pub(crate) fn anchors(&self) -> &Anchors {
        &self.0.parts.anchors
    }

    /// Connections to forges.
    pub(crate) fn forges(&self) -> &Forges {
        &self.0.parts.forges
    }

    /// Where browsers and forges find the server: at its public address, or where it listens.
    pub(crate) fn platform(&self) -> &str {
        self.0.parts.apps.platform.trim_end_matches('/')
    }

    /// Whether that is an address that somebody configured.
    pub(crate) fn is_public(&self) -> bool {
        self.0.parts.identity.public_url.is_some()
    }

    /// The folder of templates.
    pub(crate) fn templates(&self) -> &Folder {
        &self.0.parts.templates
    }

    /// Archives that are unpacked at the same time, each of which may come to much more than its own size.
    pub(crate) fn unpacking(&self) -> &Semaphore {
        self.fleet().layers().unpacking()
    }

    pub(crate) fn metrics(&self) -> &Registry {
        &self.0.parts.metrics
    }

    /// Apps of workspaces.
    pub(crate) fn apps(&self) -> &Apps {
        &self.0.apps
    }

    /// How people show who they are.
    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Runs of AI agents.
    pub(crate) fn chats(&self) -> &Chats {
        &self.0.chats
    }

    /// What they get.
    pub(crate) fn chats_config(&self) -> &ChatsConfig {
        &self.0.parts.chats
    }

    /// Streams into workspaces that are open over the API.
    pub(crate) fn streams(&self) -> &Open {
        &self.0.streams
    }

    pub(crate) fn owners(&self) -> &Mutex<()> {
        &self.0.owners
    }
}
