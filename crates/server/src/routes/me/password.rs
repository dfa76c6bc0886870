//! `PUT /api/v1/me/password`

use axum::response::Response;
use bailey_api::sign_in::PasswordChange;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;
use crate::routes::sign_in::with_cookie;

/// Changes one's password, and ends all one's other sessions.
#[utoipa::path(
    put,
    path = "/api/v1/me/password",
    operation_id = "me_password",
    tag = "sign-in",
    request_body = PasswordChange,
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Body(body): Body<PasswordChange>) -> Result<Response, Reject> {
    let cookie = cx.app().password_change(&cx.caller, &cx.way, body).await?;
    Ok(with_cookie(StatusCode::NO_CONTENT, cookie))
}
