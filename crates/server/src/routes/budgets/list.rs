//! `GET /api/v1/budgets`

use axum::Json;
use bailey_api::Page;
use bailey_api::budgets::{Budget, BudgetListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists budgets and how they stand, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/budgets",
    operation_id = "budgets_list",
    tag = "budgets",
    params(BudgetListQuery),
    responses((status = 200, description = "Done", body = Page<Budget>)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<BudgetListQuery>) -> Result<Json<Page<Budget>>, Reject> {
    Ok(Json(cx.app().budgets_list(&cx.caller, query).await?))
}
