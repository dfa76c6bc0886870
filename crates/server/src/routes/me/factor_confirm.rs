//! `POST /api/v1/me/second-factor/confirm`

use axum::Json;
use axum::response::Response;
use bailey_api::sign_in::{RecoveryCodes, SecondFactorConfirm};

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;
use crate::routes::sign_in::with_cookie;

/// Confirms one's authenticator with a code of it, and makes recovery codes.
#[utoipa::path(
    post,
    path = "/api/v1/me/second-factor/confirm",
    operation_id = "me_second_factor_confirm",
    tag = "sign-in",
    request_body = SecondFactorConfirm,
    responses((status = 200, description = "Recovery codes, shown this once", body = RecoveryCodes)),
)]
pub(crate) async fn handler(cx: RequestCx, Body(body): Body<SecondFactorConfirm>) -> Result<Response, Reject> {
    let (codes, cookie) = cx.app().second_factor_confirm(&cx.caller, body).await?;
    Ok(with_cookie(Json(codes), cookie))
}
