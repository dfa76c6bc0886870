//! `GET /api/v1/workspaces/{id}`

use axum::Json;
use bailey_api::workspaces::Workspace;
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a workspace.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}",
    operation_id = "workspaces_get",
    tag = "workspaces",
    params(("id" = String, Path, description = "The workspace's id")),
    responses((status = 200, description = "Done", body = Workspace)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<WorkspaceId>) -> Result<Json<Workspace>, Reject> {
    Ok(Json(cx.app().workspace_get(&cx.caller, id).await?))
}
