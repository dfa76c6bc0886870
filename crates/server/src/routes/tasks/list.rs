//! `GET /api/v1/workspaces/{id}/tasks`

use axum::Json;
use bailey_api::tasks::TaskList;
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Lists the tasks that can be run in a workspace: those of its version of its template.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/tasks",
    operation_id = "tasks_list",
    tag = "tasks",
    params(
        ("id" = String, Path, description = "The workspace's id"),
    ),
    responses((status = 200, description = "Done", body = TaskList)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<WorkspaceId>) -> Result<Json<TaskList>, Reject> {
    Ok(Json(cx.app().tasks_list(&cx.caller, id).await?))
}
