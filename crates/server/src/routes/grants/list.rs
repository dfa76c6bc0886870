//! `GET /api/v1/grants`

use axum::Json;
use bailey_api::Page;
use bailey_api::roles::{Grant, GrantListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists grants, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/grants",
    operation_id = "grants_list",
    tag = "roles",
    params(GrantListQuery),
    responses((status = 200, description = "Done", body = Page<Grant>)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<GrantListQuery>) -> Result<Json<Page<Grant>>, Reject> {
    Ok(Json(cx.app().grants_list(&cx.caller, query).await?))
}
