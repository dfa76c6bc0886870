//! `POST /api/v1/groups`

use axum::Json;
use bailey_api::groups::{Group, GroupCreate};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Makes a group.
#[utoipa::path(
    post,
    path = "/api/v1/groups",
    operation_id = "groups_create",
    tag = "groups",
    request_body = GroupCreate,
    responses((status = 201, description = "Made", body = Group)),
)]
pub(crate) async fn handler(cx: RequestCx, Body(body): Body<GroupCreate>) -> Result<(StatusCode, Json<Group>), Reject> {
    Ok((
        StatusCode::CREATED,
        Json(cx.app().group_create(&cx.caller, body).await?),
    ))
}
