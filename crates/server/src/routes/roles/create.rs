//! `POST /api/v1/roles`

use axum::Json;
use bailey_api::roles::{Role, RoleCreate};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Makes a role, which includes at most what its maker has.
#[utoipa::path(
    post,
    path = "/api/v1/roles",
    operation_id = "roles_create",
    tag = "roles",
    request_body = RoleCreate,
    responses((status = 201, description = "Made", body = Role)),
)]
pub(crate) async fn handler(cx: RequestCx, Body(body): Body<RoleCreate>) -> Result<(StatusCode, Json<Role>), Reject> {
    let role = cx.app().role_create(&cx.caller, body).await?;
    Ok((StatusCode::CREATED, Json(role)))
}
