//! `GET /api/v1/templates/{id}/versions/{number}/archive`

use axum::response::{IntoResponse, Response};
use bailey_api::schema::ArchiveSchema;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::cx::RequestCx;
use crate::extract::Ids;
use crate::reject::Reject;

/// Gives a version's archive: tar with gzip around it. The SHA-256 of the tar is the version's digest.
#[utoipa::path(
    get,
    path = "/api/v1/templates/{id}/versions/{number}/archive",
    operation_id = "templates_archive",
    tag = "templates",
    params(
        ("id" = String, Path, description = "The template's id or name"),
        ("number" = u32, Path, description = "The version's number"),
    ),
    responses((status = 200, description = "Done", body = ArchiveSchema, content_type = "application/gzip")),
)]
pub(crate) async fn handler(cx: RequestCx, Ids(template, number): Ids<String, u32>) -> Result<Response, Reject> {
    let archive = cx.app().template_archive(&cx.caller, &template, number).await?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{}.tar.gz\"", archive.name)) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok((headers, archive.bytes).into_response())
}
