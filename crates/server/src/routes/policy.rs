//! `GET /api/v1/policy/explain`

use axum::Json;
use bailey_api::policy::{ExplainQuery, Explanation};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Explains why somebody may do something, or may not. Everyone asks for themselves; for others those who see their roles.
#[utoipa::path(
    get,
    path = "/api/v1/policy/explain",
    operation_id = "policy_explain",
    tag = "roles",
    params(ExplainQuery),
    responses((status = 200, description = "Done", body = Explanation)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<ExplainQuery>) -> Result<Json<Explanation>, Reject> {
    Ok(Json(cx.app().policy_explain(&cx.caller, query).await?))
}
