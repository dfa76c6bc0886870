//! `GET /api/v1/requests/{id}`

use axum::Json;
use bailey_api::requests::RequestDetail;
use bailey_core::RequestId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a request and its attempts.
#[utoipa::path(
    get,
    path = "/api/v1/requests/{id}",
    operation_id = "requests_get",
    tag = "ledger",
    params(("id" = String, Path, description = "The request's id")),
    responses((status = 200, description = "Done", body = RequestDetail)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<RequestId>) -> Result<Json<RequestDetail>, Reject> {
    Ok(Json(cx.app().request_get(&cx.caller, id).await?))
}
