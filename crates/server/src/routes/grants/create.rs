//! `POST /api/v1/grants`

use axum::Json;
use bailey_api::roles::{Grant, GrantCreate};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Grants a role to a person, or to everyone in a group.
#[utoipa::path(
    post,
    path = "/api/v1/grants",
    operation_id = "grants_create",
    tag = "roles",
    request_body = GrantCreate,
    responses((status = 201, description = "Made", body = Grant)),
)]
pub(crate) async fn handler(cx: RequestCx, Body(body): Body<GrantCreate>) -> Result<(StatusCode, Json<Grant>), Reject> {
    let grant = cx.app().grant_create(&cx.caller, body).await?;
    Ok((StatusCode::CREATED, Json(grant)))
}
