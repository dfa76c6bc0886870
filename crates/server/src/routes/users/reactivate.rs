//! `POST /api/v1/users/{id}/reactivate`

use axum::Json;
use bailey_api::users::UserDetail;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Lets a suspended person back in. They may sign in and start their workspaces again; sessions, tokens and keys that the
/// suspension ended stay ended.
#[utoipa::path(
    post,
    path = "/api/v1/users/{id}/reactivate",
    operation_id = "users_reactivate",
    tag = "users",
    params(("id" = String, Path, description = "The person's id or name")),
    responses((status = 200, description = "Done", body = UserDetail)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<Json<UserDetail>, Reject> {
    Ok(Json(cx.app().user_reactivate(&cx.caller, &id).await?))
}
