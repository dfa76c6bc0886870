//! From the configuration to a running server, and back to an empty process.

mod files;
mod options;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bailey_core::Secret;
use bailey_gate::{Gate, GateError};
use bailey_runtime::config::Config;
use bailey_runtime::http::ClientError;
use bailey_runtime::{Clock, Tasks, metrics};
use bailey_store::{Store, StoreError, Target};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppParts};
use crate::audit::{Anchors, AuditLog};
use crate::bootstrap::{self, AdminError};
use crate::door::{self, DoorError};
use crate::fleet::{self, Fleet, FleetOptions};
use crate::folder::{Folder, FolderEvent};
use crate::forges::Forges;
use crate::prices::{self, PricesError};
use crate::serve::{ServeOptions, Serving, serve};
use crate::tls::{Certificates, TlsError};
pub use files::{audit_key, data_dir};
use files::{data_dir_error, lock, secret_key};
pub use options::command_log;
use options::{anchors, apps_options, audit_log, gate_options, gateway, identity_options};

/// How long a server says that it is not ready before it stops accepting: load balancers look every second or so.
const NOTICE: Duration = Duration::from_millis(500);

/// The server cannot start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The data directory cannot be used.
    #[error("cannot use the data directory {dir}")]
    DataDir {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another server runs on the same data.
    #[error("another server runs on the data directory {dir}; stop it, or name another one with --data-dir")]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// The address is taken, or is not this machine's.
    #[error("cannot listen on {address}: {source}; stop what listens there, or choose another with --listen ADDR:PORT")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gate.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// Providers and models.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// Certificates of an identity provider.
    #[error("cannot set up the identity providers")]
    Providers(#[from] ClientError),
    /// The client for forges.
    #[error("cannot set up connections to forges")]
    Forges(#[source] ClientError),
    /// The price file.
    #[error(transparent)]
    Prices(#[from] PricesError),
    /// The link that claims the owner cannot be made.
    #[error(transparent)]
    Claim(#[from] AdminError),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals")]
    Signals(#[source] std::io::Error),
}

/// The database that a configuration names.
pub fn target(config: &Config) -> Target {
    match &config.database.url {
        Some(url) => Target::Postgres(Secret::new(url.secret().expose().clone())),
        None => Target::Sqlite(config.sqlite_path()),
    }
}

/// Runs a server until it is told to stop by SIGTERM or SIGINT.
#[expect(clippy::too_many_lines, reason = "one part after the other")]
pub async fn run(config: Config) -> Result<(), RunError> {
    let clock = Clock::system();
    let dir = data_dir(&config)?;
    let _lock = lock(dir)?;
    // Before anything listens: nobody is to come over a connection that is not what it is meant to be.
    let certificates = Certificates::configured(&config, clock.now())?;
    let listener = listen(&config).await?;
    let store = Store::open(&target(&config)).await?;
    let fresh = bootstrap::ensure(&store, clock.now()).await?;
    let tasks = Tasks::new();
    let audit = audit_log(dir, &store, &clock, &tasks).await?;
    let folder = templates(&config, &store, &clock, &audit).await?;
    let gate = Gate::start(gate_options(&config, &store, &clock, &tasks)?).await?;
    let prices = prices::load(&config, &store, &clock).await?;
    let door = door::build(&config).await?;
    let mut registry = metrics::Registry::new(env!("CARGO_PKG_VERSION"), clock.now());
    let acceptor = certificates.as_ref().map(|found| found.acceptor(registry.families()));
    let gateway = gateway(&config, &gate, door.routes, Arc::clone(&prices), &mut registry);
    let stop = CancellationToken::new();
    let options = FleetOptions {
        gate: Arc::clone(&gate),
        gateway: Arc::clone(&gateway),
        config: &config,
        driver: fleet::driver(&config),
        tasks: tasks.clone(),
        closing: stop.clone(),
    };
    let fleet = Fleet::new(options, &mut registry);
    let key = secret_key(dir).map_err(data_dir_error(dir))?;
    let anchors = anchors(&config, &key, &audit, (&store, &clock));
    anchors.start(&tasks, stop.clone());
    let app = App::new(AppParts {
        gate: Arc::clone(&gate),
        gateway: Arc::clone(&gateway),
        defaults: config.defaults.clone(),
        metrics: registry,
        fleet: fleet.clone(),
        apps: apps_options(&config, &listener, &key)?,
        forges: Forges::new(&key, &config.egress.hosts).map_err(RunError::Forges)?,
        identity: identity_options(&config, key)?,
        templates: folder.clone(),
        chats: config.chats.clone(),
        audit: audit.clone(),
        anchors: anchors.clone(),
    });
    // Before anything is served: it counts what has ended with the server before.
    watch(&app, &tasks, &stop).await?;
    tasks.spawn(folder.watch(store.clone(), clock.clone(), stop.clone()));
    let (shared, end) = ((config.clone(), store.clone(), clock.clone()), stop.clone());
    tasks.spawn(prices::watch(prices, shared.0, shared.1, shared.2, end));
    if let Some(certificates) = certificates {
        tasks.spawn(certificates.watch(clock.clone(), stop.clone()));
    }
    let serving = Serving {
        router: crate::routes::router(&app),
        gateway,
        apps: app.apps().clone(),
        ways: app.identity().ways.clone(),
        options: ServeOptions::new(&config),
        tls: acceptor.transpose()?,
        tasks: tasks.clone(),
    };
    let accepting = tasks.spawn(serve(listener, serving, stop.clone()));
    fleet.start().await?;
    let chats = tasks.spawn(app.chat_worker().run(stop.clone()));
    work_on_tickets(&app, &tasks, &stop);
    announce(&config, fresh, &store, &clock).await?;
    wait_for_signal().await?;
    let running = Running {
        grace: config.server.shutdown_grace,
        app,
        stop,
        accepting,
        chats,
        mocks: door.mocks,
        anchors,
        tasks,
    };
    let ended = shut_down(running).await;
    store.close().await;
    forget_addresses(dir);
    ended?;
    tracing::info!("everything is settled and recorded; good-bye");
    Ok(())
}

/// The templates that a server has from its start. What a lost database took with it is back before anything is served.
async fn templates(config: &Config, store: &Store, clock: &Clock, audit: &AuditLog) -> Result<Folder, RunError> {
    if config.templates.starters {
        crate::starters::ensure(store, clock.now()).await?;
    }
    let folder = Folder::new(config.templates.folder.clone());
    folder.record_in(audit);
    folder.look(store, clock.now()).await.iter().for_each(FolderEvent::log);
    Ok(folder)
}

/// Looks after whose access has ended, here and at identity providers.
async fn watch(app: &App, tasks: &Tasks, stop: &CancellationToken) -> Result<(), StoreError> {
    app.take_up_suspensions().await?;
    tasks.spawn(app.clone().watch_access(stop.clone()));
    tasks.spawn(app.clone().watch_provider_sessions(stop.clone()));
    Ok(())
}

/// Works on what forges tell, and asks them what they did not tell.
fn work_on_tickets(app: &App, tasks: &Tasks, stop: &CancellationToken) {
    tasks.spawn(app.clone().work_on_tickets(stop.clone()));
    tasks.spawn(app.clone().poll_tickets(stop.clone()));
}

/// What is ended in order.
struct Running {
    grace: Duration,
    app: App,
    stop: CancellationToken,
    accepting: tokio::task::JoinHandle<()>,
    chats: tokio::task::JoinHandle<()>,
    mocks: Vec<bailey_mock::Mock>,
    anchors: Anchors,
    tasks: Tasks,
}

/// Ends what runs, so that nothing is lost: open answers first, the audit log last.
async fn shut_down(running: Running) -> Result<(), RunError> {
    let Running { app, stop, .. } = running;
    tracing::info!("shutting down: open answers may end, new requests are refused");
    app.drain();
    tokio::time::sleep(NOTICE).await;
    stop.cancel();
    app.apps().close();
    // The task ends with `stop`; what it was doing is of no interest any more.
    let _ = running.accepting.await;
    // What agents were at is written down and given back before the doors that they ask at are closed.
    let _ = tokio::time::timeout(running.grace, running.chats).await;
    drain(app.gate(), &running.tasks, running.grace).await;
    let ended = app.gate().shutdown().await;
    for mock in running.mocks {
        mock.stop().await;
    }
    running.anchors.make_or_say().await;
    app.audit().close().await;
    running.tasks.wait(Duration::from_secs(5)).await;
    Ok(ended?)
}

fn forget_addresses(dir: &Path) {
    for file in [ADDRESS, URL] {
        let _ = std::fs::remove_file(dir.join(file));
    }
}

/// Waits for open answers, at most `grace`; then ends them.
async fn drain(gate: &Gate, tasks: &Tasks, grace: Duration) {
    let idle = async {
        while gate.open_calls() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(grace, idle).await.is_err() {
        tracing::warn!(
            open = gate.open_calls(),
            "the time for open answers is over; they are ended"
        );
        tasks.stop();
        let idle = async {
            while gate.open_calls() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(10), idle).await;
    }
}

/// The file that names the address, for scripts that let the system choose a port.
pub(crate) const ADDRESS: &str = "address";
/// The file that names it as browsers do, its scheme included.
const URL: &str = "url";

async fn listen(config: &Config) -> Result<TcpListener, RunError> {
    let address = config.server.listen;
    let error = |source| RunError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    let path = config.server.data_dir.join(ADDRESS);
    let url = config.server.data_dir.join(URL);
    for (path, text) in [(path, bound.to_string()), (url, own_url(config, bound))] {
        std::fs::write(&path, format!("{text}\n")).map_err(|source| RunError::DataDir { dir: path, source })?;
    }
    Ok(listener)
}

/// Where a browser finds the server that this configuration is for: at its public address, or where it listens.
pub fn base_url(config: &Config) -> String {
    if let Some(url) = &config.server.public_url {
        return url.clone();
    }
    // Who asks may not have the flags that the server was started with.
    let running = std::fs::read_to_string(config.server.data_dir.join(URL)).unwrap_or_default();
    match running.trim() {
        "" => own_url(config, config.server.listen),
        url => url.to_owned(),
    }
}

/// Where a browser finds a server that listens at this address.
fn own_url(config: &Config, address: SocketAddr) -> String {
    let scheme = scheme(config);
    // Signing in without https works on the machine itself; by this name, as apps are below it.
    if address.ip().is_unspecified() || address.ip().is_loopback() {
        return format!("{scheme}://localhost:{}", address.port());
    }
    format!("{scheme}://{address}")
}

const fn scheme(config: &Config) -> &'static str {
    if config.server.speaks_tls() { "https" } else { "http" }
}

async fn announce(config: &Config, fresh: bool, store: &Store, clock: &Clock) -> Result<(), RunError> {
    let dir = config.server.data_dir.display();
    let address = std::fs::read_to_string(config.server.data_dir.join(ADDRESS)).unwrap_or_default();
    tracing::info!(data_dir = %dir, "Bailey answers at {}://{}", scheme(config), address.trim());
    if fresh {
        let secret = bootstrap::claim_create(store, clock.now(), bootstrap::OWNER).await?;
        let link = bootstrap::claim_link(&base_url(config), &secret);
        tracing::info!(
            "this is a new installation; claim its owner within a day at {} , or get their API token with: bailey admin token create --user owner --data-dir {dir}",
            link.expose()
        );
    } else if !store.any_password().await? {
        tracing::info!(
            "nobody has a password yet; for a link that claims the owner: bailey admin claim-link --data-dir {dir}"
        );
    }
    Ok(())
}

async fn wait_for_signal() -> Result<(), RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
