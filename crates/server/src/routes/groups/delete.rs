//! `DELETE /api/v1/groups/{id}`

use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Deletes a group and its budgets. The ledger stays.
#[utoipa::path(
    delete,
    path = "/api/v1/groups/{id}",
    operation_id = "groups_delete",
    tag = "groups",
    params(("id" = String, Path, description = "The group's id or name")),
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<StatusCode, Reject> {
    cx.app().group_delete(&cx.caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
