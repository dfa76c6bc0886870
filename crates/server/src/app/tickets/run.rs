//! A run, from step to step. Each step can be done again: it looks first at what is there.

use std::fmt;
use std::time::Duration;

use bailey_api::workspaces::WorkspaceCreate;
use bailey_core::authz::Action;
use bailey_core::people::PersonStatus;
use bailey_core::ticket::RunState;
use bailey_core::workspace::WorkspaceStatus;
use bailey_core::{ConnectionId, RequestId, Timestamp};
use bailey_forges::comment::Phase;
use bailey_runtime::failpoint;
use bailey_store::{ConnectionRecord, RunChange, TicketRun};
use futures_util::StreamExt as _;

use super::clone::folder;
use super::{LOOK, TRIES, Trouble, again};
use crate::app::{App, AppError, Caller};
use crate::audit::Causal;
use crate::forges::Job;

/// Runs of one look.
const MOST: u32 = 64;
/// Runs that are taken further at the same time.
const RUNS: usize = 8;
/// How long until a run that waits for its workspace is looked at again. Workspaces start in less than a second.
const SOON: Duration = Duration::from_millis(100);
/// The same for one whose repository is cloned: a server that was killed takes it up then.
const CLONE: Duration = Duration::from_secs(5);
/// The same for one in which somebody works.
pub(super) const REST: Duration = Duration::from_secs(15);
/// Looks at a workspace that runs and whose agent is not connected: five minutes of them.
const AWAY: u32 = 3_000;

/// Where a run goes from here.
pub(super) enum Next {
    /// It is looked at again after so long.
    Wait(Duration),
    /// To another state.
    To(RunState, Option<Why>),
}

impl Next {
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::To(RunState::Failed, Some(why.into().into()))
    }
}

/// Why a run ends or waits.
pub(super) struct Why {
    /// What the ticket is told, which everybody may be able to read.
    told: String,
    /// What is for the run's record alone: paths and addresses of Bailey's machine can be in it.
    detail: Option<String>,
}

impl Why {
    fn with(told: &str, detail: &str) -> Self {
        Self {
            told: told.to_owned(),
            detail: Some(detail.to_owned()).filter(|detail| !detail.is_empty()),
        }
    }
}

impl From<String> for Why {
    fn from(told: String) -> Self {
        Self { told, detail: None }
    }
}

impl From<&str> for Why {
    fn from(told: &str) -> Self {
        told.to_owned().into()
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.told),
            None => f.write_str(&self.told),
        }
    }
}

impl App {
    /// Takes runs of a connection further that are due.
    pub(super) async fn runs_step(&self, connection: ConnectionId) -> Result<(), AppError> {
        let due = self.store().ticket_runs_due(connection, self.now(), MOST).await?;
        let taken = futures_util::stream::iter(due).map(async |run| self.run_step(&run).await);
        let done: Vec<Result<(), AppError>> = taken.buffer_unordered(RUNS).collect().await;
        done.into_iter().collect()
    }

    /// Ends the live runs of a connection that nothing is done for any more, or not for their projects.
    pub(in crate::app) async fn runs_end(&self, record: &ConnectionRecord) -> Result<(), AppError> {
        for run in self.store().ticket_runs_live(record.id).await? {
            let ours = |path: &String| path.eq_ignore_ascii_case(&run.new.key.path);
            let cause = match record.settings.projects.iter().any(ours) {
                _ if !record.enabled => "the connection was turned off",
                false => "the project was taken out of the connection",
                true => continue,
            };
            self.ticket_end(&run, cause).await?;
        }
        self.forges().wake();
        Ok(())
    }

    /// Ends what the live runs of a connection have under way, which is about to be deleted with their records.
    pub(in crate::app) async fn runs_abandon(&self, record: &ConnectionRecord) -> Result<(), AppError> {
        for run in self.store().ticket_runs_live(record.id).await? {
            if let Some(chat) = run.new.chat {
                self.stop_chat(chat).await?;
            }
            if let Some(workspace) = self.store().workspace_get(run.new.workspace).await?
                && workspace.status() == WorkspaceStatus::Running
            {
                let reason = format!("the connection of ticket {} was deleted", run.new.key.ticket);
                self.fleet().stop_for(&workspace, reason).await?;
            }
        }
        Ok(())
    }

    /// Ends chats that go on although their runs are over.
    pub(super) async fn chats_left_end(&self) -> Result<(), AppError> {
        for chat in self.store().ticket_chats_left().await? {
            self.stop_chat(chat).await?;
        }
        Ok(())
    }

    async fn run_step(&self, run: &TicketRun) -> Result<(), AppError> {
        let next = match run.state {
            RunState::Starting => self.start_workspace(run).await,
            RunState::Building => self.await_workspace(run).await,
            RunState::Cloning => self.clone_or_wait(run).await,
            RunState::Ready => self.look_after(run).await,
            RunState::Stopping => self.stop_workspace(run).await,
            RunState::Done | RunState::Failed | RunState::Stopped => return Ok(()),
        };
        match next {
            Ok(Next::Wait(wait)) => {
                self.store().ticket_run_later(run, after(self.now(), wait)).await?;
                self.wake_after(wait);
                Ok(())
            }
            Ok(Next::To(state, cause)) => self.run_to(run, state, cause).await.map(drop),
            // Looks at what is under way count as tries, and are never too many.
            Err(error) if matches!(run.state, RunState::Building | RunState::Ready) => {
                tracing::warn!(run.id = %run.new.id, error = &error as &dyn std::error::Error, "a run cannot be looked after");
                Ok(self.store().ticket_run_later(run, after(self.now(), REST)).await?)
            }
            Err(error) if run.tries + 1 < TRIES || run.state == RunState::Stopping => {
                tracing::warn!(run.id = %run.new.id, error = &error as &dyn std::error::Error, "a step of a run is tried again");
                let due = again(self.now(), run.tries, &error);
                Ok(self.store().ticket_run_later(run, due).await?)
            }
            Err(error) => {
                let why = format!("given up after {TRIES} tries: {error}");
                self.run_to(run, RunState::Failed, Some(why.into())).await.map(drop)
            }
        }
    }

    /// Stores a run's next state, and with it what its ticket is told. `false`, and nothing changes, if it has gone on meanwhile: it is
    /// where it is to be.
    pub(super) async fn run_to(&self, run: &TicketRun, to: RunState, why: Option<Why>) -> Result<bool, AppError> {
        let now = self.now();
        let wait = match to {
            RunState::Building => Some(SOON),
            RunState::Ready if run.new.chat.is_some() => Some(SOON),
            RunState::Ready => Some(REST),
            RunState::Starting | RunState::Cloning | RunState::Stopping => Some(Duration::ZERO),
            RunState::Done | RunState::Failed | RunState::Stopped => None,
        };
        let told = why.as_ref().map(|why| why.told.clone());
        let phase = match (to, told.clone().unwrap_or_default()) {
            (RunState::Ready, _) => Some(Phase::Working { note: told }),
            (RunState::Failed, why) => Some(Phase::Failed { why }),
            (RunState::Stopped, why) => Some(Phase::Stopped { why }),
            (RunState::Done, _) => Some(Phase::Done),
            (RunState::Starting | RunState::Building | RunState::Cloning | RunState::Stopping, _) => None,
        };
        let status = match phase {
            Some(phase) => Some(self.status_of(run, phase).await?),
            None => None,
        };
        let cause = why.filter(|_| to != RunState::Ready).map(|why| why.to_string());
        let change = RunChange {
            to,
            cause: cause.as_deref(),
            due_at: wait.map(|wait| after(now, wait)),
            status: status.as_deref(),
        };
        let changed = self.store().ticket_run_change(run, change, now).await?;
        if let (true, RunState::Failed, Some(chat)) = (changed, to, run.new.chat) {
            self.stop_chat(chat).await?;
        }
        if let Some(wait) = wait {
            self.wake_after(wait);
        }
        Ok(changed)
    }

    /// Wakes the worker when a run is due that waits less than the worker sleeps.
    fn wake_after(&self, wait: Duration) {
        if wait > LOOK {
            return;
        }
        let (forges, stopping) = (self.forges().clone(), self.gate().tasks().stopping().clone());
        self.gate().tasks().spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(wait) => forges.wake(),
                () = stopping.cancelled() => {}
            }
        });
    }

    /// Makes the workspace, as its person would: by their role, their quota and the templates that they may use.
    async fn start_workspace(&self, run: &TicketRun) -> Result<Next, Trouble> {
        if self.store().workspace_get(run.new.workspace).await?.is_some() {
            return Ok(Next::To(RunState::Building, None));
        }
        let record = self.store().connection_get(run.new.key.connection).await?;
        let Some(record) = record.filter(|record| record.enabled) else {
            return Ok(Next::failed("the connection was turned off"));
        };
        let Some(template) = record.settings.template else {
            return Ok(Next::failed("the connection names no template"));
        };
        let name = &run.new.assignee_name;
        let Some(caller) = self.caller_of(run, Action::WorkspaceCreate).await? else {
            return Ok(Next::failed(format!("{name} may not make workspaces")));
        };
        let ask = WorkspaceCreate {
            template,
            name: Some(run.new.workspace_name.clone()),
            version: None,
            preset: None,
            parameters: record.settings.parameters,
        };
        let made = self.workspace_create_as(&caller, run.new.workspace, ask).await;
        caller.trail.conclude(made.as_ref().err()).await;
        match made {
            Ok(_) => {
                failpoint::hit("ticket.workspace");
                Ok(Next::To(RunState::Building, None))
            }
            Err(error) => refusal(error),
        }
    }

    /// Waits until the workspace runs and its agent is there.
    async fn await_workspace(&self, run: &TicketRun) -> Result<Next, Trouble> {
        let id = run.new.workspace;
        let Some(workspace) = self.store().workspace_get(id).await? else {
            return Ok(Next::failed("its workspace is not there"));
        };
        Ok(match workspace.status() {
            WorkspaceStatus::Running if self.fleet().links().is_connected(id) => Next::To(RunState::Cloning, None),
            WorkspaceStatus::Running if run.tries > AWAY => Next::failed("its workspace does not answer"),
            WorkspaceStatus::Pending | WorkspaceStatus::Starting | WorkspaceStatus::Running => Next::Wait(SOON),
            WorkspaceStatus::Failed => {
                let build = self.store().build_get(id, workspace.build).await?;
                let why = build.and_then(|build| build.error).unwrap_or_default();
                Next::To(RunState::Failed, Some(Why::with("its workspace did not start", &why)))
            }
            WorkspaceStatus::Stopping
            | WorkspaceStatus::Stopped
            | WorkspaceStatus::Deleting
            | WorkspaceStatus::Deleted => {
                let why = "its workspace was stopped before it was ready".to_owned();
                Next::To(RunState::Stopped, Some(why.into()))
            }
        })
    }

    /// Clones in a task of its own: it may take minutes, and others are not to wait for it.
    async fn clone_or_wait(&self, run: &TicketRun) -> Result<Next, Trouble> {
        if let Some(chat) = run.new.chat
            && self.store().chat_get(chat).await?.is_some()
        {
            // It was begun, and the server killed before that was noted.
            return Ok(Next::To(RunState::Ready, Some("the agent begins".into())));
        }
        if let Some(turn) = self.forges().begin(Job::Clone(run.new.id)) {
            let (app, run) = (self.clone(), run.clone());
            self.gate().tasks().spawn(async move {
                let done = app.cloned(&run).await;
                if let Err(error) = done {
                    tracing::error!(run.id = %run.new.id, error = &error as &dyn std::error::Error, "what came of a clone cannot be stored");
                }
                drop(turn);
            });
        }
        Ok(Next::Wait(CLONE))
    }

    async fn cloned(&self, run: &TicketRun) -> Result<(), AppError> {
        let done = match self.clone_into(run).await {
            Ok(Ok(())) => self.begun(run).await,
            Ok(Err(why)) => Ok(Err(format!("the repository cannot be cloned: {why}"))),
            Err(error) => Err(error),
        };
        let (state, why) = match done {
            Ok(Ok(said)) => (RunState::Ready, said),
            Ok(Err(why)) => (RunState::Failed, why),
            Err(error) if run.tries + 1 < TRIES => {
                tracing::warn!(run.id = %run.new.id, error = &error as &dyn std::error::Error, "cloning is tried again");
                return Ok(());
            }
            Err(error) => (
                RunState::Failed,
                format!("the repository cannot be cloned, or the agent begun: {error}"),
            ),
        };
        let changed = self.run_to(run, state, Some(why.into())).await?;
        match run.new.chat {
            // The run was stopped meanwhile, when there was no chat to stop.
            Some(chat) if !changed => self.stop_chat(chat).await,
            _ => Ok(()),
        }
    }

    /// Begins the chat of a run whose repository is there, if it is to have one; says what the ticket is told. The inner error is why no
    /// agent works.
    async fn begun(&self, run: &TicketRun) -> Result<Result<String, String>, Trouble> {
        let Some(chat) = run.new.chat else {
            return Ok(Ok(format!(
                "the workspace {} is ready; the repository is in the folder {}, on the branch {}",
                run.new.workspace_name,
                folder(&run.new.key.path),
                run.new.branch
            )));
        };
        failpoint::hit("ticket.cloned");
        let begun = self.start_chat(run, chat).await?;
        failpoint::hit("ticket.chat");
        Ok(begun.map(|()| "the agent begins".to_owned()))
    }

    /// Looks whether the workspace is still there.
    async fn look_after(&self, run: &TicketRun) -> Result<Next, Trouble> {
        let workspace = self.store().workspace_get(run.new.workspace).await?;
        let gone = workspace.is_none_or(|workspace| workspace.deleted_at.is_some());
        match run.new.chat {
            _ if gone => Ok(Next::To(RunState::Stopped, Some("its workspace was deleted".into()))),
            Some(chat) => self.look_after_chat(run, chat).await,
            None => Ok(Next::Wait(REST)),
        }
    }

    /// Stops the workspace; its home stays.
    async fn stop_workspace(&self, run: &TicketRun) -> Result<Next, Trouble> {
        if let Some(chat) = run.new.chat {
            self.stop_chat(chat).await?;
        }
        let cause = run.cause.clone().unwrap_or_default();
        let over = || Next::To(RunState::Stopped, Some(cause.clone().into()));
        let Some(workspace) = self.store().workspace_get(run.new.workspace).await? else {
            return Ok(over());
        };
        Ok(match workspace.status() {
            WorkspaceStatus::Running => {
                let reason = format!("stopped because of ticket {}: {cause}", run.new.key.ticket);
                self.fleet().stop_for(&workspace, reason).await?;
                Next::Wait(SOON)
            }
            // It cannot be stopped before its build has ended.
            WorkspaceStatus::Pending | WorkspaceStatus::Starting => Next::Wait(SOON),
            WorkspaceStatus::Stopping
            | WorkspaceStatus::Stopped
            | WorkspaceStatus::Failed
            | WorkspaceStatus::Deleting
            | WorkspaceStatus::Deleted => over(),
        })
    }

    /// A run's person as a caller, whose doings are recorded as caused by the run; `None` = they may not do `action`.
    pub(super) async fn caller_of(&self, run: &TicketRun, action: Action) -> Result<Option<Caller>, AppError> {
        let actor = self.actor_of(run.new.person).await?;
        let Some(actor) = actor.filter(|actor| actor.person.status == PersonStatus::Active) else {
            return Ok(None);
        };
        let Ok(mut caller) = Caller::authorize(actor, action) else {
            return Ok(None);
        };
        let causal = Causal(RequestId::from_uuid(run.new.id.uuid()));
        let here = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        caller.trail = self.audit().trail(here, Some(causal));
        Ok(Some(caller))
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.micros().saturating_add(micros))
}

/// What cannot be done for this person or connection ends the run; everything else is tried again: a conflict is another's who makes it
/// at the same time.
fn refusal(error: AppError) -> Result<Next, Trouble> {
    match error {
        AppError::Invalid(errors) | AppError::Quota(errors) | AppError::Beyond(errors) => {
            let errors: Vec<String> = errors.into_iter().map(|error| error.detail).collect();
            Ok(Next::failed(format!(
                "its workspace cannot be made: {}",
                errors.join("; ")
            )))
        }
        AppError::Denied(_) | AppError::NotFound => Ok(Next::failed(format!("its workspace cannot be made: {error}"))),
        error => Err(error.into()),
    }
}
