//! `DELETE /api/v1/groups/{id}/members/{person}`

use axum::Json;
use bailey_api::groups::GroupDetail;

use crate::cx::RequestCx;
use crate::extract::Ids;
use crate::reject::Reject;

/// Ends a person's membership.
#[utoipa::path(
    delete,
    path = "/api/v1/groups/{id}/members/{person}",
    operation_id = "groups_member_remove",
    tag = "groups",
    params(
        ("id" = String, Path, description = "The group's id or name"),
        ("person" = String, Path, description = "The person's id or name"),
    ),
    responses((status = 200, description = "Done", body = GroupDetail)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Ids(group, person): Ids<String, String>,
) -> Result<Json<GroupDetail>, Reject> {
    Ok(Json(cx.app().group_member_remove(&cx.caller, &group, &person).await?))
}
