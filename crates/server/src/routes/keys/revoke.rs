//! `POST /api/v1/keys/{id}/revoke`

use axum::Json;
use bailey_api::keys::Key;
use bailey_core::KeyId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Revokes a key for good. Its open streams end at once.
#[utoipa::path(
    post,
    path = "/api/v1/keys/{id}/revoke",
    operation_id = "keys_revoke",
    tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "Done", body = Key)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<KeyId>) -> Result<Json<Key>, Reject> {
    Ok(Json(cx.app().key_revoke(&cx.caller, id).await?))
}
