//! `GET /api/v1/models`

use axum::Json;
use bailey_api::models::ModelList;

use crate::cx::RequestCx;
use crate::reject::Reject;

/// Lists the models, where their requests go, and whether the routes are healthy.
#[utoipa::path(
    get,
    path = "/api/v1/models",
    operation_id = "models_list",
    tag = "models",
    responses((status = 200, description = "Done", body = ModelList)),
)]
pub(crate) async fn handler(cx: RequestCx) -> Result<Json<ModelList>, Reject> {
    Ok(Json(cx.app().models_list()))
}
