//! `DELETE /api/v1/me/external-accounts/{provider}`

use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Unlinks one's account at a forge. Its tokens are deleted, and the forge is told that they are not to be good any more. It takes a
/// session or a token that is not narrowed.
#[utoipa::path(
    delete,
    path = "/api/v1/me/external-accounts/{provider}",
    operation_id = "me_external_accounts_unlink",
    tag = "external accounts",
    params(("provider" = String, Path, description = "The provider's name")),
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(provider): Id<String>) -> Result<StatusCode, Reject> {
    cx.app().external_unlink(&cx.caller, &provider).await?;
    Ok(StatusCode::NO_CONTENT)
}
