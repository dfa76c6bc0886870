//! `PATCH /api/v1/organization`

use axum::Json;
use bailey_api::organization::{Organization, OrganizationUpdate};

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Changes the organization.
#[utoipa::path(
    patch,
    path = "/api/v1/organization",
    operation_id = "organization_update",
    tag = "organization",
    request_body = OrganizationUpdate,
    responses((status = 200, description = "Done", body = Organization)),
)]
pub(crate) async fn handler(cx: RequestCx, Body(body): Body<OrganizationUpdate>) -> Result<Json<Organization>, Reject> {
    Ok(Json(cx.app().organization_update(&cx.caller, body).await?))
}
