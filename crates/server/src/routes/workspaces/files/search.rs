//! `GET /api/v1/workspaces/{id}/files/search`

use axum::Json;
use bailey_api::files::{FileMatches, FileSearchQuery};
use bailey_core::WorkspaceId;
use http::Method;

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;
use crate::streams::files::Ask;

/// Looks for lines of text files.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/files/search",
    operation_id = "workspaces_file_search",
    tag = "workspaces",
    params(FileSearchQuery, ("id" = String, Path, description = "The workspace's id")),
    responses((status = 200, description = "Done", body = FileMatches)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Query(query): Query<FileSearchQuery>,
) -> Result<Json<FileMatches>, Reject> {
    let ask = Ask::new(Method::GET, "/search", &query)?;
    Ok(Json(cx.app().inside(&cx.caller, id, ask).await?))
}
