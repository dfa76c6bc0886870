//! `POST /api/v1/tokens/{id}/rotate`

use axum::Json;
use bailey_api::tokens::{TokenRotate, TokenWithSecret};
use bailey_core::TokenId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Makes a token of the same name, person and scopes in the place of one, which goes on working for a while.
#[utoipa::path(
    post,
    path = "/api/v1/tokens/{id}/rotate",
    operation_id = "tokens_rotate",
    tag = "tokens",
    params(("id" = String, Path, description = "The token's id")),
    request_body = TokenRotate,
    responses((status = 201, description = "Made", body = TokenWithSecret)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<TokenId>,
    Body(body): Body<TokenRotate>,
) -> Result<(StatusCode, Json<TokenWithSecret>), Reject> {
    let made = cx.app().token_rotate(&cx.caller, id, body).await?;
    Ok((StatusCode::CREATED, Json(made)))
}
