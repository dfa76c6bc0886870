//! `GET /api/v1/templates/{id}`

use axum::Json;
use bailey_api::templates::TemplateDetail;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a template and what its version in force says.
#[utoipa::path(
    get,
    path = "/api/v1/templates/{id}",
    operation_id = "templates_get",
    tag = "templates",
    params(("id" = String, Path, description = "The template's id or name")),
    responses((status = 200, description = "Done", body = TemplateDetail)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(template): Id<String>) -> Result<Json<TemplateDetail>, Reject> {
    Ok(Json(cx.app().template_get(&cx.caller, &template).await?))
}
