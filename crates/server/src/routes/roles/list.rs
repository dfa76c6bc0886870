//! `GET /api/v1/roles`

use axum::Json;
use bailey_api::Page;
use bailey_api::groups::ListQuery;
use bailey_api::roles::Role;

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists roles: those that were made, newest first, and the built-in ones after them.
#[utoipa::path(
    get,
    path = "/api/v1/roles",
    operation_id = "roles_list",
    tag = "roles",
    params(ListQuery),
    responses((status = 200, description = "Done", body = Page<Role>)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<ListQuery>) -> Result<Json<Page<Role>>, Reject> {
    Ok(Json(cx.app().roles_list(&cx.caller, query).await?))
}
