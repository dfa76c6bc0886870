//! `GET /api/v1/homes`

use axum::Json;
use bailey_api::Page;
use bailey_api::homes::{Home, HomeListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists homes that were kept when their workspaces were deleted. They count in their owner's quota of disk until they are
/// removed.
#[utoipa::path(
    get,
    path = "/api/v1/homes",
    operation_id = "homes_list",
    tag = "workspaces",
    params(HomeListQuery),
    responses((status = 200, description = "Done", body = Page<Home>)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<HomeListQuery>) -> Result<Json<Page<Home>>, Reject> {
    Ok(Json(cx.app().homes_list(&cx.caller, query).await?))
}
