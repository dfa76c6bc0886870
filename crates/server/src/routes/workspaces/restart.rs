//! `POST /api/v1/workspaces/{id}/restart`

use axum::Json;
use bailey_api::workspaces::Workspace;
use bailey_core::WorkspaceId;
use bailey_core::workspace::Transition;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Begins to stop a workspace and to start it again.
#[utoipa::path(
    post,
    path = "/api/v1/workspaces/{id}/restart",
    operation_id = "workspaces_restart",
    tag = "workspaces",
    params(("id" = String, Path, description = "The workspace's id")),
    responses((status = 202, description = "Begun", body = Workspace)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<WorkspaceId>) -> Result<(StatusCode, Json<Workspace>), Reject> {
    let begun = cx.app().workspace_build(&cx.caller, id, Transition::Restart).await?;
    Ok((StatusCode::ACCEPTED, Json(begun)))
}
