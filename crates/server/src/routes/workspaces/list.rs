//! `GET /api/v1/workspaces`

use axum::Json;
use bailey_api::Page;
use bailey_api::workspaces::{Workspace, WorkspaceListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists workspaces, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces",
    operation_id = "workspaces_list",
    tag = "workspaces",
    params(WorkspaceListQuery),
    responses((status = 200, description = "Done", body = Page<Workspace>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Query(query): Query<WorkspaceListQuery>,
) -> Result<Json<Page<Workspace>>, Reject> {
    Ok(Json(cx.app().workspaces_list(&cx.caller, query).await?))
}
