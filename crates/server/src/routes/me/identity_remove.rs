//! `DELETE /api/v1/me/identities/{id}`

use bailey_core::IdentityId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Removes one of one's identities, with the groups and the role that its provider gave. The last way to sign in stays.
#[utoipa::path(
    delete,
    path = "/api/v1/me/identities/{id}",
    operation_id = "me_identities_remove",
    tag = "sign-in",
    params(("id" = String, Path, description = "The id")),
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<IdentityId>) -> Result<StatusCode, Reject> {
    cx.app().identity_remove(&cx.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
