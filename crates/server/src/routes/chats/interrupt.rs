//! `POST /api/v1/chats/{id}/interrupt`

use axum::Json;
use bailey_api::chats::Chat;
use bailey_core::ChatId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Interrupts a chat: what is under way ends, what was said stays, and it can go on.
#[utoipa::path(
    post,
    path = "/api/v1/chats/{id}/interrupt",
    operation_id = "chats_interrupt",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The chat's id"),
    ),
    responses((status = 200, description = "Done", body = Chat)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<ChatId>) -> Result<Json<Chat>, Reject> {
    Ok(Json(cx.app().chat_interrupt(&cx.caller, id).await?))
}
