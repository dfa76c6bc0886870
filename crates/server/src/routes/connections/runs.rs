//! `GET /api/v1/connections/{id}/runs`

use axum::Json;
use bailey_api::Page;
use bailey_api::connections::{ListQuery, TicketRun};

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;

/// Lists the runs that a connection has started, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/connections/{id}/runs",
    operation_id = "connections_runs",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id or name"), ListQuery),
    responses((status = 200, description = "Done", body = Page<TicketRun>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<TicketRun>>, Reject> {
    Ok(Json(cx.app().connection_runs(&id, query).await?))
}
