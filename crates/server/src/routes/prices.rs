//! `GET /api/v1/prices`

use axum::Json;
use bailey_api::prices::{PriceQuery, Prices};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Shows which price table is in use, and one price of it.
#[utoipa::path(
    get,
    path = "/api/v1/prices",
    operation_id = "prices_get",
    tag = "models",
    params(PriceQuery),
    responses((status = 200, description = "Done", body = Prices)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<PriceQuery>) -> Result<Json<Prices>, Reject> {
    Ok(Json(cx.app().prices(query)?))
}
