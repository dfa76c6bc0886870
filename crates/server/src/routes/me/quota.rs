//! `GET /api/v1/me/quota`

use axum::Json;
use bailey_api::quota::OwnQuota;

use crate::cx::RequestCx;
use crate::reject::Reject;

/// Shows what the asker may have of workspaces, and has.
#[utoipa::path(
    get,
    path = "/api/v1/me/quota",
    operation_id = "me_quota",
    tag = "workspaces",
    responses((status = 200, description = "Done", body = OwnQuota)),
)]
pub(crate) async fn handler(cx: RequestCx) -> Result<Json<OwnQuota>, Reject> {
    Ok(Json(cx.app().own_quota(&cx.caller).await?))
}
