//! `DELETE /api/v1/me/second-factor`

use axum::response::Response;
use bailey_api::sign_in::SecondFactorRemove;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;
use crate::routes::sign_in::with_cookie;

/// Takes one's second factor and recovery codes away.
#[utoipa::path(
    delete,
    path = "/api/v1/me/second-factor",
    operation_id = "me_second_factor_remove",
    tag = "sign-in",
    request_body = SecondFactorRemove,
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Body(body): Body<SecondFactorRemove>) -> Result<Response, Reject> {
    let cookie = cx.app().second_factor_remove(&cx.caller, &cx.way, body).await?;
    Ok(with_cookie(StatusCode::NO_CONTENT, cookie))
}
