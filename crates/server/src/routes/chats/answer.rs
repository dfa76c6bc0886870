//! `POST /api/v1/chats/{id}/calls/{call}/answer`

use axum::Json;
use bailey_api::chats::{Chat, ChatMessage};
use bailey_core::{CallId, ChatId};

use crate::cx::RequestCx;
use crate::extract::{Body, Ids};
use crate::reject::Reject;

/// Answers a question of the agent.
#[utoipa::path(
    post,
    path = "/api/v1/chats/{id}/calls/{call}/answer",
    operation_id = "chats_answer",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The chat's id"),
        ("call" = String, Path, description = "The tool call's id"),
    ),
    request_body = ChatMessage,
    responses((status = 200, description = "Done", body = Chat)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Ids(id, call): Ids<ChatId, CallId>,
    Body(body): Body<ChatMessage>,
) -> Result<Json<Chat>, Reject> {
    Ok(Json(cx.app().chat_answer(&cx.caller, (id, call), &body.text).await?))
}
