//! `POST /api/v1/users`

use axum::Json;
use bailey_api::users::{User, UserCreate};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Makes a person.
#[utoipa::path(
    post,
    path = "/api/v1/users",
    operation_id = "users_create",
    tag = "users",
    request_body = UserCreate,
    responses((status = 201, description = "Made", body = User)),
)]
pub(crate) async fn handler(cx: RequestCx, Body(body): Body<UserCreate>) -> Result<(StatusCode, Json<User>), Reject> {
    Ok((StatusCode::CREATED, Json(cx.app().user_create(&cx.caller, body).await?)))
}
