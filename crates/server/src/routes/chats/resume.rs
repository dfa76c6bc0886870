//! `POST /api/v1/chats/{id}/resume`

use axum::Json;
use bailey_api::chats::{Chat, ChatResume};
use bailey_core::ChatId;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Lets a paused chat go on. One that has reached a limit gets more of it.
#[utoipa::path(
    post,
    path = "/api/v1/chats/{id}/resume",
    operation_id = "chats_resume",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The chat's id"),
    ),
    request_body = ChatResume,
    responses((status = 200, description = "Done", body = Chat)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<ChatId>,
    Body(body): Body<ChatResume>,
) -> Result<Json<Chat>, Reject> {
    Ok(Json(cx.app().chat_resume(&cx.caller, id, body.more).await?))
}
