//! `POST /api/v1/me/confirm`

use axum::response::Response;
use bailey_api::sign_in::Confirm;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;
use crate::routes::sign_in::with_cookie;

/// Shows one's password again. For five minutes this session may do what takes it, such as linking an identity.
#[utoipa::path(
    post,
    path = "/api/v1/me/confirm",
    operation_id = "me_confirm",
    tag = "sign-in",
    request_body = Confirm,
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Body(body): Body<Confirm>) -> Result<Response, Reject> {
    let cookie = cx.app().confirm(&cx.caller, &cx.way, body).await?;
    Ok(with_cookie(StatusCode::NO_CONTENT, cookie))
}
