//! `GET /api/v1/users`

use axum::Json;
use bailey_api::Page;
use bailey_api::users::{User, UserListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists people, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    operation_id = "users_list",
    tag = "users",
    params(UserListQuery),
    responses((status = 200, description = "Done", body = Page<User>)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<UserListQuery>) -> Result<Json<Page<User>>, Reject> {
    Ok(Json(cx.app().users_list(&cx.caller, query).await?))
}
