//! `POST /api/v1/chats/{id}/messages`

use axum::Json;
use bailey_api::chats::{Chat, ChatMessage};
use bailey_core::ChatId;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Writes to a chat. The agent reads the message with its next step; one that was interrupted goes on with it.
#[utoipa::path(
    post,
    path = "/api/v1/chats/{id}/messages",
    operation_id = "chats_message",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The chat's id"),
    ),
    request_body = ChatMessage,
    responses((status = 200, description = "Done", body = Chat)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<ChatId>,
    Body(body): Body<ChatMessage>,
) -> Result<Json<Chat>, Reject> {
    Ok(Json(cx.app().chat_post(&cx.caller, id, &body.text).await?))
}
