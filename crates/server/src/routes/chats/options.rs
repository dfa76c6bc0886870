//! `GET /api/v1/workspaces/{id}/chats/options`

use axum::Json;
use bailey_api::chats::ChatOptions;
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Says which models there are for chats in a workspace, and what a chat may take.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/chats/options",
    operation_id = "chats_options",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The workspace's id"),
    ),
    responses((status = 200, description = "Done", body = ChatOptions)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<WorkspaceId>) -> Result<Json<ChatOptions>, Reject> {
    Ok(Json(cx.app().chat_options(&cx.caller, id).await?))
}
