//! `POST /api/v1/connections/{id}/webhook`

use axum::Json;
use bailey_api::connections::ConnectionCheck;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Registers the connection's webhook in each of its projects, or brings it up to date; then checks the connection.
#[utoipa::path(
    post,
    path = "/api/v1/connections/{id}/webhook",
    operation_id = "connections_register",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id or name")),
    responses((status = 200, description = "Done as far as the forge allows; the answer says what is missing", body = ConnectionCheck)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<Json<ConnectionCheck>, Reject> {
    Ok(Json(cx.app().connection_register(&cx.caller, &id).await?))
}
