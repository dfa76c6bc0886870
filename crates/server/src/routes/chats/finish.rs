//! `POST /api/v1/chats/{id}/finish`

use axum::Json;
use bailey_api::chats::Chat;
use bailey_core::ChatId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Calls a chat done that nothing runs in.
#[utoipa::path(
    post,
    path = "/api/v1/chats/{id}/finish",
    operation_id = "chats_finish",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The chat's id"),
    ),
    responses((status = 200, description = "Done", body = Chat)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<ChatId>) -> Result<Json<Chat>, Reject> {
    Ok(Json(cx.app().chat_finish(&cx.caller, id).await?))
}
