//! Ending what suspended people have open: at once here, within a second or two at every other server, and at the next start
//! where a server did not live to do it.

use std::time::Duration;

use bailey_core::PersonId;
use bailey_core::people::PersonStatus;
use bailey_store::{Opened, StoreError, Suspension};
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError};

/// How long what is open may take to end before that is looked at again.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often it is looked at again.
const TRIES: u32 = 15;
/// How often it is asked whether somebody's access was taken away.
const PERIOD: Duration = Duration::from_secs(1);

impl App {
    /// Finishes what a server that was killed has begun: what was open there has ended with it.
    ///
    /// # Errors
    /// Where the store cannot be read or written.
    pub async fn take_up_suspensions(&self) -> Result<(), StoreError> {
        for suspension in self.store().suspensions_unfinished().await? {
            let key = (suspension.person, suspension.at);
            let now = Some(self.now());
            self.store().suspension_ended(key, suspension.opened, now).await?;
        }
        Ok(())
    }

    /// Ends everything that a suspension ends, and writes down what has ended.
    pub(super) async fn end_all(&self, suspension: &Suspension) {
        let mut ended = Opened::default();
        for attempt in 1..=TRIES {
            let (more, all) = self.end_open(suspension.person).await;
            ended = sum(ended, more);
            let finished_at = all.then(|| self.now());
            let key = (suspension.person, suspension.at);
            let noted = self.store().suspension_ended(key, ended, finished_at).await;
            match noted {
                Ok(()) if all => return,
                Ok(()) => {
                    tracing::warn!(person.id = %suspension.person, attempt, "not all that a suspended person had open has ended yet");
                }
                Err(error) => {
                    tracing::error!(person.id = %suspension.person, attempt, error = &error as &dyn std::error::Error, "what a suspension ended cannot be noted");
                    tokio::time::sleep(PERIOD).await;
                }
            }
        }
    }

    /// Ends what a person has open here; answers with what has ended, and whether that is all.
    async fn end_open(&self, person: PersonId) -> (Opened, bool) {
        if let Err(error) = self.chats_of_suspended(person).await {
            // Their worker finds out by itself with its next sign of life.
            tracing::warn!(person.id = %person, error = &error as &dyn std::error::Error, "cannot look at the chats of a suspended person");
        }
        let (calls, streams, stopping) = tokio::join!(
            self.gate().end_person(person, PATIENCE),
            self.streams().end_of(person, PATIENCE),
            self.fleet().person_suspended(person),
        );
        if let Err(error) = stopping {
            // The watch of workspaces takes it up.
            tracing::error!(person.id = %person, error = &error as &dyn std::error::Error, "cannot begin to stop the workspaces of a suspended person");
        }
        let opened = Opened {
            streams: calls.0,
            ..streams.0
        };
        (opened, calls.1 && streams.1)
    }

    /// Watches until the server ends: whatever was taken from anybody, by whichever server, ends here, too.
    pub async fn watch_access(self, stop: CancellationToken) {
        let mut seen = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
            match self.store().access_changes().await {
                Ok(changes) if seen == Some(changes) => {}
                Ok(changes) => match self.access_changed().await {
                    Ok(()) => seen = Some(changes),
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "cannot look at whose access was taken away"
                        );
                    }
                },
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "cannot ask whether access was taken away"
                    );
                }
            }
        }
    }

    async fn access_changed(&self) -> Result<(), AppError> {
        self.gate().forget_all().await?;
        for person in self.streams().people() {
            let found = self.store().person_get(person).await?;
            if found.is_none_or(|person| person.status != PersonStatus::Active) {
                self.streams().end_of(person, Duration::ZERO).await;
            }
        }
        Ok(())
    }
}

const fn sum(a: Opened, b: Opened) -> Opened {
    Opened {
        streams: a.streams + b.streams,
        terminals: a.terminals + b.terminals,
        commands: a.commands + b.commands,
        files: a.files + b.files,
        apps: a.apps + b.apps,
        logs: a.logs + b.logs,
    }
}
