//! `PUT /api/v1/groups/{id}/members/{person}`

use axum::Json;
use bailey_api::groups::GroupDetail;

use crate::cx::RequestCx;
use crate::extract::Ids;
use crate::reject::Reject;

/// Makes a person a member.
#[utoipa::path(
    put,
    path = "/api/v1/groups/{id}/members/{person}",
    operation_id = "groups_member_add",
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
    Ok(Json(cx.app().group_member_add(&cx.caller, &group, &person).await?))
}
