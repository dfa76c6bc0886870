//! The running forge: accepting, what its connections share, and what its owner asks of it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::{DeliveryFaults, DemoConfig};
use crate::deliver::{self, Deliveries, DeliveryRecord};
use crate::dispatch;
use crate::error::ApiError;
use crate::events::Event;
use crate::git::{Git, GitError};
use crate::seed::Seed;
use crate::seed::apply::{self, SeedError};
use crate::store::{Store, StoreError};

/// Most headers of a request.
const MAX_HEADERS: usize = 100;
/// Most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// How long a client may take for a request's head.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// Most connections at a time.
const MAX_CONNECTIONS: usize = 512;

/// Why a forge does not start, or cannot do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The address is not of this machine's loopback.
    #[error("{0} is not on loopback; the demo forge serves this machine alone, since anybody can sign in to it")]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Git is not as it is needed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The seed cannot be put in its place.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// No such user, project or ticket, or what is asked for is refused.
    #[error("the demo forge refuses: {0}")]
    Refused(String),
}

impl From<ApiError> for DemoError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Git(error) => Self::Git(error),
            ApiError::Store(error) => Self::Store(error),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// A running demo forge. Dropped, it stops at once.
pub struct DemoForge {
    address: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    seed: Seed,
    /// The accepting task, which owns the tasks of the connections, and the one that delivers.
    running: JoinSet<()>,
}

impl DemoForge {
    /// Starts a forge that serves until it is stopped or dropped. What its directory has is taken up again; a new one gets the seed.
    ///
    /// # Errors
    /// Where git is missing, or the directory or the address cannot be used.
    pub async fn start(config: DemoConfig) -> Result<Self, DemoError> {
        let listen = config.listen;
        if !listen.ip().is_loopback() {
            return Err(DemoError::NotLoopback(listen));
        }
        let (store, new) = Store::open(&config.directory)?;
        let git = Git::find(&config.git, store.repositories()).await?;
        if new {
            apply::apply(&store, &git, &config.seed).await?;
        } else {
            apply::complete(&store, &git, &config.seed).await?;
        }
        let failed = |source| DemoError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (deliveries, queue) = Deliveries::new(config.deliveries);
        let base = config.external_url.unwrap_or_else(|| format!("http://{address}"));
        let shared = Arc::new(Shared {
            base: base.trim_end_matches('/').to_owned(),
            names: config.names,
            token_life: config.token_life,
            store,
            git,
            deliveries: deliveries.clone(),
            pushing: Mutex::default(),
            tasks: Mutex::default(),
        });
        let mut running = JoinSet::new();
        running.spawn(deliver::work(deliveries, queue));
        running.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            seed: config.seed,
            running,
        })
    }

    /// Address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The forge's address, without a slash at its end: what links begin with.
    pub fn url(&self) -> String {
        self.shared.base.clone()
    }

    /// What goes wrong with deliveries from now on.
    pub fn delivery_faults_set(&self, faults: DeliveryFaults) {
        self.shared.deliveries.faults_set(faults);
    }

    /// The newest deliveries, oldest first.
    pub fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.shared.deliveries.records()
    }

    /// Waits until no delivery is on its way.
    pub async fn deliveries_idle(&self) {
        self.shared.deliveries.idle().await;
    }

    /// What a reset would take away and put back, a line each. Changes nothing.
    ///
    /// # Errors
    /// Where git cannot tell which branches there are.
    pub async fn reset_plan(&self) -> Result<Vec<String>, DemoError> {
        let projects = self
            .shared
            .store
            .read(|state| state.projects.iter().map(|project| project.id).collect::<Vec<_>>());
        let mut branches = Vec::new();
        for project in projects {
            let found = self.shared.git.branches(&self.shared.store.repository(project)).await?;
            branches.extend(found.into_iter().map(|branch| (project, branch.name)));
        }
        Ok(self
            .shared
            .store
            .read(|state| apply::plan(state, &branches, &self.seed)))
    }

    /// Puts people, projects, tickets and repositories back to the seed; returns what [`DemoForge::reset_plan`] would have said. Tokens,
    /// clients of OAuth and webhooks stay. Nothing outside the forge's directory is touched, and no webhook tells of it.
    ///
    /// # Errors
    /// Where the seed cannot be put in its place.
    pub async fn reset(&self) -> Result<Vec<String>, DemoError> {
        let plan = self.reset_plan().await?;
        let projects = self
            .shared
            .store
            .read(|state| state.projects.iter().map(|project| project.id).collect::<Vec<_>>());
        let mut held = Vec::new();
        for project in projects {
            held.push(self.shared.pushing(project).lock_owned().await);
        }
        apply::apply(&self.shared.store, &self.shared.git, &self.seed).await?;
        Ok(plan)
    }

    /// Stops accepting, breaks off all connections, and returns when nothing runs any more. Deliveries that were on their way are lost.
    pub async fn stop(mut self) {
        self.running.shutdown().await;
        let mut tasks = std::mem::take(&mut *self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let place = Arc::clone(&places).acquire_owned().await;
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        let _place = place;
                        serve(shared, stream).await;
                    });
                }
                // Out of file descriptors or memory: wait for connections to end instead of spinning.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves a connection to its end. What goes wrong with it concerns nobody but the client, so it is not reported.
async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(|request| dispatch::handle(Arc::clone(&shared), request));
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// What the connections share.
pub(crate) struct Shared {
    /// What links begin with, without a slash at its end.
    pub(crate) base: String,
    /// Other names that requests may be for.
    pub(crate) names: Vec<String>,
    pub(crate) token_life: Duration,
    pub(crate) store: Store,
    pub(crate) git: Git,
    pub(crate) deliveries: Deliveries,
    /// Held by whoever changes a project's branches.
    pushing: Mutex<HashMap<i64, Arc<tokio::sync::Mutex<()>>>>,
    /// Work that goes on when its client leaves.
    tasks: Mutex<JoinSet<()>>,
}

impl Shared {
    /// What is held while a project's branches are changed, so that each change is told as whose it was.
    pub(crate) fn pushing(&self, project: i64) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.pushing.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(project).or_default())
    }

    /// Starts something that goes on when its client leaves; it ends with the forge.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Tells the webhooks of a project what happened in it.
    pub(crate) fn tell(&self, events: &[Event]) -> Result<(), ApiError> {
        for event in events {
            let hooks = self.store.read(|state| {
                let wanted = state.hooks.iter().filter(|hook| hook.project == event.project);
                wanted
                    .filter(|hook| hook.events.iter().any(|kind| kind == event.kind))
                    .cloned()
                    .collect::<Vec<_>>()
            });
            if !hooks.is_empty() {
                self.deliveries.send(event, &hooks, &self.base)?;
            }
        }
        Ok(())
    }
}
