//! Connections to apps that wait for the next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bailey_api::agent::Purpose;
use bailey_core::WorkspaceId;
use bailey_runtime::Tasks;
use bailey_runtime::http::{SendRequest, over};
use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::Incoming;

use crate::links::{LinkError, Links};

/// The longest that a connection waits: below what common servers wait before they close one (Node: 5 s).
const IDLE: Duration = Duration::from_secs(4);
/// Connections of one app that wait.
const WAITING: usize = 16;
/// For an app to take a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer's head.
const HEAD: usize = 64 * 1024;

/// A request's body on its way to an app.
pub(crate) type ToApp = Either<Incoming, Empty<Bytes>>;
type Key = (WorkspaceId, String);
type Idle = HashMap<Key, Vec<(Instant, SendRequest<ToApp>)>>;

/// There is no connection to an app.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The app did not take it in time.
    #[error("the app did not take the connection within {} s", PATIENCE.as_secs())]
    Slow,
    /// HTTP.
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// The connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool {
    links: Links,
    tasks: Tasks,
    idle: Arc<Mutex<Idle>>,
}

/// A connection in use.
pub(crate) struct Lent {
    pool: Pool,
    key: Key,
    pub(crate) sender: SendRequest<ToApp>,
    /// Whether it has served a request before: its app may close it at any moment.
    pub(crate) used: bool,
}

impl Lent {
    /// Lets it wait for the next request.
    pub(crate) fn give_back(self) {
        if self.sender.is_closed() {
            return;
        }
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, waiting| {
            waiting.retain(|(since, sender)| since.elapsed() < IDLE && !sender.is_closed());
            !waiting.is_empty()
        });
        let waiting = idle.entry(self.key).or_default();
        if waiting.len() < WAITING {
            waiting.push((Instant::now(), self.sender));
        }
    }
}

impl Pool {
    pub(crate) fn new(links: Links, tasks: Tasks) -> Self {
        Self {
            links,
            tasks,
            idle: Arc::default(),
        }
    }

    /// A connection to an app: one that waits, or a new one.
    pub(crate) async fn get(&self, workspace: WorkspaceId, app: &str) -> Result<Lent, PoolError> {
        let key = (workspace, app.to_owned());
        while let Some(mut sender) = self.waiting(&key) {
            // It becomes ready as soon as its task has seen the end of the last answer.
            let ready = tokio::time::timeout(Duration::from_millis(50), sender.ready()).await;
            if matches!(ready, Ok(Ok(()))) {
                return Ok(Lent {
                    pool: self.clone(),
                    key,
                    sender,
                    used: true,
                });
            }
        }
        self.fresh(workspace, app).await
    }

    /// A new connection to an app.
    pub(crate) async fn fresh(&self, workspace: WorkspaceId, app: &str) -> Result<Lent, PoolError> {
        let open = self.links.open(workspace, Purpose::App { name: app.to_owned() });
        let stream = tokio::time::timeout(PATIENCE, open)
            .await
            .map_err(|_| PoolError::Slow)??;
        let (sender, connection) = over(stream, HEAD).await?;
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a connection to an app ended early"
                );
            }
        });
        Ok(Lent {
            pool: self.clone(),
            key: (workspace, app.to_owned()),
            sender,
            used: false,
        })
    }

    fn waiting(&self, key: &Key) -> Option<SendRequest<ToApp>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.get_mut(key)?;
        while let Some((since, sender)) = waiting.pop() {
            if since.elapsed() < IDLE && !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }
}
