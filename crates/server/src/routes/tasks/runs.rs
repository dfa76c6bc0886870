//! `GET /api/v1/task-runs`

use axum::Json;
use bailey_api::Page;
use bailey_api::tasks::{TaskRun, TaskRunListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists runs of tasks, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/task-runs",
    operation_id = "tasks_runs",
    tag = "tasks",
    params(
        TaskRunListQuery,
    ),
    responses((status = 200, description = "Done", body = Page<TaskRun>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Query(query): Query<TaskRunListQuery>,
) -> Result<Json<Page<TaskRun>>, Reject> {
    Ok(Json(cx.app().task_runs_list(&cx.caller, query).await?))
}
