//! `PATCH /api/v1/roles/{id}`

use axum::Json;
use bailey_api::roles::{Role, RoleUpdate};

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Changes a role, for everyone who holds it. Built-in ones cannot be changed.
#[utoipa::path(
    patch,
    path = "/api/v1/roles/{id}",
    operation_id = "roles_update",
    tag = "roles",
    params(("id" = String, Path, description = "The role's name")),
    request_body = RoleUpdate,
    responses((status = 200, description = "Done", body = Role)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(name): Id<String>,
    Body(body): Body<RoleUpdate>,
) -> Result<Json<Role>, Reject> {
    Ok(Json(cx.app().role_update(&cx.caller, &name, body).await?))
}
