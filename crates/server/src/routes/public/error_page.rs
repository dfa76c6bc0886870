//! `GET /errors/{code}`

use axum::response::{IntoResponse, Response};
use bailey_api::Code;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::app::AppError;
use crate::extract::Id;
use crate::reject::Reject;

/// Explains an error code, in Markdown.
#[utoipa::path(
    get,
    path = "/errors/{code}",
    operation_id = "error_page",
    tag = "health",
    params(("code" = String, Path, description = "The code")),
    responses((status = 200, description = "Markdown", body = String, content_type = "text/markdown")),
)]
pub(crate) async fn handler(Id(code): Id<String>) -> Result<Response, Reject> {
    let code = Code::from_name(&code).ok_or(AppError::NotFound)?;
    let mut response = code.page().into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/markdown; charset=utf-8"));
    Ok(response)
}
