//! `GET /api/v1/health`

use axum::Json;
use bailey_api::health::Health;

use crate::cx::RequestCx;
use crate::reject::Reject;

/// Says how the server, its database, the agents of workspaces and the queue of builds are.
#[utoipa::path(
    get,
    path = "/api/v1/health",
    operation_id = "health_get",
    tag = "health",
    responses((status = 200, description = "Done", body = Health)),
)]
pub(crate) async fn handler(cx: RequestCx) -> Result<Json<Health>, Reject> {
    Ok(Json(cx.app().health(&cx.caller).await?))
}
