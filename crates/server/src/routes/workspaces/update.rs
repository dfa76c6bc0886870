//! `POST /api/v1/workspaces/{id}/update`

use axum::Json;
use bailey_api::workspaces::{Workspace, WorkspaceRebuild};
use bailey_core::WorkspaceId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Begins to move a workspace to another version of its template, or to other parameters, and runs it.
#[utoipa::path(
    post,
    path = "/api/v1/workspaces/{id}/update",
    operation_id = "workspaces_update",
    tag = "workspaces",
    params(("id" = String, Path, description = "The workspace's id")),
    request_body = WorkspaceRebuild,
    responses((status = 202, description = "Begun", body = Workspace)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Body(body): Body<WorkspaceRebuild>,
) -> Result<(StatusCode, Json<Workspace>), Reject> {
    Ok((
        StatusCode::ACCEPTED,
        Json(cx.app().workspace_rebuild(&cx.caller, id, body).await?),
    ))
}
