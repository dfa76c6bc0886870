//! `GET /api/v1/groups`

use axum::Json;
use bailey_api::Page;
use bailey_api::groups::{Group, ListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists groups, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/groups",
    operation_id = "groups_list",
    tag = "groups",
    params(ListQuery),
    responses((status = 200, description = "Done", body = Page<Group>)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<ListQuery>) -> Result<Json<Page<Group>>, Reject> {
    Ok(Json(cx.app().groups_list(&cx.caller, query).await?))
}
