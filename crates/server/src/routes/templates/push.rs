//! `POST /api/v1/templates`

use axum::Json;
use bailey_api::schema::ArchiveSchema;
use bailey_api::templates::{TemplatePushQuery, TemplatePushed};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::{Archive, Query};
use crate::reject::Reject;

/// Pushes a template: its directory as tar, with or without gzip around it.
///
/// Everything is checked before anything is stored; what is wrong is answered with every fault's file, line and column. The
/// same content again makes no new version.
#[utoipa::path(
    post,
    path = "/api/v1/templates",
    operation_id = "templates_push",
    tag = "templates",
    params(TemplatePushQuery),
    request_body(
        description = "The archive, at most 32 MiB",
        content((ArchiveSchema = "application/x-tar"), (ArchiveSchema = "application/gzip")),
    ),
    responses(
        (status = 200, description = "Nothing new: this content was there, or it was a dry run", body = TemplatePushed),
        (status = 201, description = "A version was made", body = TemplatePushed),
    ),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Query(query): Query<TemplatePushQuery>,
    Archive(archive): Archive,
) -> Result<(StatusCode, Json<TemplatePushed>), Reject> {
    let dry = query.dry_run.unwrap_or(false);
    let pushed = cx.app().template_push(&cx.caller, query, archive).await?;
    let status = if pushed.created && !dry {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(pushed)))
}
