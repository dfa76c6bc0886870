//! `PATCH /api/v1/connections/{id}`

use axum::Json;
use bailey_api::connections::{Connection, ConnectionUpdate};

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Changes a connection.
#[utoipa::path(
    patch,
    path = "/api/v1/connections/{id}",
    operation_id = "connections_update",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id or name")),
    request_body = ConnectionUpdate,
    responses((status = 200, description = "Done", body = Connection)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<String>,
    Body(body): Body<ConnectionUpdate>,
) -> Result<Json<Connection>, Reject> {
    Ok(Json(cx.app().connection_update(&cx.caller, &id, body).await?))
}
