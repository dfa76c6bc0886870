//! `PATCH /api/v1/budgets/{id}`

use axum::Json;
use bailey_api::budgets::{Budget, BudgetUpdate};
use bailey_core::BudgetId;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Sets a budget's limit.
#[utoipa::path(
    patch,
    path = "/api/v1/budgets/{id}",
    operation_id = "budgets_update",
    tag = "budgets",
    params(("id" = String, Path, description = "The budget's id")),
    request_body = BudgetUpdate,
    responses((status = 200, description = "Done", body = Budget)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<BudgetId>,
    Body(body): Body<BudgetUpdate>,
) -> Result<Json<Budget>, Reject> {
    Ok(Json(cx.app().budget_update(&cx.caller, id, body).await?))
}
