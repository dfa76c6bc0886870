//! `POST /api/v1/tokens`

use axum::Json;
use bailey_api::tokens::{TokenCreate, TokenWithSecret};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Makes a token. Its secret is in this answer and nowhere else.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    operation_id = "tokens_create",
    tag = "tokens",
    request_body = TokenCreate,
    responses((status = 201, description = "Made", body = TokenWithSecret)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Body(body): Body<TokenCreate>,
) -> Result<(StatusCode, Json<TokenWithSecret>), Reject> {
    Ok((
        StatusCode::CREATED,
        Json(cx.app().token_create(&cx.caller, body).await?),
    ))
}
