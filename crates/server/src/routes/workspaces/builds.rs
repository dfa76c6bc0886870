//! `GET /api/v1/workspaces/{id}/builds`

use axum::Json;
use bailey_api::Page;
use bailey_api::workspaces::{Build, BuildListQuery};
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;

/// Lists a workspace's builds, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/builds",
    operation_id = "workspaces_builds",
    tag = "workspaces",
    params(BuildListQuery, ("id" = String, Path, description = "The workspace's id")),
    responses((status = 200, description = "Done", body = Page<Build>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Query(query): Query<BuildListQuery>,
) -> Result<Json<Page<Build>>, Reject> {
    let builds = cx
        .app()
        .builds_list(&cx.caller, id, query.limit, query.cursor.as_deref());
    Ok(Json(builds.await?))
}
