//! `DELETE /api/v1/roles/{id}`

use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Deletes a role that nobody holds.
#[utoipa::path(
    delete,
    path = "/api/v1/roles/{id}",
    operation_id = "roles_delete",
    tag = "roles",
    params(("id" = String, Path, description = "The role's name")),
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(name): Id<String>) -> Result<StatusCode, Reject> {
    cx.app().role_delete(&cx.caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
