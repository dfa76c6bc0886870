//! `POST /api/v1/keys`

use axum::Json;
use bailey_api::keys::{KeyCreate, KeyWithSecret};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Makes a key. Its secret is in this answer and nowhere else.
#[utoipa::path(
    post,
    path = "/api/v1/keys",
    operation_id = "keys_create",
    tag = "keys",
    request_body = KeyCreate,
    responses((status = 201, description = "Made", body = KeyWithSecret)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Body(body): Body<KeyCreate>,
) -> Result<(StatusCode, Json<KeyWithSecret>), Reject> {
    Ok((StatusCode::CREATED, Json(cx.app().key_create(&cx.caller, body).await?)))
}
