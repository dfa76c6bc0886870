//! `GET /api/v1/connections/{id}`

use axum::Json;
use bailey_api::connections::Connection;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a connection. Its secrets are never shown.
#[utoipa::path(
    get,
    path = "/api/v1/connections/{id}",
    operation_id = "connections_get",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id or name")),
    responses((status = 200, description = "Done", body = Connection)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<Json<Connection>, Reject> {
    Ok(Json(cx.app().connection_get(&id).await?))
}
