//! `PUT /api/v1/workspaces/{id}/files`

use axum::extract::Request;
use bailey_api::files::FileWriteQuery;
use bailey_core::WorkspaceId;
use http::{Method, StatusCode};

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;
use crate::streams::files::Ask;

/// Writes a file. Readers see the old one or the new one, never a part; where anything fails, the old one stays.
#[utoipa::path(
    put,
    path = "/api/v1/workspaces/{id}/files",
    operation_id = "workspaces_file_write",
    tag = "workspaces",
    params(FileWriteQuery, ("id" = String, Path, description = "The workspace's id")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "Done")),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Query(query): Query<FileWriteQuery>,
    request: Request,
) -> Result<StatusCode, Reject> {
    let ask = Ask::new(Method::PUT, "/files", &query)?.body(request.into_body());
    Ok(cx.app().inside_do(&cx.caller, id, ask).await?)
}
