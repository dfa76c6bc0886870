//! What templates install: built once on this machine, whoever needs it first.
//!
//! A [`Flight`] is one build of one layer or root. Workspaces and people that want the same thing share it, and follow its log.
//! Flights end with the server; what they made is whole or absent, so nothing has to be remembered of them.

mod ahead;
mod flight;
mod needs;
mod parts;
mod prepare;
mod prune;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailey_core::TemplateVersionId;
use bailey_core::template::Parts as TemplateParts;
use bailey_runtime::config::{Config, TemplatesConfig, env};
use bailey_runtime::{Clock, Tasks};
use bailey_store::Store;
use bailey_workspaces::template::{LayerError, LayerJob, LayerOptions, LayerStore, Piece};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::mask::Values;
pub(crate) use flight::{Flight, LogLine, Progress};
use needs::Needs;
pub(crate) use needs::NeedsError;
pub(crate) use parts::PartsUnread;
pub(super) use prepare::Unprepared;

/// Flights that are over and whose logs are kept, the newest.
const KEPT: usize = 50;

/// Archives that are unpacked at the same time.
const UNPACKING: usize = 2;

/// What templates install.
pub(crate) struct Layers {
    pieces: LayerStore,
    store: Store,
    clock: Clock,
    tasks: Tasks,
    closing: CancellationToken,
    settings: TemplatesConfig,
    /// The server's variables that install scripts may see.
    environment: BTreeMap<String, String>,
    /// What of these no log shows.
    secrets: Values,
    places: Semaphore,
    /// By the digest of what is built: the last flight of each, the oldest first to be forgotten.
    flights: Mutex<HashMap<String, Arc<Flight>>>,
    known: Mutex<HashMap<TemplateVersionId, Needs>>,
    /// The parts that were asked for last, the newest last.
    parts: Mutex<Vec<(TemplateVersionId, Arc<TemplateParts>)>>,
    /// Archives that are unpacked at the same time, each of which may come to much more than its own size.
    unpacking: Semaphore,
}

/// How far what a version installs is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LayerStatus {
    /// It installs nothing.
    Nothing,
    /// It is not there, and nobody builds it.
    Missing,
    /// It is being built, or waits for its turn.
    Building,
    /// It is there.
    Ready,
    /// It is not there, and the last try failed for this reason.
    Failed(String),
}

/// What [`Layers::new`] needs beside the configuration.
pub(super) struct LayersParts {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    pub(super) closing: CancellationToken,
    /// The program `bailey-agent`.
    pub(super) agent: PathBuf,
}

impl Layers {
    pub(super) fn new(config: &Config, parts: LayersParts) -> Arc<Self> {
        let settings = config.templates.clone();
        let pieces = LayerStore::new(LayerOptions {
            agent: parts.agent,
            data_dir: config.server.data_dir.clone(),
            // Workspaces have the ids from `first_id` on.
            host_id: config.workspaces.first_id.saturating_sub(1),
            certificates: config.workspaces.certificates.clone(),
            timeout: settings.build_timeout,
            keep_free: settings.keep_free,
        });
        let may_see = |(name, _): &(String, String)| settings.install_environment.contains(name);
        let environment: BTreeMap<_, _> = env::read().filter(may_see).collect();
        Arc::new(Self {
            pieces,
            store: parts.store,
            clock: parts.clock,
            tasks: parts.tasks,
            closing: parts.closing,
            secrets: Values::of_variables(&environment),
            environment,
            places: Semaphore::new(settings.parallel_builds),
            settings,
            flights: Mutex::default(),
            known: Mutex::default(),
            parts: Mutex::default(),
            unpacking: Semaphore::new(UNPACKING),
        })
    }

    /// Whoever unpacks an archive takes a place here.
    pub(crate) fn unpacking(&self) -> &Semaphore {
        &self.unpacking
    }

    /// Where a piece lies, if it is there; it is not taken away while somebody makes use of that.
    pub(super) fn held(&self, piece: &Piece) -> Option<PathBuf> {
        match self.pieces.hold(piece) {
            Ok(true) => Some(self.pieces.path(piece)),
            Ok(false) => None,
            Err(error) => {
                tracing::warn!(digest = piece.digest(), %error, "cannot look at what a template installed");
                None
            }
        }
    }

    /// How far what a version installs is.
    pub(crate) async fn status(&self, version: TemplateVersionId) -> Result<LayerStatus, NeedsError> {
        let needs = self.needs(version).await?;
        let Some(key) = needs.key() else {
            return Ok(LayerStatus::Nothing);
        };
        let last = self.flights().get(key).map(|flight| flight.progress());
        Ok(match last {
            Some(Progress::Waiting | Progress::Building) => LayerStatus::Building,
            _ if needs.pieces().iter().all(|piece| self.pieces.is_there(piece)) => LayerStatus::Ready,
            Some(Progress::Failed(cause)) => LayerStatus::Failed(cause),
            _ => LayerStatus::Missing,
        })
    }

    /// The last build of what a version installs, if this server remembers one.
    pub(crate) async fn last(&self, version: TemplateVersionId) -> Result<Option<Arc<Flight>>, NeedsError> {
        let needs = self.needs(version).await?;
        Ok(needs.key().and_then(|key| self.flights().get(key).cloned()))
    }

    /// Builds what a version installs, in the background, unless somebody does already. `None` = it installs nothing.
    pub(crate) async fn build(self: &Arc<Self>, version: TemplateVersionId) -> Result<Option<Arc<Flight>>, NeedsError> {
        let needs = self.needs(version).await?;
        let Some(key) = needs.key() else { return Ok(None) };
        let flight = {
            let mut flights = self.flights();
            if let Some(flight) = flights.get(key).filter(|flight| !flight.progress().is_over()) {
                return Ok(Some(Arc::clone(flight)));
            }
            forget(&mut flights);
            let flight = Flight::new(self.clock.now());
            flights.insert(key.to_owned(), Arc::clone(&flight));
            flight
        };
        let (layers, under_way) = (Arc::clone(self), Arc::clone(&flight));
        self.tasks.spawn(async move { layers.fly(version, &under_way).await });
        Ok(Some(flight))
    }

    async fn fly(&self, version: TemplateVersionId, flight: &Flight) {
        let began = self.clock.now();
        let built = self.build_now(version, flight).await;
        let now = self.clock.now();
        let seconds = now.micros().saturating_sub(began.micros()) / 1_000_000;
        match built {
            Ok(()) => {
                tracing::info!(version = %version, seconds, "what a template installs is there");
                flight.say(now, format!("done after {seconds} s"));
                flight.end(Progress::Ready);
            }
            Err(Ended::Closing) => flight.end(Progress::Stopped),
            Err(Ended::Failed(cause)) => {
                let said = flight.last_words();
                let cause = if said.is_empty() {
                    cause
                } else {
                    format!("{cause}; the last that was said:\n{said}")
                };
                tracing::warn!(version = %version, seconds, error = cause, "what a template installs could not be built");
                flight.say(now, format!("failed after {seconds} s: {cause}"));
                flight.end(Progress::Failed(cause));
            }
        }
    }

    async fn build_now(&self, version: TemplateVersionId, flight: &Flight) -> Result<(), Ended> {
        let _place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(_) => {
                flight.say(self.clock.now(), "waiting until another template is built".to_owned());
                tokio::select! {
                    () = self.closing.cancelled() => return Err(Ended::Closing),
                    place = self.places.acquire() => place.map_err(|_| Ended::Closing)?,
                }
            }
        };
        flight.begin();
        let job = self.job(version).await.map_err(|error| Ended::Failed(causes(&error)))?;
        let Some(job) = job else { return Ok(()) };
        let say = |line: String| flight.script(self.clock.now(), self.secrets.mask(&line));
        match self.pieces.build(&job, say, &self.closing).await {
            Ok(()) => Ok(()),
            Err(_) if self.closing.is_cancelled() => Err(Ended::Closing),
            Err(error @ LayerError::Script(_)) => Err(Ended::Failed(self.secrets.mask(&error.to_string()))),
            Err(error) => Err(Ended::Failed(self.secrets.mask(&causes(&error)))),
        }
    }

    async fn job(&self, version: TemplateVersionId) -> Result<Option<LayerJob>, NeedsError> {
        let environment = self.environment.clone();
        let job = self.unpacked(version, move |template, package| {
            LayerJob::new(template, package, &environment)
        });
        Ok(job.await?.flatten())
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<String, Arc<Flight>>> {
        // Nothing that can panic happens under the lock.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a build ended that did not end well.
enum Ended {
    Closing,
    Failed(String),
}

/// Makes room for one more flight.
fn forget(flights: &mut HashMap<String, Arc<Flight>>) {
    while flights.len() >= KEPT {
        let over = flights.iter().filter(|(_, flight)| flight.progress().is_over());
        let oldest = over
            .min_by_key(|(_, flight)| flight.created_at)
            .map(|(key, _)| key.clone());
        let Some(oldest) = oldest else { return };
        flights.remove(&oldest);
    }
}

/// An error with everything that led to it.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        // Some errors say themselves what caused them.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
