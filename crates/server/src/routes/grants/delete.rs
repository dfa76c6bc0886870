//! `DELETE /api/v1/grants/{id}`

use bailey_core::GrantId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Takes a granted role away.
#[utoipa::path(
    delete,
    path = "/api/v1/grants/{id}",
    operation_id = "grants_delete",
    tag = "roles",
    params(("id" = String, Path, description = "The grant's id")),
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<GrantId>) -> Result<StatusCode, Reject> {
    cx.app().grant_delete(&cx.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
