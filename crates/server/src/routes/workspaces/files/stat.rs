//! `GET /api/v1/workspaces/{id}/files/stat`

use axum::Json;
use bailey_api::files::{FileEntry, FileQuery};
use bailey_core::WorkspaceId;
use http::Method;

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;
use crate::streams::files::Ask;

/// Shows what a path is. Links are not followed.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/files/stat",
    operation_id = "workspaces_file_stat",
    tag = "workspaces",
    params(FileQuery, ("id" = String, Path, description = "The workspace's id")),
    responses((status = 200, description = "Done", body = FileEntry)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Query(query): Query<FileQuery>,
) -> Result<Json<FileEntry>, Reject> {
    let ask = Ask::new(Method::GET, "/stat", &query)?;
    Ok(Json(cx.app().inside(&cx.caller, id, ask).await?))
}
