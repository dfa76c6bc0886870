//! `PATCH /api/v1/workspaces/{id}`

use axum::Json;
use bailey_api::workspaces::{Workspace, WorkspaceUpdate};
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Changes a workspace's settings. Nothing is restarted.
#[utoipa::path(
    patch,
    path = "/api/v1/workspaces/{id}",
    operation_id = "workspaces_settings",
    tag = "workspaces",
    params(("id" = String, Path, description = "The workspace's id")),
    request_body = WorkspaceUpdate,
    responses((status = 200, description = "Done", body = Workspace)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Body(body): Body<WorkspaceUpdate>,
) -> Result<Json<Workspace>, Reject> {
    Ok(Json(cx.app().workspace_update(&cx.caller, id, body).await?))
}
