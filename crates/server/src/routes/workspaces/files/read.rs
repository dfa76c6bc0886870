//! `GET /api/v1/workspaces/{id}/files`

use axum::response::Response;
use bailey_api::files::FileQuery;
use bailey_core::WorkspaceId;
use http::header::RANGE;
use http::{HeaderMap, Method};

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;
use crate::streams::files::Ask;

/// Reads a file. One `Range` is served.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/files",
    operation_id = "workspaces_file_read",
    tag = "workspaces",
    params(FileQuery, ("id" = String, Path, description = "The workspace's id")),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "A part of it", body = Vec<u8>, content_type = "application/octet-stream"),
    ),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Query(query): Query<FileQuery>,
    headers: HeaderMap,
) -> Result<Response, Reject> {
    let ask = Ask::new(Method::GET, "/files", &query)?.range(headers.get(RANGE).cloned());
    Ok(cx
        .app()
        .inside_read(&cx.caller, id, ask, cx.connection.as_ref())
        .await?)
}
