//! `POST /api/v1/workspaces/{id}/apps/{app}/open`

use axum::Json;
use bailey_api::apps::AppLink;
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::Ids;
use crate::reject::Reject;

/// Makes an address at which a browser opens an app. It is good once, within a minute; the session that it begins is good
/// for this app alone and lasts up to eight hours.
#[utoipa::path(
    post,
    path = "/api/v1/workspaces/{id}/apps/{app}/open",
    operation_id = "apps_open",
    tag = "workspaces",
    params(
        ("id" = String, Path, description = "The workspace's id"),
        ("app" = String, Path, description = "The app's name; `terminal` is there in every workspace"),
    ),
    responses((status = 200, description = "The address", body = AppLink)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Ids(workspace, app): Ids<WorkspaceId, String>,
) -> Result<Json<AppLink>, Reject> {
    Ok(Json(cx.app().app_open(&cx.caller, workspace, &app).await?))
}
