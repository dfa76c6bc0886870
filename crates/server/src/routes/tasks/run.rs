//! `POST /api/v1/workspaces/{id}/task-runs`

use axum::Json;
use bailey_api::tasks::{TaskRun, TaskRunCreate};
use bailey_core::WorkspaceId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Runs a task in a workspace of one's own. The run is a chat of the same id, which is followed, stopped and resumed as one. The workspace
/// is started if it is down.
#[utoipa::path(
    post,
    path = "/api/v1/workspaces/{id}/task-runs",
    operation_id = "tasks_run",
    tag = "tasks",
    params(
        ("id" = String, Path, description = "The workspace's id"),
    ),
    request_body = TaskRunCreate,
    responses((status = 201, description = "Begun", body = TaskRun)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Body(body): Body<TaskRunCreate>,
) -> Result<(StatusCode, Json<TaskRun>), Reject> {
    Ok((
        StatusCode::CREATED,
        Json(cx.app().task_run(&cx.caller, id, body).await?),
    ))
}
