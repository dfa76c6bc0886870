//! Seeing to it that what a workspace is made of is there before it is started.

use std::time::Duration;

use bailey_core::workspace::Build;
use bailey_store::StoreError;
use bailey_workspaces::template::Piece;

use super::super::Inner;
use super::super::journal::Journal;
use super::{Progress, causes};

/// The most lines of a flight that are written to a workspace's log at once.
const LINES: usize = 500;
/// How long lines are gathered before they are written.
const GATHER: Duration = Duration::from_millis(200);

/// What a workspace is made of is not there.
pub(in crate::fleet) enum Unprepared {
    /// The server ends; the build is taken up again at its next start.
    Closing,
    /// It could not be built, for this reason.
    Failed(String),
    /// The store does not answer.
    Store(StoreError),
}

impl From<StoreError> for Unprepared {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Inner {
    /// Builds what a workspace is made of, as far as it is missing, and writes into the build's log what there is to say. No
    /// place is taken for it and the build's time does not run yet: it takes minutes, and other workspaces go on.
    pub(in crate::fleet) async fn prepare(&self, build: &Build) -> Result<(), Unprepared> {
        if !build.transition.goes_up() {
            return Ok(());
        }
        let Some(workspace) = self.store().workspace_get(build.workspace).await? else {
            return Ok(());
        };
        let pieces = Piece::of(&workspace.resolved.base);
        if pieces.iter().all(|piece| self.layers.held(piece).is_some()) {
            return Ok(());
        }
        // From now on it counts as running; one that is over already is left alone.
        if !self.store().build_run(build, None, self.now()).await? {
            return Ok(());
        }
        let journal = Journal::new(build.id);
        journal.say(self.now(), "building what the template installs");
        let result = self.follow(&journal, workspace.version).await;
        journal.flush(self.store()).await;
        result
    }

    async fn follow(&self, journal: &Journal, version: bailey_core::TemplateVersionId) -> Result<(), Unprepared> {
        let flight = self.layers.build(version).await;
        let failed = |cause: &str| Unprepared::Failed(format!("cannot build what the template installs: {cause}"));
        let Some(flight) = flight.map_err(|error| failed(&causes(&error)))? else {
            return Ok(());
        };
        let mut come = flight.lines_come();
        let mut after = 0;
        loop {
            come.borrow_and_update();
            let (lines, progress) = flight.read(after, LINES);
            if let Some(last) = lines.last() {
                after = last.number;
                for line in lines {
                    journal.say_from("layer", line.at, line.text);
                }
                journal.flush(self.store()).await;
                continue;
            }
            match progress {
                Progress::Waiting | Progress::Building => {}
                Progress::Ready => return Ok(()),
                Progress::Stopped => return Err(Unprepared::Closing),
                Progress::Failed(cause) => return Err(failed(&cause)),
            }
            tokio::select! {
                () = self.closing.cancelled() => return Err(Unprepared::Closing),
                _ = come.changed() => {}
            }
            tokio::time::sleep(GATHER).await;
        }
    }
}
