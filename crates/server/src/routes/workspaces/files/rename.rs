//! `POST /api/v1/workspaces/{id}/files/rename`

use bailey_api::files::FileRenameQuery;
use bailey_core::WorkspaceId;
use http::{Method, StatusCode};

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;
use crate::streams::files::Ask;

/// Gives a file or directory another path.
#[utoipa::path(
    post,
    path = "/api/v1/workspaces/{id}/files/rename",
    operation_id = "workspaces_file_rename",
    tag = "workspaces",
    params(FileRenameQuery, ("id" = String, Path, description = "The workspace's id")),
    responses((status = 204, description = "Done")),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Query(query): Query<FileRenameQuery>,
) -> Result<StatusCode, Reject> {
    let ask = Ask::new(Method::POST, "/rename", &query)?;
    Ok(cx.app().inside_do(&cx.caller, id, ask).await?)
}
