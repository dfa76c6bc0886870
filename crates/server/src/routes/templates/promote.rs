//! `POST /api/v1/templates/{id}/promote`

use axum::Json;
use bailey_api::templates::{Template, TemplatePromote};

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Puts a version in force. New workspaces get it from now on; others when they are updated.
#[utoipa::path(
    post,
    path = "/api/v1/templates/{id}/promote",
    operation_id = "templates_promote",
    tag = "templates",
    params(("id" = String, Path, description = "The template's id or name")),
    request_body = TemplatePromote,
    responses((status = 200, description = "Done", body = Template)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(template): Id<String>,
    Body(body): Body<TemplatePromote>,
) -> Result<Json<Template>, Reject> {
    Ok(Json(cx.app().template_promote(&cx.caller, &template, body).await?))
}
