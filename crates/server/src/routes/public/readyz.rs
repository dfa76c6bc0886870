//! `GET /readyz`

use axum::Json;
use axum::extract::State;
use bailey_api::health::Readiness;
use http::StatusCode;

use crate::app::App;

/// Says whether requests should be sent here, and if not, what is wrong.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "health",
    responses(
        (status = 200, description = "Ready", body = Readiness),
        (status = 503, description = "Not ready", body = Readiness),
    )
)]
pub(crate) async fn handler(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let readiness = app.readiness().await;
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}
