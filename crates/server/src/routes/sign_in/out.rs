//! `POST /api/v1/sign-out`

use axum::response::Response;
use http::StatusCode;

use super::with_cookie;
use crate::cx::RequestCx;
use crate::identity;
use crate::reject::Reject;

/// Ends the session that asks.
#[utoipa::path(
    post,
    path = "/api/v1/sign-out",
    operation_id = "sign_out",
    tag = "sign-in",
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx) -> Result<Response, Reject> {
    cx.app().sign_out(&cx.caller).await?;
    Ok(with_cookie(StatusCode::NO_CONTENT, Some(identity::cleared())))
}
