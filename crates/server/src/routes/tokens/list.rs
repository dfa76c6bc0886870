//! `GET /api/v1/tokens`

use axum::Json;
use bailey_api::Page;
use bailey_api::tokens::{Token, TokenListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists tokens, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    operation_id = "tokens_list",
    tag = "tokens",
    params(TokenListQuery),
    responses((status = 200, description = "Done", body = Page<Token>)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<TokenListQuery>) -> Result<Json<Page<Token>>, Reject> {
    Ok(Json(cx.app().tokens_list(&cx.caller, query).await?))
}
