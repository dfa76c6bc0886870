//! `GET /api/v1/chats/{id}`

use axum::Json;
use bailey_api::chats::Chat;
use bailey_core::ChatId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows a chat.
#[utoipa::path(
    get,
    path = "/api/v1/chats/{id}",
    operation_id = "chats_get",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The chat's id"),
    ),
    responses((status = 200, description = "Done", body = Chat)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<ChatId>) -> Result<Json<Chat>, Reject> {
    Ok(Json(cx.app().chat_get(&cx.caller, id).await?))
}
