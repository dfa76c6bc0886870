//! `POST /api/v1/keys/{id}/rotate`

use axum::Json;
use bailey_api::keys::KeyWithSecret;
use bailey_core::KeyId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Replaces a key's secret. The old one is refused from now on.
#[utoipa::path(
    post,
    path = "/api/v1/keys/{id}/rotate",
    operation_id = "keys_rotate",
    tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "Done", body = KeyWithSecret)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<KeyId>) -> Result<Json<KeyWithSecret>, Reject> {
    Ok(Json(cx.app().key_rotate(&cx.caller, id).await?))
}
