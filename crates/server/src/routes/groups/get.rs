//! `GET /api/v1/groups/{id}`

use axum::Json;
use bailey_api::groups::GroupDetail;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a group and its members.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{id}",
    operation_id = "groups_get",
    tag = "groups",
    params(("id" = String, Path, description = "The group's id or name")),
    responses((status = 200, description = "Done", body = GroupDetail)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<Json<GroupDetail>, Reject> {
    Ok(Json(cx.app().group_get(&cx.caller, &id).await?))
}
