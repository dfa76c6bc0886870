//! `GET /api/v1/me/external-accounts`

use axum::Json;
use bailey_api::external::ExternalAccount;

use crate::cx::RequestCx;
use crate::reject::Reject;

/// Lists the forges that one can link an account of, in the order configured, and the accounts that one has linked. Tokens are not
/// shown.
#[utoipa::path(
    get,
    path = "/api/v1/me/external-accounts",
    operation_id = "me_external_accounts",
    tag = "external accounts",
    responses((status = 200, description = "Done", body = Vec<ExternalAccount>)),
)]
pub(crate) async fn handler(cx: RequestCx) -> Result<Json<Vec<ExternalAccount>>, Reject> {
    Ok(Json(cx.app().external_accounts_list(&cx.caller.actor).await?))
}
