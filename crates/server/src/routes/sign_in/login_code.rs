//! `POST /api/v1/login-codes`

use axum::Json;
use bailey_api::sign_in::{LoginCode, LoginCodeCreate};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Allows a command line to act for whoever is signed in. The code is good once, within two minutes.
#[utoipa::path(
    post,
    path = "/api/v1/login-codes",
    operation_id = "login_codes_create",
    tag = "sign-in",
    request_body = LoginCodeCreate,
    responses((status = 201, description = "Made", body = LoginCode)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Body(body): Body<LoginCodeCreate>,
) -> Result<(StatusCode, Json<LoginCode>), Reject> {
    let code = cx.app().login_code_create(&cx.caller, body).await?;
    Ok((StatusCode::CREATED, Json(code)))
}
