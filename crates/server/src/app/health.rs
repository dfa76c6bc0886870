//! Whether requests should be sent to this server.

use std::time::Duration;

use bailey_api::health::{AgentHealth, DatabaseHealth, Health, QueueHealth, QueuedBuild, Readiness};
use bailey_api::{Named, Time};
use bailey_core::authz::{Action, Extent};
use bailey_core::time::MICROS_PER_SECOND;
use bailey_core::workspace::BuildState;
use bailey_store::{Backend, StoreError};

use super::{App, AppError, Caller};

/// The longest that the database may take to answer a readiness check.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most seconds that this server's clock may be off the database's: budgets begin anew by the server's.
const SKEW: i64 = 2;
/// The most workspaces and builds that are named.
const NAMED: usize = 50;

impl App {
    /// Whether requests can be admitted and recorded; if not, everything that stands against it.
    pub async fn readiness(&self) -> Readiness {
        let mut problems = self.gate().ready().err().unwrap_or_default();
        if self.draining() {
            problems.push("the server is shutting down".to_owned());
        }
        match tokio::time::timeout(PATIENCE, self.store().write_check()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => problems.push(format!("cannot write to the database: {error}")),
            Err(_) => problems.push(format!(
                "a write to the database took longer than {} s",
                PATIENCE.as_secs()
            )),
        }
        match tokio::time::timeout(PATIENCE, self.audit().check()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => problems.push(format!("cannot write to the audit log: {error}")),
            Err(_) => problems.push(format!(
                "a write to the audit log took longer than {} s",
                PATIENCE.as_secs()
            )),
        }
        match tokio::time::timeout(PATIENCE, self.skew()).await {
            Ok(Ok(skew)) if skew.abs() <= SKEW * MICROS_PER_SECOND => {}
            Ok(Ok(skew)) => {
                let seconds = skew / MICROS_PER_SECOND;
                problems.push(format!(
                    "the clocks of the server and its database are {seconds} s apart"
                ));
            }
            Ok(Err(error)) => problems.push(format!("cannot read from the database: {error}")),
            Err(_) => problems.push(format!(
                "a read from the database took longer than {} s",
                PATIENCE.as_secs()
            )),
        }
        problems.sort_unstable();
        problems.dedup();
        Readiness {
            ready: problems.is_empty(),
            problems,
        }
    }

    /// Microseconds by which the database's clock is ahead of this server's. SQLite's is this machine's own.
    async fn skew(&self) -> Result<i64, StoreError> {
        if self.store().backend() == Backend::Sqlite {
            return Ok(0);
        }
        let theirs = self.store().ping().await?;
        Ok(theirs.micros().saturating_sub(self.now().micros()))
    }

    /// The server and what it leans on. Workspaces are named to those who see all of them.
    pub async fn health(&self, caller: &Caller) -> Result<Health, AppError> {
        let Readiness { ready, problems } = self.readiness().await;
        let names = caller.actor.may(Action::WorkspaceRead) == Ok(Extent::All);
        Ok(Health {
            ready,
            problems,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            database: self.database_health().await,
            agents: self.agent_health(names).await?,
            queue: self.queue_health(names).await?,
        })
    }

    async fn database_health(&self) -> DatabaseHealth {
        let kind = match self.store().backend() {
            Backend::Sqlite => "sqlite",
            Backend::Postgres => "postgres",
        };
        DatabaseHealth {
            kind: kind.to_owned(),
            read_us: took(self.store().ping()).await,
            write_us: took(self.store().write_check()).await,
        }
    }

    async fn agent_health(&self, names: bool) -> Result<AgentHealth, AppError> {
        let up = self.store().workspaces_up().await?;
        let links = self.fleet().links();
        let lost: Vec<_> = up.iter().filter(|w| !links.is_connected(w.id)).collect();
        Ok(AgentHealth {
            running: up.len() as u64,
            connected: (up.len() - lost.len()) as u64,
            lost: lost
                .iter()
                .take(if names { NAMED } else { 0 })
                .map(|w| Named {
                    id: w.id.to_string(),
                    name: w.name.clone(),
                })
                .collect(),
        })
    }

    async fn queue_health(&self, names: bool) -> Result<QueueHealth, AppError> {
        let unfinished = self.store().builds_unfinished().await?;
        let queued = unfinished.iter().filter(|b| b.state == BuildState::Queued).count();
        let running = unfinished.len() - queued;
        let mut builds = Vec::new();
        for build in unfinished.into_iter().take(if names { NAMED } else { 0 }) {
            let workspace = self.store().workspace_get(build.workspace).await?;
            builds.push(QueuedBuild {
                workspace: Named {
                    id: build.workspace.to_string(),
                    name: workspace.ok_or(AppError::NotFound)?.name,
                },
                number: build.number,
                transition: build.transition,
                state: build.state,
                created_at: Time(build.created_at),
            });
        }
        Ok(QueueHealth {
            queued: queued as u64,
            running: running as u64,
            builds,
        })
    }
}

/// How long something took in microseconds, if it was done in time.
async fn took<T>(work: impl Future<Output = Result<T, StoreError>>) -> Option<u64> {
    let began = std::time::Instant::now();
    tokio::time::timeout(PATIENCE, work).await.ok()?.ok()?;
    u64::try_from(began.elapsed().as_micros()).ok()
}
