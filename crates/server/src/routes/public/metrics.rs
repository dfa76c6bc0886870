//! `GET /metrics`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bailey_api::Code;
use bailey_runtime::metrics::CONTENT_TYPE;
use http::HeaderValue;

use crate::app::App;
use crate::reject::Reject;

/// Answers with every metric, for Prometheus. There is no person and no key in them.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "health",
    responses(
        (
            status = 200,
            description = "OpenMetrics text",
            body = String,
            content_type = "application/openmetrics-text",
        ),
    ),
)]
pub(crate) async fn handler(State(app): State<App>) -> Result<Response, Reject> {
    let text = app
        .metrics()
        .encode()
        .map_err(|_| Reject::new(Code::Internal, "a metric cannot be written"))?;
    let mut response = text.into_response();
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    Ok(response)
}
