//! `DELETE /api/v1/invitations/{id}`

use bailey_core::InvitationId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Withdraws an invitation.
#[utoipa::path(
    delete,
    path = "/api/v1/invitations/{id}",
    operation_id = "invitations_revoke",
    tag = "users",
    params(("id" = String, Path, description = "The invitation's id")),
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<InvitationId>) -> Result<StatusCode, Reject> {
    cx.app().invitation_revoke(&cx.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
