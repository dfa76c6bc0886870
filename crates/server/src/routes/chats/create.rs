//! `POST /api/v1/workspaces/{id}/chats`

use axum::Json;
use bailey_api::chats::{Chat, ChatCreate};
use bailey_core::WorkspaceId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Begins a chat in a workspace of one's own. The workspace is started if it is down.
#[utoipa::path(
    post,
    path = "/api/v1/workspaces/{id}/chats",
    operation_id = "chats_create",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The workspace's id"),
    ),
    request_body = ChatCreate,
    responses((status = 201, description = "Begun", body = Chat)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    Body(body): Body<ChatCreate>,
) -> Result<(StatusCode, Json<Chat>), Reject> {
    Ok((
        StatusCode::CREATED,
        Json(cx.app().chat_create(&cx.caller, id, body).await?),
    ))
}
