//! `PATCH /api/v1/chats/{id}`

use axum::Json;
use bailey_api::chats::{Chat, ChatUpdate};
use bailey_core::ChatId;

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Gives a chat another title.
#[utoipa::path(
    patch,
    path = "/api/v1/chats/{id}",
    operation_id = "chats_update",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The chat's id"),
    ),
    request_body = ChatUpdate,
    responses((status = 200, description = "Done", body = Chat)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<ChatId>,
    Body(body): Body<ChatUpdate>,
) -> Result<Json<Chat>, Reject> {
    Ok(Json(cx.app().chat_update(&cx.caller, id, body).await?))
}
