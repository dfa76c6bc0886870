//! `PATCH /api/v1/groups/{id}`

use axum::Json;
use bailey_api::groups::{GroupDetail, GroupUpdate};

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Changes a group.
#[utoipa::path(
    patch,
    path = "/api/v1/groups/{id}",
    operation_id = "groups_update",
    tag = "groups",
    params(("id" = String, Path, description = "The group's id or name")),
    request_body = GroupUpdate,
    responses((status = 200, description = "Done", body = GroupDetail)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<String>,
    Body(body): Body<GroupUpdate>,
) -> Result<Json<GroupDetail>, Reject> {
    Ok(Json(cx.app().group_update(&cx.caller, &id, body).await?))
}
