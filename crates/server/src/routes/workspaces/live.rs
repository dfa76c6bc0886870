//! `GET /api/v1/workspaces/{id}/live`

use axum::Json;
use bailey_api::workspaces::Live;
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows what is live of a workspace: figures and the health of its apps.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/live",
    operation_id = "workspaces_live",
    tag = "workspaces",
    params(("id" = String, Path, description = "The workspace's id")),
    responses((status = 200, description = "Done", body = Live)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<WorkspaceId>) -> Result<Json<Live>, Reject> {
    Ok(Json(cx.app().workspace_live(&cx.caller, id).await?))
}
