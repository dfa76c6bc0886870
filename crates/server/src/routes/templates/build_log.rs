//! `GET /api/v1/templates/{id}/versions/{number}/build/log`

use axum::Json;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use bailey_api::Page;
use bailey_api::workspaces::{BuildLogQuery, LogLine};
use futures_util::StreamExt as _;

use crate::app::LayerEvent;
use crate::cx::RequestCx;
use crate::extract::{Events, Ids, Query};
use crate::reject::Reject;

/// Lists the lines of the log of the last build of what a version installs. Asked for as `text/event-stream`, each line is an event
/// `line` as it comes, and the last event is `end`, with how the build ended.
#[utoipa::path(
    get,
    path = "/api/v1/templates/{id}/versions/{number}/build/log",
    operation_id = "templates_build_log",
    tag = "templates",
    params(
        ("id" = String, Path, description = "The template's id or name"),
        ("number" = u32, Path, description = "The version's number"),
        BuildLogQuery,
    ),
    responses((status = 200, description = "Done", content(
        (Page<LogLine> = "application/json"),
        (String = "text/event-stream"),
    ))),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Ids(template, number): Ids<String, u32>,
    Query(query): Query<BuildLogQuery>,
    asked: Events,
) -> Result<Response, Reject> {
    if !asked.wanted {
        let page = cx
            .app()
            .template_build_log(&cx.caller, &template, number, &query)
            .await?;
        return Ok(Json(page).into_response());
    }
    let after = asked.after(query.after);
    let lines = cx
        .app()
        .template_build_follow(&cx.caller, &template, number, after, cx.connection.as_ref())
        .await?;
    let stream = lines.map(|event| match event {
        LayerEvent::Line(line) => Event::default()
            .event("line")
            .id(line.number.to_string())
            .json_data(&line),
        LayerEvent::End(build) => Event::default().event("end").json_data(&build),
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()).into_response())
}
