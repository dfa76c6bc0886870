//! `DELETE /api/v1/homes/{id}`

use bailey_core::WorkspaceId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Removes a kept home and everything in it, for good.
#[utoipa::path(
    delete,
    path = "/api/v1/homes/{id}",
    operation_id = "homes_delete",
    tag = "workspaces",
    params(("id" = String, Path, description = "The id of the workspace that it was the home of")),
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<WorkspaceId>) -> Result<StatusCode, Reject> {
    cx.app().home_delete(&cx.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
