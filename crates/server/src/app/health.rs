//! Whether requests should be sent to this server.

use std::time::Duration;

use bailey_api::health::Readiness;
use bailey_core::time::MICROS_PER_SECOND;
use bailey_store::{Backend, StoreError};

use super::App;

/// The longest that the database may take to answer a readiness check.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most seconds that this server's clock may be off the database's: budgets begin anew by the server's.
const SKEW: i64 = 2;

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
}
