//! `POST /api/v1/workspaces`

use axum::Json;
use bailey_api::workspaces::{Workspace, WorkspaceCreate};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Makes a workspace and begins to start it. The answer comes while the build runs.
#[utoipa::path(
    post,
    path = "/api/v1/workspaces",
    operation_id = "workspaces_create",
    tag = "workspaces",
    request_body = WorkspaceCreate,
    responses((status = 201, description = "Made", body = Workspace)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Body(body): Body<WorkspaceCreate>,
) -> Result<(StatusCode, Json<Workspace>), Reject> {
    Ok((
        StatusCode::CREATED,
        Json(cx.app().workspace_create(&cx.caller, body).await?),
    ))
}
