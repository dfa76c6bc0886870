//! Tickets of forges: what is told of them comes in ([`hook`]) or is found by a poll ([`poll`]), is decided upon with the facts of the
//! moment ([`facts`], [`work`]), and becomes a run that is taken from step to step ([`run`]). Everything is stored before it is done.

mod agent;
mod clone;
mod facts;
mod hook;
mod poll;
mod propose;
mod run;
mod status;
mod work;

use std::time::Duration;

use bailey_core::{ConnectionId, Timestamp};
use bailey_forges::ForgeError;
use bailey_store::{Due, StoreError};
use tokio_util::sync::CancellationToken;

use super::{App, AppError};
use crate::audit::AuditError;
use crate::forges::Job;

/// What acts for connections, as the audit log names it.
const ACTOR: &str = "forge connection";
/// How long it is waited where nothing wakes the worker: runs are looked at again by their time.
const LOOK: Duration = Duration::from_secs(1);
/// How often forges are asked what has changed.
const POLL: Duration = Duration::from_mins(1);
/// How long ended deliveries are kept, in seconds. A forge repeats them for some hours.
const KEPT: i64 = 14 * 86_400;
/// How often something is tried.
const TRIES: u32 = 5;

/// Something cannot be done now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The forge.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// Bailey.
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

impl From<AuditError> for Trouble {
    fn from(error: AuditError) -> Self {
        Self::App(error.into())
    }
}

/// When something that failed for the `tries`-th time (from 0) is tried again: after 5 seconds, then 25, and so on.
fn again(now: Timestamp, tries: u32, error: &Trouble) -> Timestamp {
    let asked = match error {
        Trouble::Forge(error) => error.retry_after().map_or(0, |wait| wait.as_secs()),
        Trouble::App(_) => 0,
    };
    let seconds = 5_i64.saturating_pow(tries.saturating_add(1)).min(3_600);
    now.plus_seconds(seconds.max(i64::try_from(asked).unwrap_or(seconds)))
}

/// A failure of the store is for the log: what was begun is taken up again.
fn said(done: Result<(), AppError>) {
    if let Err(error) = done {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "tickets cannot be looked after"
        );
    }
}

impl App {
    /// Works on deliveries, runs and status comments, until `stop`. Each connection has turns of its own, so that a forge which does not
    /// answer holds up nobody else, and of one connection a comment that cannot be written holds up no run.
    pub async fn work_on_tickets(self, stop: CancellationToken) {
        loop {
            match self.store().connections_due(self.now()).await {
                Ok(due) => {
                    for turn in due {
                        self.turn_begin(turn, &stop);
                    }
                }
                Err(error) => said(Err(error.into())),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.forges().woken() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Begins a turn, unless it is under way. It is a task: a turn that has a connection to the database must go on while the next look
    /// waits for one.
    fn turn_begin(&self, (connection, due): (ConnectionId, Due), stop: &CancellationToken) {
        let Some(turn) = self.forges().begin(Job::Turn(connection, due)) else {
            return;
        };
        let (app, stop) = (self.clone(), stop.clone());
        self.gate().tasks().spawn(async move {
            tokio::select! {
                () = app.turn(connection, due) => {}
                () = stop.cancelled() => {}
            }
            drop(turn);
        });
    }

    /// What is due, and a pause where what came of it cannot be stored: it would be due again at once.
    async fn turn(&self, connection: ConnectionId, due: Due) {
        if let Err(error) = self.due_step(connection, due).await {
            said(Err(error));
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn due_step(&self, connection: ConnectionId, due: Due) -> Result<(), AppError> {
        match due {
            Due::Deliveries => self.deliveries_step(connection).await,
            Due::Runs => self.runs_step(connection).await,
            Due::Statuses => self.statuses_step(connection).await,
        }
    }

    /// Asks forges what has changed, until `stop`: at once, too, since what was told while no server ran was told to nobody.
    pub(crate) async fn poll_tickets(self, stop: CancellationToken) {
        loop {
            let done = async {
                self.chats_left_end().await?;
                self.tickets_poll().await?;
                let before = self.now().plus_seconds(-KEPT);
                self.store().deliveries_forget(before).await?;
                Ok::<(), AppError>(())
            };
            tokio::select! {
                done = done => said(done),
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Works on what is due now: deliveries, then runs, then status comments. Says whether there was anything.
    ///
    /// # Errors
    /// Where the store fails; what was begun is taken up the next time.
    pub async fn tickets_step(&self) -> Result<bool, AppError> {
        let mut any = false;
        for kind in [Due::Deliveries, Due::Runs, Due::Statuses] {
            for (connection, due) in self.store().connections_due(self.now()).await? {
                if due == kind {
                    any = true;
                    self.due_step(connection, due).await?;
                }
            }
        }
        Ok(any)
    }
}
