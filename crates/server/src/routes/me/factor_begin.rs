//! `POST /api/v1/me/second-factor`

use axum::Json;
use bailey_api::sign_in::{SecondFactorBegin, SecondFactorSecret};

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Makes a secret for an authenticator. It is asked for at sign-in when a code has confirmed it.
#[utoipa::path(
    post,
    path = "/api/v1/me/second-factor",
    operation_id = "me_second_factor_begin",
    tag = "sign-in",
    request_body = SecondFactorBegin,
    responses((status = 200, description = "The secret, shown this once", body = SecondFactorSecret)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Body(body): Body<SecondFactorBegin>,
) -> Result<Json<SecondFactorSecret>, Reject> {
    let secret = cx.app().second_factor_begin(&cx.caller, &cx.way, body).await?;
    Ok(Json(secret))
}
