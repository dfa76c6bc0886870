//! `GET /api/v1/budgets/{id}`

use axum::Json;
use bailey_api::budgets::Budget;
use bailey_core::BudgetId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a budget and how it stands.
#[utoipa::path(
    get,
    path = "/api/v1/budgets/{id}",
    operation_id = "budgets_get",
    tag = "budgets",
    params(("id" = String, Path, description = "The budget's id")),
    responses((status = 200, description = "Done", body = Budget)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<BudgetId>) -> Result<Json<Budget>, Reject> {
    Ok(Json(cx.app().budget_get(&cx.caller, id).await?))
}
