//! `POST /api/v1/workspaces/{id}/files/directories`

use bailey_api::files::DirectoryQuery;
use bailey_core::WorkspaceId;
use http::{Method, StatusCode};

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;
use crate::streams::files::Ask;

/// Makes a directory.
#[utoipa::path(
    post,
    path = "/api/v1/workspaces/{id}/files/directories",
    operation_id = "workspaces_directory_create",
    tag = "workspaces",
    params(DirectoryQuery, ("id" = String, Path, description = "The workspace's id")),
    responses((status = 204, description = "Done")),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Query(query): Query<DirectoryQuery>,
) -> Result<StatusCode, Reject> {
    let ask = Ask::new(Method::POST, "/directories", &query)?;
    Ok(cx.app().inside_do(&cx.caller, id, ask).await?)
}
