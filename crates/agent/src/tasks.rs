//! Tasks of the agent. They end with the process; nothing waits for them one by one.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns tasks that end when the agent stops.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs `task` until it ends by itself or the agent stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        drop(self.tracker.spawn(async move {
            stop.run_until_cancelled(task).await;
        }));
    }

    /// Drops every task where it stands.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}
