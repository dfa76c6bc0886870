//! `DELETE /api/v1/budgets/{id}`

use bailey_core::BudgetId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Deletes a budget. The ledger stays.
#[utoipa::path(
    delete,
    path = "/api/v1/budgets/{id}",
    operation_id = "budgets_delete",
    tag = "budgets",
    params(("id" = String, Path, description = "The budget's id")),
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<BudgetId>) -> Result<StatusCode, Reject> {
    cx.app().budget_delete(&cx.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
