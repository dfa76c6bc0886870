//! `GET` and `PUT /api/v1/templates/{id}/access`

use axum::Json;
use bailey_api::templates::TemplateAccess;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Shows who may use a template.
#[utoipa::path(
    get,
    path = "/api/v1/templates/{id}/access",
    operation_id = "templates_access",
    tag = "templates",
    params(("id" = String, Path, description = "The template's id or name")),
    responses((status = 200, description = "Done", body = TemplateAccess)),
)]
pub(crate) async fn get(cx: RequestCx, Id(template): Id<String>) -> Result<Json<TemplateAccess>, Reject> {
    Ok(Json(cx.app().template_access_get(&cx.caller, &template).await?))
}

/// Sets who may use a template. For others it does not exist; workspaces that they have of it run on, and are not started again.
#[utoipa::path(
    put,
    path = "/api/v1/templates/{id}/access",
    operation_id = "templates_access_set",
    tag = "templates",
    params(("id" = String, Path, description = "The template's id or name")),
    request_body = TemplateAccess,
    responses((status = 200, description = "Done", body = TemplateAccess)),
)]
pub(crate) async fn set(
    cx: RequestCx,
    Id(template): Id<String>,
    Body(body): Body<TemplateAccess>,
) -> Result<Json<TemplateAccess>, Reject> {
    Ok(Json(cx.app().template_access_set(&cx.caller, &template, body).await?))
}
