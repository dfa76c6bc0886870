//! `GET /api/v1/templates/{id}/versions/{number}`

use axum::Json;
use bailey_api::templates::TemplateVersionDetail;

use crate::cx::RequestCx;
use crate::extract::Ids;
use crate::reject::Reject;

/// Shows a version of a template and what it says.
#[utoipa::path(
    get,
    path = "/api/v1/templates/{id}/versions/{number}",
    operation_id = "templates_version",
    tag = "templates",
    params(
        ("id" = String, Path, description = "The template's id or name"),
        ("number" = u32, Path, description = "The version's number"),
    ),
    responses((status = 200, description = "Done", body = TemplateVersionDetail)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Ids(template, number): Ids<String, u32>,
) -> Result<Json<TemplateVersionDetail>, Reject> {
    let version = cx.app().template_version_get(&cx.caller, &template, number).await?;
    Ok(Json(version))
}
