//! `GET /api/v1/users/{id}`

use axum::Json;
use bailey_api::users::UserDetail;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a person and their groups.
#[utoipa::path(
    get,
    path = "/api/v1/users/{id}",
    operation_id = "users_get",
    tag = "users",
    params(("id" = String, Path, description = "The person's id or name")),
    responses((status = 200, description = "Done", body = UserDetail)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<Json<UserDetail>, Reject> {
    Ok(Json(cx.app().user_get(&cx.caller, &id).await?))
}
