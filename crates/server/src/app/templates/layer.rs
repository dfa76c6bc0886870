//! Building what versions of templates install.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bailey_api::layers::{LayerBuild, LayerState};
use bailey_api::workspaces::{BuildLogQuery, LogLine};
use bailey_api::{Page, Time};
use bailey_core::TemplateVersionId;
use bailey_core::authz::Action;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::time::timeout;

use crate::app::follow::JUDGED;
use crate::app::{App, AppError, Caller, cursor};
use crate::apps;
use crate::audit::{Change, Resource};
use crate::fleet::layers::{Flight, LayerStatus, NeedsError};
use crate::guard;
use crate::streams::Place;

/// The most lines that are read at once.
const LINES: u32 = 1000;

/// What is told of a build that is followed.
pub enum LayerEvent {
    /// A line of its log.
    Line(LogLine),
    /// It is over.
    End(LayerBuild),
}

impl App {
    /// Begins to build what a version installs, unless it is there or being built.
    pub async fn template_build(&self, caller: &Caller, text: &str, number: u32) -> Result<LayerBuild, AppError> {
        let version = self.version_of_number(caller, text, number).await?;
        let change =
            Change::new("templates.build", Resource::new("template", text)).after(&json!({ "version": number }));
        caller.record(change).await?;
        self.fleet().layers().build(version).await?;
        self.layer_build(version).await
    }

    /// How far what a version installs is.
    pub async fn template_build_get(&self, caller: &Caller, text: &str, number: u32) -> Result<LayerBuild, AppError> {
        let version = self.version_of_number(caller, text, number).await?;
        self.layer_build(version).await
    }

    /// Lines of the log of the last build, in order; none where this server remembers no build.
    pub async fn template_build_log(
        &self,
        caller: &Caller,
        text: &str,
        number: u32,
        query: &BuildLogQuery,
    ) -> Result<Page<LogLine>, AppError> {
        let version = self.version_of_number(caller, text, number).await?;
        let most = cursor::limit(query.limit, LINES, LINES)?;
        let flight = self.fleet().layers().last(version).await?;
        let read = flight.map(|flight| flight.read(query.after.unwrap_or(0), most as usize).0);
        Ok(Page {
            items: read.unwrap_or_default().into_iter().map(line).collect(),
            next_cursor: None,
        })
    }

    /// The same lines as they come, until the build is over.
    pub(crate) async fn template_build_follow(
        &self,
        caller: &Caller,
        text: &str,
        number: u32,
        after: u64,
        connection: Option<&apps::Place>,
    ) -> Result<impl Stream<Item = LayerEvent> + Send + use<>, AppError> {
        let version = self.version_of_number(caller, text, number).await?;
        let flight = self.fleet().layers().last(version).await?;
        let end = self.layer_build(version).await?;
        let follow = Follow {
            place: self.streams().enter_log(caller.person())?.over(connection),
            app: self.clone(),
            caller: caller.clone(),
            judged: Instant::now(),
            version,
            flight,
            after,
            lines: VecDeque::new(),
            end: Some(end),
        };
        Ok(unfold(follow, Follow::next))
    }

    /// How far what a version installs is, without the reason of a failure. One that cannot be read is as good as missing.
    pub(super) async fn layer_state(&self, version: TemplateVersionId) -> Result<LayerState, AppError> {
        match self.fleet().layers().status(version).await {
            Ok(status) => Ok(shown(status).0),
            Err(NeedsError::Invalid(_) | NeedsError::Archive(_)) => Ok(LayerState::Missing),
            Err(error) => Err(error.into()),
        }
    }

    async fn layer_build(&self, version: TemplateVersionId) -> Result<LayerBuild, AppError> {
        let layers = self.fleet().layers();
        let last = layers.last(version).await?;
        let (layer, error) = shown(layers.status(version).await?);
        Ok(LayerBuild {
            layer,
            error,
            created_at: last.map(|flight| Time(flight.created_at)),
        })
    }

    async fn version_of_number(&self, caller: &Caller, text: &str, number: u32) -> Result<TemplateVersionId, AppError> {
        let template = self.template(caller, text).await?;
        Ok(self.version(&template, number).await?.id)
    }
}

/// Following a flight.
struct Follow {
    app: App,
    caller: Caller,
    judged: Instant,
    version: TemplateVersionId,
    flight: Option<Arc<Flight>>,
    after: u64,
    /// Read and not told yet.
    lines: VecDeque<LogLine>,
    /// Told at the end, where nothing newer can be found out; `None` = it was told.
    end: Option<LayerBuild>,
    place: Place,
}

impl Follow {
    /// What comes next; `None` = nothing any more, because it was all, or the reader may not read on.
    async fn next(mut self) -> Option<(LayerEvent, Self)> {
        self.end.as_ref()?;
        self.judge().await?;
        let end = self.place.end();
        while self.lines.is_empty() {
            let Some(flight) = self.flight.clone() else { break };
            let mut come = flight.lines_come();
            let (lines, progress) = flight.read(self.after, LINES as usize);
            if lines.is_empty() && progress.is_over() {
                break;
            }
            if lines.is_empty() {
                // The flight is held here, so its end cannot be missed.
                tokio::select! {
                    _ = timeout(JUDGED, come.changed()) => {}
                    () = end.cancelled() => {}
                }
                self.judge().await?;
            }
            self.lines.extend(lines.into_iter().map(line));
        }
        if let Some(line) = self.lines.pop_front() {
            self.after = line.number;
            return Some((LayerEvent::Line(line), self));
        }
        let known = self.end.take()?;
        let now = self.app.layer_build(self.version).await;
        Some((LayerEvent::End(now.unwrap_or(known)), self))
    }
}

impl Follow {
    /// `None` = the reader may not read it any more. Asked for now and then, whether or not lines come.
    async fn judge(&mut self) -> Option<()> {
        if self.place.end().is_cancelled() {
            return None;
        }
        if self.judged.elapsed() < JUDGED {
            return Some(());
        }
        match guard::renew(&self.app, &self.caller, Action::TemplateWrite).await {
            Ok(caller) => {
                self.caller = caller;
                self.judged = Instant::now();
                Some(())
            }
            // Whoever comes back is told why there is no more.
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a log is not followed any more"
                );
                None
            }
        }
    }
}

fn shown(status: LayerStatus) -> (LayerState, Option<String>) {
    match status {
        LayerStatus::Nothing => (LayerState::None, None),
        LayerStatus::Missing => (LayerState::Missing, None),
        LayerStatus::Building => (LayerState::Building, None),
        LayerStatus::Ready => (LayerState::Ready, None),
        LayerStatus::Failed(cause) => (LayerState::Failed, Some(cause)),
    }
}

fn line(line: crate::fleet::layers::LogLine) -> LogLine {
    LogLine {
        number: line.number,
        at: Time(line.at),
        source: "layer".to_owned(),
        text: line.text,
    }
}

impl From<NeedsError> for AppError {
    fn from(error: NeedsError) -> Self {
        match error {
            NeedsError::Store(error) => error.into(),
            NeedsError::Gone => Self::NotFound,
            NeedsError::Closing => Self::Interrupted,
            NeedsError::Archive(_) | NeedsError::Invalid(_) => Self::Template(vec![bailey_api::FieldError::whole(
                crate::fleet::layers::causes(&error),
            )]),
        }
    }
}
