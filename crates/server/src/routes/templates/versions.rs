//! `GET /api/v1/templates/{id}/versions`

use axum::Json;
use bailey_api::Page;
use bailey_api::templates::{TemplateVersion, TemplateVersionListQuery};

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;

/// Lists the versions of a template, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/templates/{id}/versions",
    operation_id = "templates_versions",
    tag = "templates",
    params(("id" = String, Path, description = "The template's id or name"), TemplateVersionListQuery),
    responses((status = 200, description = "Done", body = Page<TemplateVersion>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(template): Id<String>,
    Query(query): Query<TemplateVersionListQuery>,
) -> Result<Json<Page<TemplateVersion>>, Reject> {
    let versions = cx.app().template_versions_list(&cx.caller, &template, query).await?;
    Ok(Json(versions))
}
