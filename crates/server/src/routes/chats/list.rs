//! `GET /api/v1/chats`

use axum::Json;
use bailey_api::Page;
use bailey_api::chats::{Chat, ChatListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists chats, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/chats",
    operation_id = "chats_list",
    tag = "chats",
    params(
        ChatListQuery,
    ),
    responses((status = 200, description = "Done", body = Page<Chat>)),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<ChatListQuery>) -> Result<Json<Page<Chat>>, Reject> {
    Ok(Json(cx.app().chats_list(&cx.caller, query).await?))
}
