//! `GET /api/v1/workspaces/{id}/builds/{number}`

use axum::Json;
use bailey_api::workspaces::Build;
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::Ids;
use crate::reject::Reject;

/// Shows a build.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/builds/{number}",
    operation_id = "workspaces_build",
    tag = "workspaces",
    params(
        ("id" = String, Path, description = "The workspace's id"),
        ("number" = u64, Path, description = "The build's number"),
    ),
    responses((status = 200, description = "Done", body = Build)),
)]
pub(crate) async fn handler(cx: RequestCx, Ids(id, number): Ids<WorkspaceId, u64>) -> Result<Json<Build>, Reject> {
    Ok(Json(cx.app().build_get(&cx.caller, id, number).await?))
}
