//! `DELETE /api/v1/workspaces/{id}`

use axum::Json;
use bailey_api::workspaces::{Workspace, WorkspaceDeleteQuery};
use bailey_core::WorkspaceId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;

/// Begins to delete a workspace, and its home unless it is to be kept.
#[utoipa::path(
    delete,
    path = "/api/v1/workspaces/{id}",
    operation_id = "workspaces_delete",
    tag = "workspaces",
    params(WorkspaceDeleteQuery, ("id" = String, Path, description = "The workspace's id")),
    responses((status = 202, description = "Begun", body = Workspace)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Query(query): Query<WorkspaceDeleteQuery>,
) -> Result<(StatusCode, Json<Workspace>), Reject> {
    Ok((
        StatusCode::ACCEPTED,
        Json(cx.app().workspace_delete(&cx.caller, id, query).await?),
    ))
}
