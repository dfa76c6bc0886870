//! `POST /api/v1/chats/{id}/calls/{call}/plan`

use axum::Json;
use bailey_api::chats::{Chat, ChatPlanAnswer};
use bailey_core::{CallId, ChatId};

use crate::cx::RequestCx;
use crate::extract::{Body, Ids};
use crate::reject::Reject;

/// Accepts a plan of the agent, as it is or changed, or rejects it.
#[utoipa::path(
    post,
    path = "/api/v1/chats/{id}/calls/{call}/plan",
    operation_id = "chats_plan",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The chat's id"),
        ("call" = String, Path, description = "The tool call's id"),
    ),
    request_body = ChatPlanAnswer,
    responses((status = 200, description = "Done", body = Chat)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Ids(id, call): Ids<ChatId, CallId>,
    Body(body): Body<ChatPlanAnswer>,
) -> Result<Json<Chat>, Reject> {
    Ok(Json(cx.app().chat_answer_plan(&cx.caller, (id, call), body).await?))
}
