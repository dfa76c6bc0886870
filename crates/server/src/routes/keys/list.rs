//! `GET /api/v1/keys`

use axum::Json;
use bailey_api::Page;
use bailey_api::keys::{Key, KeyListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists keys, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/keys",
    operation_id = "keys_list",
    tag = "keys",
    params(KeyListQuery),
    responses((status = 200, description = "Done", body = Page<Key>)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<KeyListQuery>) -> Result<Json<Page<Key>>, Reject> {
    Ok(Json(cx.app().keys_list(&cx.caller, query).await?))
}
