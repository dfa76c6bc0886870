//! `POST /api/v1/chats/{id}/stop`

use axum::Json;
use bailey_api::chats::Chat;
use bailey_core::ChatId;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Stops a chat for good.
#[utoipa::path(
    post,
    path = "/api/v1/chats/{id}/stop",
    operation_id = "chats_stop",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The chat's id"),
    ),
    responses((status = 200, description = "Done", body = Chat)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<ChatId>) -> Result<Json<Chat>, Reject> {
    Ok(Json(cx.app().chat_stop(&cx.caller, id).await?))
}
