//! `GET /api/v1/connections`

use axum::Json;
use bailey_api::Page;
use bailey_api::connections::{Connection, ListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists connections to forges, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/connections",
    operation_id = "connections_list",
    tag = "connections",
    params(ListQuery),
    responses((status = 200, description = "Done", body = Page<Connection>)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<ListQuery>) -> Result<Json<Page<Connection>>, Reject> {
    Ok(Json(cx.app().connections_list(query).await?))
}
