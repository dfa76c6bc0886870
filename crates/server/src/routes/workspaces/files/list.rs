//! `GET /api/v1/workspaces/{id}/files/list`

use axum::Json;
use bailey_api::files::{FileList, FileQuery};
use bailey_core::WorkspaceId;
use http::Method;

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;
use crate::streams::files::Ask;

/// Lists a directory.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/files/list",
    operation_id = "workspaces_file_list",
    tag = "workspaces",
    params(FileQuery, ("id" = String, Path, description = "The workspace's id")),
    responses((status = 200, description = "Done", body = FileList)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Query(query): Query<FileQuery>,
) -> Result<Json<FileList>, Reject> {
    let ask = Ask::new(Method::GET, "/list", &query)?;
    Ok(Json(cx.app().inside(&cx.caller, id, ask).await?))
}
