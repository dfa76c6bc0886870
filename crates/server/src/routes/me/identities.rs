//! `GET /api/v1/me/identities`

use axum::Json;
use bailey_api::sign_in::Identity;

use crate::cx::RequestCx;
use crate::reject::Reject;

/// Lists one's identities at providers, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/me/identities",
    operation_id = "me_identities",
    tag = "sign-in",
    responses((status = 200, description = "Done", body = Vec<Identity>)),
)]
pub(crate) async fn handler(cx: RequestCx) -> Result<Json<Vec<Identity>>, Reject> {
    Ok(Json(cx.app().identities_list(&cx.caller.actor).await?))
}
