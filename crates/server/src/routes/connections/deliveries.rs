//! `GET /api/v1/connections/{id}/deliveries`

use axum::Json;
use bailey_api::connections::DeliveryList;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Lists the last deliveries of a connection, newest first, and what each came to.
#[utoipa::path(
    get,
    path = "/api/v1/connections/{id}/deliveries",
    operation_id = "connections_deliveries",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id or name")),
    responses((status = 200, description = "Done", body = DeliveryList)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<Json<DeliveryList>, Reject> {
    Ok(Json(cx.app().connection_deliveries(&id).await?))
}
