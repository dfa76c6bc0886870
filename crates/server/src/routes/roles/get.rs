//! `GET /api/v1/roles/{id}`

use axum::Json;
use bailey_api::roles::Role;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a role and what it includes.
#[utoipa::path(
    get,
    path = "/api/v1/roles/{id}",
    operation_id = "roles_get",
    tag = "roles",
    params(("id" = String, Path, description = "The role's name")),
    responses((status = 200, description = "Done", body = Role)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(name): Id<String>) -> Result<Json<Role>, Reject> {
    Ok(Json(cx.app().role_get(&cx.caller, &name).await?))
}
