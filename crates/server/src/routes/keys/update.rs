//! `PATCH /api/v1/keys/{id}`

use axum::Json;
use bailey_api::keys::{Key, KeyUpdate};
use bailey_core::KeyId;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Changes a key.
#[utoipa::path(
    patch,
    path = "/api/v1/keys/{id}",
    operation_id = "keys_update",
    tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    request_body = KeyUpdate,
    responses((status = 200, description = "Done", body = Key)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<KeyId>,
    Body(body): Body<KeyUpdate>,
) -> Result<Json<Key>, Reject> {
    Ok(Json(cx.app().key_update(&cx.caller, id, body).await?))
}
