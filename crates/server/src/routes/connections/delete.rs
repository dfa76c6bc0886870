//! `DELETE /api/v1/connections/{id}`

use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Deletes a connection and the records of its runs. Their workspaces stay, and so does the webhook at the forge.
#[utoipa::path(
    delete,
    path = "/api/v1/connections/{id}",
    operation_id = "connections_delete",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id or name")),
    responses((status = 204, description = "Deleted")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<StatusCode, Reject> {
    cx.app().connection_delete(&cx.caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
