//! The log of a build as it is written.

use std::time::{Duration, Instant};

use bailey_api::workspaces::{self as wire};
use bailey_core::authz::Action;
use bailey_core::workspace::Build;
use bailey_core::{PersonId, WorkspaceId};

use super::build::line_view;
use crate::app::caller::sees;
use crate::app::names::Names;
use crate::app::{App, AppError, Caller};
use crate::apps;
use crate::guard;
use crate::streams::Place;

/// The pause before the second look. It grows while nothing is written.
const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(400);
/// The most lines of one look.
const LINES: u32 = 500;
/// How often it is asked whether the reader may still read it.
pub(crate) const JUDGED: Duration = Duration::from_secs(2);

/// A log that is followed.
pub(crate) struct Follow {
    app: App,
    caller: Caller,
    owner: PersonId,
    build: Build,
    after: u64,
    pause: Duration,
    judged: Instant,
    is_over: bool,
    place: Place,
}

/// What has come of a log.
pub(crate) enum News {
    /// Lines.
    Lines(Vec<wire::LogLine>),
    /// The build is over, and this is all.
    Over(Box<wire::Build>),
}

impl App {
    /// Follows a build's log from the line after this number.
    pub(crate) async fn build_follow(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        number: u64,
        after: u64,
        connection: Option<&apps::Place>,
    ) -> Result<Follow, AppError> {
        let workspace = self.workspace_within(caller, id).await?;
        let build = self.store().build_get(id, number).await?.ok_or(AppError::NotFound)?;
        Ok(Follow {
            place: self.streams().enter_log(caller.person())?.over(connection),
            app: self.clone(),
            caller: caller.clone(),
            owner: workspace.owner,
            build,
            after,
            pause: FIRST,
            judged: Instant::now(),
            is_over: false,
        })
    }
}

impl Follow {
    /// What comes next; `None` = nothing any more, because it was all, the server stops, or the reader may not read on.
    pub(crate) async fn next(&mut self) -> Result<Option<News>, AppError> {
        let end = self.place.end();
        while !self.is_over && !self.app.draining() && !end.is_cancelled() {
            if self.judged.elapsed() >= JUDGED {
                self.judge().await?;
            }
            // Asked first: what the build has written when it is over is then read below.
            let build = self.app.store().build_get(self.build.workspace, self.build.number);
            self.build = build.await?.ok_or(AppError::NotFound)?;
            let lines = self.app.store().build_log(self.build.id, self.after, LINES).await?;
            if let Some(last) = lines.last() {
                self.after = last.number;
                self.pause = FIRST;
                return Ok(Some(News::Lines(lines.into_iter().map(line_view).collect())));
            }
            if self.build.state.is_final() {
                self.is_over = true;
                let build = self.app.build_view(self.build.clone(), &mut Names::default()).await?;
                return Ok(Some(News::Over(Box::new(build))));
            }
            tokio::select! {
                () = tokio::time::sleep(self.pause) => {}
                () = end.cancelled() => {}
            }
            self.pause = (self.pause * 2).min(LONGEST);
        }
        Ok(None)
    }

    async fn judge(&mut self) -> Result<(), AppError> {
        self.caller = guard::renew(&self.app, &self.caller, Action::WorkspaceRead).await?;
        let reach = self.app.people_within(&self.caller).await?;
        if !sees(&reach, Some(self.owner)) {
            return Err(AppError::NotFound);
        }
        self.judged = Instant::now();
        Ok(())
    }
}
