//! The folder of templates: each of its directories is a template of that name, applied at start and whenever it changes.
//!
//! The folder is looked at every few seconds. That sees every kind of change, mounted volumes included, which replace links
//! rather than files. A directory that changed is applied once it is the same at two looks, so that half of a copy is not.

mod apply;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use bailey_core::Timestamp;
use bailey_runtime::Clock;
use bailey_store::{ListPage, Store, StoreError, TemplateFilter, TemplateSource};
use bailey_workspaces::template::{Fault, Stamp};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::audit::AuditLog;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The folder of templates, or that there is none. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Folder(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    audit: OnceLock<AuditLog>,
    path: PathBuf,
    /// The directories there were at the last look that succeeded; `None` = none has yet.
    present: RwLock<Option<BTreeSet<String>>>,
    looks: Mutex<Looks>,
}

/// What was seen.
#[derive(Debug, Default)]
struct Looks {
    first_done: bool,
    /// The folder could not be read at the last look.
    unreadable: bool,
    directories: BTreeMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    /// It was applied, or refused, as it is.
    done: bool,
}

/// What came of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderEvent {
    /// A directory is in force as a version of its template.
    Applied {
        /// The template.
        name: String,
        /// The version.
        version: u32,
    },
    /// A directory has faults; the template stays as it was.
    Refused {
        /// The directory.
        name: String,
        /// What is wrong.
        faults: Vec<Fault>,
    },
    /// A directory could not be stored; it is tried again.
    Failed {
        /// The template.
        name: String,
        /// Why.
        error: String,
    },
    /// A directory is gone; the template stays.
    Removed {
        /// The template.
        name: String,
    },
    /// The folder cannot be read; it is tried again.
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: String,
    },
}

impl FolderEvent {
    /// Writes it into the log.
    pub fn log(&self) {
        match self {
            Self::Applied { name, version } => {
                tracing::info!(template = name, version, "applied from the folder of templates");
            }
            Self::Refused { name, faults } => {
                for fault in faults {
                    tracing::error!(template = name, "not applied from the folder of templates: {fault}");
                }
            }
            Self::Failed { name, error } => {
                tracing::error!(
                    template = name,
                    "cannot store a template of the folder, and will try again: {error}"
                );
            }
            Self::Removed { name } => tracing::warn!(
                template = name,
                "is no longer in the folder of templates; it stays until `bailey templates delete {name}`"
            ),
            Self::Unreadable { folder, error } => tracing::error!(
                folder = %folder.display(),
                "cannot read the folder of templates, and will try again: {error}"
            ),
        }
    }
}

impl Folder {
    /// The folder at this path, or none.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self(path.map(|path| {
            Arc::new(Inner {
                path,
                audit: OnceLock::new(),
                present: RwLock::new(None),
                looks: Mutex::default(),
            })
        }))
    }

    /// What is applied is recorded there from now on, before it is.
    pub(crate) fn record_in(&self, audit: &AuditLog) {
        if let Some(inner) = &self.0 {
            // Set once: a server has one log.
            let _ = inner.audit.set(audit.clone());
        }
    }

    /// Whether the folder has this template, so that a change elsewhere would not last. `source` is where the template came
    /// from, if it is there: it decides as long as the folder could not be read.
    pub fn manages(&self, name: &str, source: Option<TemplateSource>) -> bool {
        let Some(inner) = &self.0 else { return false };
        match &*inner.present.read().unwrap_or_else(PoisonError::into_inner) {
            Some(present) => present.contains(name),
            None => source == Some(TemplateSource::Folder),
        }
    }

    /// Looks at the folder until `stop`.
    pub(crate) async fn watch(self, store: Store, clock: Clock, stop: CancellationToken) {
        if self.0.is_none() {
            return;
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let look = self.look(&store, clock.now());
            let events = tokio::select! {
                () = stop.cancelled() => return,
                events = look => events,
            };
            events.iter().for_each(FolderEvent::log);
        }
    }

    /// Applies what changed since the last look; at the first one, everything.
    pub async fn look(&self, store: &Store, now: Timestamp) -> Vec<FolderEvent> {
        let Some(inner) = &self.0 else { return Vec::new() };
        let mut looks = inner.looks.lock().await;
        let mut events = Vec::new();
        let found = match inner.scan().await {
            Ok(found) => found,
            Err(error) => {
                if !looks.unreadable {
                    let (folder, error) = (inner.path.clone(), error.to_string());
                    events.push(FolderEvent::Unreadable { folder, error });
                }
                looks.unreadable = true;
                return events;
            }
        };
        looks.unreadable = false;
        let names = found.keys().cloned().collect();
        events.extend(inner.removed(&names, store).await);
        looks.directories.retain(|name, _| names.contains(name));
        *inner.present.write().unwrap_or_else(PoisonError::into_inner) = Some(names);
        let first = !looks.first_done;
        for (name, stamp) in found {
            let before = looks.directories.get(&name).filter(|seen| seen.stamp == stamp);
            if before.is_some_and(|seen| seen.done) {
                continue;
            }
            // One that changes while it is read has another stamp at the next look.
            let settled = first || before.is_some();
            let event = if settled {
                apply::apply(store, inner.audit.get(), (&name, &inner.path.join(&name)), now).await
            } else {
                None
            };
            let done = settled && !matches!(event, Some(FolderEvent::Failed { .. }));
            looks.directories.insert(name, Seen { stamp, done });
            events.extend(event);
        }
        looks.first_done = true;
        events
    }
}

impl Inner {
    /// The directories there are, and as what they were seen.
    async fn scan(&self) -> io::Result<BTreeMap<String, Stamp>> {
        let folder = self.path.clone();
        let work = move || {
            let names = directories(&folder)?;
            let stamped = names.into_iter().map(|name| {
                let stamp = Stamp::of(&folder.join(&name));
                (name, stamp)
            });
            Ok(stamped.collect())
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }

    /// The templates that were in the folder and are not any more.
    async fn removed(&self, names: &BTreeSet<String>, store: &Store) -> Vec<FolderEvent> {
        let before = self.present.read().unwrap_or_else(PoisonError::into_inner).clone();
        let before = match before {
            Some(before) => before,
            None => match from_folder(store).await {
                Ok(before) => before,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot tell which templates were removed"
                    );
                    return Vec::new();
                }
            },
        };
        let gone = before.difference(names);
        gone.map(|name| FolderEvent::Removed { name: name.clone() }).collect()
    }
}

/// The names of the templates that came from the folder.
async fn from_folder(store: &Store) -> Result<BTreeSet<String>, StoreError> {
    let filter = TemplateFilter {
        name: None,
        source: Some(TemplateSource::Folder),
        usable_by: None,
    };
    let mut names = BTreeSet::new();
    let mut page = ListPage::first(ListPage::<bailey_core::TemplateId>::MOST);
    loop {
        let (templates, next) = store.templates_list(&filter, page).await?;
        names.extend(templates.into_iter().map(|template| template.name));
        match next {
            Some(_) => page.after = next,
            None => return Ok(names),
        }
    }
}

/// The directories of the folder, also those that links lead to. What begins with a dot is somebody else's: `.git`, and what
/// Kubernetes keeps in a volume.
fn directories(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // An entry that cannot be looked at is said to be so when it is read.
        let directory = fs::metadata(entry.path()).map_or(true, |about| about.is_dir());
        if directory && !name.starts_with('.') {
            names.insert(name);
        }
    }
    Ok(names)
}
