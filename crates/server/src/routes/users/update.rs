//! `PATCH /api/v1/users/{id}`

use axum::Json;
use bailey_api::users::{UserDetail, UserUpdate};

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Changes a person.
#[utoipa::path(
    patch,
    path = "/api/v1/users/{id}",
    operation_id = "users_update",
    tag = "users",
    params(("id" = String, Path, description = "The person's id or name")),
    request_body = UserUpdate,
    responses((status = 200, description = "Done", body = UserDetail)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<String>,
    Body(body): Body<UserUpdate>,
) -> Result<Json<UserDetail>, Reject> {
    Ok(Json(cx.app().user_update(&cx.caller, &id, body).await?))
}
