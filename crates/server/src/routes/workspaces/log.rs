//! `GET /api/v1/workspaces/{id}/builds/{number}/log`

use std::convert::Infallible;

use axum::Json;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bailey_api::Page;
use bailey_api::workspaces::{BuildLogQuery, LogLine};
use bailey_core::WorkspaceId;
use futures_util::{Stream, StreamExt as _, stream};

use crate::app::follow::{Follow, News};
use crate::cx::RequestCx;
use crate::extract::{Events, Ids, Query};
use crate::reject::Reject;

/// Lists the lines of a build's log, in order. With `Accept: text/event-stream` they come as they are written: an event per
/// line with its number as id, and one named `end` with the build when that is over. `Last-Event-ID` goes on behind a line,
/// as `after` does.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/builds/{number}/log",
    operation_id = "workspaces_build_log",
    tag = "workspaces",
    params(
        ("id" = String, Path, description = "The workspace's id"),
        ("number" = u64, Path, description = "The build's number"),
        BuildLogQuery,
    ),
    responses((status = 200, description = "Done", content((Page<LogLine> = "application/json"), (String = "text/event-stream")))),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Ids(id, number): Ids<WorkspaceId, u64>,
    Query(query): Query<BuildLogQuery>,
    asked: Events,
) -> Result<Response, Reject> {
    if !asked.wanted {
        return Ok(Json(cx.app().build_log(&cx.caller, id, number, &query).await?).into_response());
    }
    let after = asked.after(query.after);
    let follow = cx
        .app()
        .build_follow(&cx.caller, id, number, after, cx.connection.as_ref())
        .await?;
    Ok(Sse::new(events(follow)).keep_alive(KeepAlive::new()).into_response())
}

fn events(follow: Follow) -> impl Stream<Item = Result<Event, Infallible>> {
    let news = stream::unfold(follow, |mut follow| async move {
        match follow.next().await {
            Ok(Some(news)) => Some((news, follow)),
            Ok(None) => None,
            // Whoever comes back is told why there is no more.
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a log is not followed any more"
                );
                None
            }
        }
    });
    news.flat_map(|news| {
        let events: Vec<Event> = match news {
            News::Lines(lines) => lines.iter().filter_map(line).collect(),
            News::Over(build) => Event::default().event("end").json_data(build).into_iter().collect(),
        };
        stream::iter(events.into_iter().map(Ok))
    })
}

/// A line is texts and numbers; it always has a JSON form.
fn line(line: &LogLine) -> Option<Event> {
    Event::default().id(line.number.to_string()).json_data(line).ok()
}
