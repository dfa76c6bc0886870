//! `DELETE /api/v1/templates/{id}`

use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Deletes a template that no workspace uses.
#[utoipa::path(
    delete,
    path = "/api/v1/templates/{id}",
    operation_id = "templates_delete",
    tag = "templates",
    params(("id" = String, Path, description = "The template's id or name")),
    responses((status = 204, description = "Done")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(template): Id<String>) -> Result<StatusCode, Reject> {
    cx.app().template_delete(&cx.caller, &template).await?;
    Ok(StatusCode::NO_CONTENT)
}
