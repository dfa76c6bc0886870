//! `GET /api/v1/me`

use axum::Json;
use bailey_api::me::Me;

use crate::cx::RequestCx;
use crate::reject::Reject;

/// Shows who asks, and all that they may do.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    operation_id = "me",
    tag = "users",
    responses((status = 200, description = "Done", body = Me)),
)]
pub(crate) async fn handler(cx: RequestCx) -> Result<Json<Me>, Reject> {
    Ok(Json(cx.app().me(&cx.caller.actor).await?))
}
