//! `DELETE /api/v1/tokens/{id}`

use bailey_core::TokenId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Revokes a token for good.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    operation_id = "tokens_revoke",
    tag = "tokens",
    params(("id" = String, Path, description = "The token's id")),
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<TokenId>) -> Result<StatusCode, Reject> {
    cx.app().token_revoke(&cx.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
