//! `POST /api/v1/budgets`

use axum::Json;
use bailey_api::budgets::{Budget, BudgetCreate};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Makes a budget.
#[utoipa::path(
    post,
    path = "/api/v1/budgets",
    operation_id = "budgets_create",
    tag = "budgets",
    request_body = BudgetCreate,
    responses((status = 201, description = "Made", body = Budget)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Body(body): Body<BudgetCreate>,
) -> Result<(StatusCode, Json<Budget>), Reject> {
    Ok((
        StatusCode::CREATED,
        Json(cx.app().budget_create(&cx.caller, body).await?),
    ))
}
