//! `GET /api/v1/workspaces/{id}/builds/{number}/log`

use axum::Json;
use bailey_api::Page;
use bailey_api::workspaces::{BuildLogQuery, LogLine};
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::{Ids, Query};
use crate::reject::Reject;

/// Lists the lines of a build's log, in order.
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
    responses((status = 200, description = "Done", body = Page<LogLine>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Ids(id, number): Ids<WorkspaceId, u64>,
    Query(query): Query<BuildLogQuery>,
) -> Result<Json<Page<LogLine>>, Reject> {
    Ok(Json(cx.app().build_log(&cx.caller, id, number, &query).await?))
}
