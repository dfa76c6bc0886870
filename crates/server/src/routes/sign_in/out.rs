//! `POST /api/v1/sign-out`

use axum::Json;
use axum::response::Response;
use bailey_api::sign_in::SignedOut;
use http::StatusCode;

use super::with_cookie;
use crate::cx::RequestCx;
use crate::identity;
use crate::reject::Reject;

/// Ends the session that asks. Where it began at an identity provider that has a page for signing out, the answer says where the
/// browser is to go.
#[utoipa::path(
    post,
    path = "/api/v1/sign-out",
    operation_id = "sign_out",
    tag = "sign-in",
    responses(
        (status = 200, description = "Done here; the address leads on", body = SignedOut),
        (status = 204, description = "Done; nothing to say"),
    ),
)]
pub(crate) async fn handler(cx: RequestCx) -> Result<Response, Reject> {
    let elsewhere = cx.app().sign_out(&cx.caller, &cx.way).await?;
    let cookie = Some(identity::cleared());
    Ok(match elsewhere {
        Some(url) => with_cookie(Json(SignedOut { url }), cookie),
        None => with_cookie(StatusCode::NO_CONTENT, cookie),
    })
}
