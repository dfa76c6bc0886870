//! `DELETE /api/v1/workspaces/{id}/files`

use bailey_api::files::FileDeleteQuery;
use bailey_core::WorkspaceId;
use http::{Method, StatusCode};

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;
use crate::streams::files::Ask;

/// Removes a file, or a directory.
#[utoipa::path(
    delete,
    path = "/api/v1/workspaces/{id}/files",
    operation_id = "workspaces_file_delete",
    tag = "workspaces",
    params(FileDeleteQuery, ("id" = String, Path, description = "The workspace's id")),
    responses((status = 204, description = "Done")),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Query(query): Query<FileDeleteQuery>,
) -> Result<StatusCode, Reject> {
    let ask = Ask::new(Method::DELETE, "/files", &query)?;
    Ok(cx.app().inside_do(&cx.caller, id, ask).await?)
}
