//! `POST /api/v1/me/external-accounts/{provider}/link`

use axum::Json;
use axum::response::Response;
use bailey_api::external::{ExternalLink, ExternalLinkBegun};

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;
use crate::routes::sign_in::with_cookie;

/// Begins to link one's account at a forge. The answer names the address to send this browser to; the forge sends it back to
/// `/auth/external/{provider}/callback`, within ten minutes.
#[utoipa::path(
    post,
    path = "/api/v1/me/external-accounts/{provider}/link",
    operation_id = "me_external_accounts_link",
    tag = "external accounts",
    params(("provider" = String, Path, description = "The provider's name")),
    request_body = ExternalLink,
    responses((status = 200, description = "Begun", body = ExternalLinkBegun)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(provider): Id<String>,
    Body(body): Body<ExternalLink>,
) -> Result<Response, Reject> {
    let begun = cx.app().external_link_begin(&cx.caller, &cx.way, &provider, &body);
    let (begun, cookie) = begun.await?;
    Ok(with_cookie(Json(begun), Some(cookie)))
}
