//! What the parts of a server are given of its configuration.

use std::path::Path;
use std::sync::{Arc, RwLock};

use bailey_core::budget::LeasePolicy;
use bailey_core::key::KeyScope;
use bailey_gate::journal::JournalOptions;
use bailey_gate::{Gate, GateOptions, TokenLimits};
use bailey_gateway::{Gateway, GatewayOptions, IntakeLimits};
use bailey_llm::ParseLimits;
use bailey_runtime::config::{AuditMode, Config};
use bailey_runtime::http::ClientError;
use bailey_runtime::{Clock, Tasks, metrics};
use bailey_store::{AuditWriterKind, Store};
use http::Uri;
use tokio::net::TcpListener;

use super::files::{data_dir_error, replica};
use super::{RunError, base_url};
use crate::apps::AppsOptions;
use crate::audit::{Anchors, AnchorsOptions, AuditKey, AuditLog, AuditOptions};
use crate::identity::{IdentityOptions, MasterKey, Purpose};
use crate::providers::{External, Providers};

/// What records changes before they are made.
pub(super) async fn audit_log(dir: &Path, store: &Store, clock: &Clock, tasks: &Tasks) -> Result<AuditLog, RunError> {
    let options = AuditOptions {
        store: store.clone(),
        clock: clock.clone(),
        tasks: tasks.clone(),
        replica: replica(dir, clock).map_err(data_dir_error(dir))?,
        kind: AuditWriterKind::Server,
    };
    Ok(AuditLog::start(options).await?)
}

/// What signs the ends of the audit log's chains.
pub(super) fn anchors(config: &Config, key: &MasterKey, log: &AuditLog, (store, clock): (&Store, &Clock)) -> Anchors {
    Anchors::new(AnchorsOptions {
        log: log.clone(),
        store: store.clone(),
        clock: clock.clone(),
        key: AuditKey::new(key),
        config: config.audit.clone(),
        dir: config.server.data_dir.clone(),
    })
}

/// The audit log as the command line writes it, on the server's machine: a chain of its own, whether the server runs or not.
///
/// # Errors
/// Where the data directory or the database cannot be written.
pub async fn command_log(config: &Config, store: &Store, clock: &Clock, tasks: &Tasks) -> Result<AuditLog, RunError> {
    let dir = config.server.data_dir.as_path();
    let options = AuditOptions {
        store: store.clone(),
        clock: clock.clone(),
        tasks: tasks.clone(),
        replica: replica(dir, clock).map_err(data_dir_error(dir))?,
        kind: AuditWriterKind::Command,
    };
    Ok(AuditLog::start(options).await?)
}

pub(super) fn apps_options(config: &Config, listener: &TcpListener, key: &MasterKey) -> Result<AppsOptions, RunError> {
    let bound = listener.local_addr().map_err(data_dir_error(&config.server.data_dir))?;
    Ok(AppsOptions {
        config: config.apps.clone(),
        port: apps_port(config, bound.port()),
        platform: base_url(config),
        key: key.derive(Purpose::AppSessions),
    })
}

/// The port that browsers reach apps at.
pub(super) fn apps_port(config: &Config, own: u16) -> Option<u16> {
    match (config.server.speaks_tls(), &config.server.public_url) {
        // Where somebody else leads browsers to the own port, the public address says from which.
        (true, Some(url)) => url.parse::<Uri>().ok().and_then(|url| url.port_u16()),
        (true, None) => Some(own).filter(|port| *port != 443),
        (false, _) => Some(own).filter(|_| !config.apps.https),
    }
}

pub(super) fn identity_options(config: &Config, key: MasterKey) -> Result<IdentityOptions, ClientError> {
    Ok(IdentityOptions {
        config: config.sign_in.clone(),
        public_url: config.server.public_url.clone(),
        proxies: config.server.trusted_proxies.clone(),
        providers: Providers::new(&config.sign_in, &key)?,
        external: External::new(&config.external_auth, &config.egress.hosts, &key)?,
        key,
    })
}

pub(super) fn gate_options(
    config: &Config,
    store: &Store,
    clock: &Clock,
    tasks: &Tasks,
) -> Result<GateOptions, RunError> {
    let dir = &config.server.data_dir;
    let replica = replica(dir, clock).map_err(|source| RunError::DataDir {
        dir: dir.clone(),
        source,
    })?;
    Ok(GateOptions {
        store: store.clone(),
        clock: clock.clone(),
        tasks: tasks.clone(),
        replica,
        journal: JournalOptions {
            dir: dir.join("journal"),
            segment_bytes: config.audit.journal_segment as u64,
            cap_bytes: config.audit.journal_cap as u64,
        },
        flush_interval: config.audit.flush_interval,
        blocking: config.audit.mode == AuditMode::Blocking,
        lease_policy: LeasePolicy::default(),
        token_limits: TokenLimits::of(&config.defaults.key(KeyScope::User)),
    })
}

pub(super) fn gateway(
    config: &Config,
    gate: &Arc<Gate>,
    routes: bailey_gateway::Routes,
    prices: Arc<RwLock<Arc<bailey_llm::PriceTable>>>,
    registry: &mut metrics::Registry,
) -> Arc<Gateway> {
    let door = bailey_gateway::metrics::Metrics::default();
    door.register(registry.families());
    Gateway::new(GatewayOptions {
        gate: Arc::clone(gate),
        routes,
        prices,
        intake: IntakeLimits {
            body_bytes: config.limits.body_bytes as u64,
            idle: config.limits.body_idle_timeout,
            min_rate: config.limits.body_min_rate as u64,
            kept_bytes: config.limits.kept_bodies as u64,
        },
        parse: ParseLimits {
            max_depth: u32::try_from(config.limits.json_depth).unwrap_or(u32::MAX),
        },
        same_route_retries: config.retries.same_route,
        backoff: config.retries.backoff,
        drain_time: config.drain.max_time,
        drain_streams: config.drain.max_streams,
        metrics: door,
    })
}
