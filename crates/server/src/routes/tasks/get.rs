//! `GET /api/v1/task-runs/{id}`

use axum::Json;
use bailey_api::tasks::TaskRun;
use bailey_core::ChatId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a run of a task and what the agent said last.
#[utoipa::path(
    get,
    path = "/api/v1/task-runs/{id}",
    operation_id = "tasks_get",
    tag = "tasks",
    params(
        ("id" = String, Path, description = "The run's id"),
    ),
    responses((status = 200, description = "Done", body = TaskRun)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<ChatId>) -> Result<Json<TaskRun>, Reject> {
    Ok(Json(cx.app().task_run_get(&cx.caller, id).await?))
}
