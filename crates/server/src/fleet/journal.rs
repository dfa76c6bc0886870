//! The log of a build while it runs: lines are gathered and written together, so that none of them holds the build up.

use std::sync::{Arc, Mutex, PoisonError};

use bailey_core::{BuildId, Timestamp};
use bailey_store::{LOG_OWN, NewLine, Store};

use super::mask;

/// Lines of the server about one build.
pub(super) struct Journal {
    build: BuildId,
    lines: Mutex<Vec<NewLine>>,
}

impl Journal {
    pub(super) fn new(build: BuildId) -> Arc<Self> {
        Arc::new(Self {
            build,
            lines: Mutex::default(),
        })
    }

    /// Adds a line.
    pub(super) fn say(&self, at: Timestamp, text: impl Into<String>) {
        self.say_from(LOG_OWN, at, text);
    }

    /// Adds a line that comes from somewhere else. It may name what no reader of the log is to see.
    pub(super) fn say_from(&self, source: &str, at: Timestamp, text: impl Into<String>) {
        let line = NewLine {
            agent_number: None,
            at,
            source: source.to_owned(),
            text: mask::keys(&text.into()),
        };
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// Writes what was gathered. A log that cannot be written fails no build: the build's end says what matters.
    pub(super) async fn flush(&self, store: &Store) {
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        if lines.is_empty() {
            return;
        }
        if let Err(error) = store.build_log_append(self.build, &lines).await {
            tracing::warn!(build.id = %self.build, error = &error as &dyn std::error::Error, "cannot write a build's log");
        }
    }
}
