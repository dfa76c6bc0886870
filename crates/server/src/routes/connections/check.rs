//! `POST /api/v1/connections/{id}/check`

use axum::Json;
use bailey_api::connections::ConnectionCheck;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Asks the forge whether everything is there that the connection needs, and says what is missing.
#[utoipa::path(
    post,
    path = "/api/v1/connections/{id}/check",
    operation_id = "connections_check",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id or name")),
    responses((status = 200, description = "Asked", body = ConnectionCheck)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<Json<ConnectionCheck>, Reject> {
    Ok(Json(cx.app().connection_check(&cx.caller, &id).await?))
}
