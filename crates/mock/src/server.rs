//! The server: accepting, state shared by the connections, and what tests ask of it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Defaults, Keep, MockConfig, Prices};
use crate::connection;
use crate::ledger::{Entry, Ledger};
use crate::scenario::{Rules, Scenario};

/// Why a mock does not start.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// A request as it arrived, of whatever route. It may hold a credential, so it has no `Debug`.
#[derive(Clone)]
pub struct Seen {
    /// Number of the request on this server, from 1.
    pub sequence: u64,
    /// Arrival, microseconds since 1970-01-01 UTC.
    pub at_micros: u64,
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, byte for byte.
    pub body: Bytes,
}

impl Seen {
    /// Value of a header, if it was sent and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A running mock provider. Dropped, it stops at once.
pub struct Mock {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The accepting task, which owns the tasks of the connections.
    accepting: JoinSet<()>,
}

impl Mock {
    /// Starts a mock that serves until it is stopped or dropped.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn start(config: MockConfig) -> Result<Self, MockError> {
        let listen = config.listen;
        let failed = |source| MockError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::new(config));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Base URL without a path and without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The ledger as it is now.
    pub fn ledger(&self) -> Ledger {
        self.shared.ledger()
    }

    /// The requests that are remembered, in the order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.shared.seen).requests.iter().cloned().collect()
    }

    /// Replaces all rules, and forgets how often they applied. Answers that have begun go on as they began.
    pub fn set_scenarios(&self, scenarios: Vec<Scenario>) {
        *self.shared.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Rules::new(scenarios));
    }

    /// Waits until no call is in progress, so that the ledger has every call whose request had arrived.
    pub async fn idle(&self) {
        let mut open = self.shared.open.subscribe();
        // The sender lives as long as `self`, so waiting does not fail.
        let _ = open.wait_for(|open| *open == 0).await;
    }

    /// Stops accepting, breaks off all connections, and returns when nothing runs any more.
    pub async fn stop(mut self) {
        self.accepting.shutdown().await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection::serve(Arc::clone(&shared), stream))),
                // Out of file descriptors or memory: wait for connections to end instead of spinning.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// State of a running mock.
pub(crate) struct Shared {
    pub(crate) defaults: Defaults,
    pub(crate) prices: Prices,
    pub(crate) api_key: Option<String>,
    pub(crate) models: Vec<String>,
    keep: Keep,
    rules: RwLock<Arc<Rules>>,
    sequence: AtomicU64,
    calls: AtomicU64,
    ledger: Mutex<Ledger>,
    seen: Mutex<Remembered>,
    /// Calls in progress.
    open: watch::Sender<u64>,
}

#[derive(Default)]
struct Remembered {
    requests: VecDeque<Seen>,
    bytes: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn new(config: MockConfig) -> Self {
        Self {
            defaults: config.defaults,
            prices: config.prices,
            api_key: config.api_key,
            models: config.models,
            keep: config.keep,
            rules: RwLock::new(Arc::new(Rules::new(config.scenarios))),
            sequence: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            ledger: Mutex::default(),
            seen: Mutex::default(),
            open: watch::Sender::new(0),
        }
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Number of the next request, from 1.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Number of the next model call, from 1.
    pub(crate) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let mut ledger = lock(&self.ledger).clone();
        ledger.open = *self.open.borrow();
        ledger
    }

    pub(crate) fn opened(&self) {
        self.open.send_modify(|open| *open += 1);
    }

    pub(crate) fn record(&self, entry: Entry) {
        lock(&self.ledger).record(entry, self.keep.entries);
        self.open.send_modify(|open| *open = open.saturating_sub(1));
    }

    pub(crate) fn remember(&self, seen: Seen) {
        let mut remembered = lock(&self.seen);
        remembered.bytes += seen.body.len();
        remembered.requests.push_back(seen);
        while remembered.requests.len() > self.keep.requests || remembered.bytes > self.keep.request_bytes {
            match remembered.requests.pop_front() {
                Some(oldest) => remembered.bytes -= oldest.body.len(),
                None => break,
            }
        }
    }
}
