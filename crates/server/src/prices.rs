//! The prices in force: the shipped list, under the administrator's own file.
//!
//! The file is read again when it changes and at SIGHUP. A file that is wrong is refused whole, said so in the log, and
//! the prices in force stay; across a restart too, since the last good file is kept in the data directory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bailey_llm::{PriceError, PriceTable};
use bailey_runtime::Clock;
use bailey_runtime::config::Config;
use bailey_store::{Store, StoreError};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::door;

/// The prices in force, to be replaced as a whole.
pub(crate) type Shared = Arc<RwLock<Arc<PriceTable>>>;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// There are no prices to start with.
#[derive(Debug, thiserror::Error)]
pub enum PricesError {
    /// The file cannot be read.
    #[error("cannot read the price file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is wrong.
    #[error("the price file {path} is refused: {}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused {
        /// The file.
        path: PathBuf,
        /// Every mistake.
        errors: Vec<PriceError>,
    },
    /// The version cannot be recorded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn last_good(config: &Config) -> PathBuf {
    config.server.data_dir.join("prices.last-good.toml")
}

/// The prices to start with. A wrong file is stepped over if there is a last good one.
pub(crate) async fn load(config: &Config, store: &Store, clock: &Clock) -> Result<Shared, PricesError> {
    let table = match &config.prices.file {
        None => (
            PriceTable::shipped().as_ref().clone(),
            PriceTable::shipped_text().to_owned(),
        ),
        Some(path) => match read(path, None) {
            Ok(read) => {
                keep(config, &read.1);
                over_shipped(read)
            }
            Err(error) => match read(&last_good(config), None) {
                Ok(read) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the last good price file is used instead"
                    );
                    over_shipped(read)
                }
                Err(_) => return Err(error),
            },
        },
    };
    let table = enforce(config, store, clock, table).await?;
    Ok(Arc::new(RwLock::new(table)))
}

fn read(path: &Path, previous: Option<&PriceTable>) -> Result<(PriceTable, String), PricesError> {
    let text = std::fs::read_to_string(path).map_err(|source| PricesError::Read {
        path: path.to_owned(),
        source,
    })?;
    let refused = |errors| PricesError::Refused {
        path: path.to_owned(),
        errors,
    };
    let table = PriceTable::parse(&text).map_err(refused)?;
    if let Some(previous) = previous {
        table.check_against(previous).map_err(|error| refused(vec![error]))?;
    }
    Ok((table, text))
}

fn over_shipped((table, text): (PriceTable, String)) -> (PriceTable, String) {
    (table.over(&PriceTable::shipped()), text)
}

/// Keeps a good file for the day that it is not.
fn keep(config: &Config, text: &str) {
    if let Err(error) = std::fs::write(last_good(config), text) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "cannot keep a copy of the price file"
        );
    }
}

/// Records the version, since ledger rows name it, and gives models without a price the configured one.
async fn enforce(
    config: &Config,
    store: &Store,
    clock: &Clock,
    (table, text): (PriceTable, String),
) -> Result<Arc<PriceTable>, PricesError> {
    store.price_version_put(table.version(), clock.now(), &text).await?;
    let table = match &config.prices.default {
        Some(price) => table.with_default(door::price(price)),
        None => table,
    };
    tracing::info!(version = table.version(), models = table.len(), "prices are in force");
    Ok(Arc::new(table))
}

/// Reads the file again when it changes, and at SIGHUP, until `stop`.
pub(crate) async fn watch(shared: Shared, config: Config, store: Store, clock: Clock, stop: CancellationToken) {
    let Some(path) = config.prices.file.clone() else { return };
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    let mut seen = changed(&path);
    loop {
        let asked = tokio::select! {
            () = stop.cancelled() => return,
            _ = hangup.recv() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let now = changed(&path);
        if !asked && now == seen {
            continue;
        }
        seen = now;
        let previous = read(&last_good(&config), None).ok();
        let loaded = match read(&path, previous.as_ref().map(|(table, _)| table)) {
            Ok(read) => {
                keep(&config, &read.1);
                enforce(&config, &store, &clock, over_shipped(read)).await
            }
            Err(error) => Err(error),
        };
        match loaded {
            Ok(table) => *shared.write().unwrap_or_else(PoisonError::into_inner) = table,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the prices in force stay as they are"
                );
            }
        }
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}
