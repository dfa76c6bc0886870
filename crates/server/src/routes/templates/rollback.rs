//! `POST /api/v1/templates/{id}/rollback`

use axum::Json;
use bailey_api::templates::Template;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Puts the version in force again that was so before. Done twice, it changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/templates/{id}/rollback",
    operation_id = "templates_rollback",
    tag = "templates",
    params(("id" = String, Path, description = "The template's id or name")),
    responses((status = 200, description = "Done", body = Template)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(template): Id<String>) -> Result<Json<Template>, Reject> {
    Ok(Json(cx.app().template_roll_back(&cx.caller, &template).await?))
}
