//! `GET /api/v1/keys/{id}`

use axum::Json;
use bailey_api::keys::Key;
use bailey_core::KeyId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a key and how its budgets stand.
#[utoipa::path(
    get,
    path = "/api/v1/keys/{id}",
    operation_id = "keys_get",
    tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "Done", body = Key)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<KeyId>) -> Result<Json<Key>, Reject> {
    Ok(Json(cx.app().key_get(&cx.caller, id).await?))
}
