//! `GET /api/openapi.json`

use axum::response::{IntoResponse, Response};
use bailey_api::Code;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::reject::Reject;

/// Answers with the description of this API.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "openapi",
    tag = "health",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub(crate) async fn handler() -> Result<Response, Reject> {
    let text = crate::routes::openapi_json();
    let text = text.map_err(|_| Reject::new(Code::Internal, "the description cannot be written"))?;
    let mut response = text.into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
