//! `GET /api/v1/organization`

use axum::Json;
use bailey_api::organization::Organization;

use crate::cx::RequestCx;
use crate::reject::Reject;

/// Shows the organization.
#[utoipa::path(
    get,
    path = "/api/v1/organization",
    operation_id = "organization_get",
    tag = "organization",
    responses((status = 200, description = "Done", body = Organization)),
)]
pub(crate) async fn handler(cx: RequestCx) -> Result<Json<Organization>, Reject> {
    Ok(Json(cx.app().organization_get(&cx.caller).await?))
}
