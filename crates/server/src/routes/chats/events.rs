//! `GET /api/v1/chats/{id}/events`

use std::convert::Infallible;

use axum::Json;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bailey_api::Page;
use bailey_api::chats::{ChatEvent, ChatEventsQuery};
use bailey_core::ChatId;
use futures_util::{Stream, StreamExt as _, stream};

use crate::app::chat_follow::{ChatFollow, ChatNews};
use crate::cx::RequestCx;
use crate::extract::{Events, Id, Query};
use crate::reject::Reject;

/// Lists the events of a chat's log, in order. With `Accept: text/event-stream` they come as they happen, each with its number as
/// id, and one named `end` with the chat when that is over. `Last-Event-ID` goes on behind an event, as `after` does.
#[utoipa::path(
    get,
    path = "/api/v1/chats/{id}/events",
    operation_id = "chats_events",
    tag = "chats",
    params(
        ("id" = String, Path, description = "The chat's id"),
        ChatEventsQuery,
    ),
    responses((status = 200, description = "Done", content((Page<ChatEvent> = "application/json"), (String = "text/event-stream")))),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<ChatId>,
    Query(query): Query<ChatEventsQuery>,
    asked: Events,
) -> Result<Response, Reject> {
    if !asked.wanted {
        return Ok(Json(cx.app().chat_events(&cx.caller, id, &query).await?).into_response());
    }
    let after = asked.after(query.after);
    let follow = cx
        .app()
        .chat_follow(&cx.caller, id, after, cx.connection.as_ref())
        .await?;
    Ok(Sse::new(events(follow)).keep_alive(KeepAlive::new()).into_response())
}

fn events(follow: ChatFollow) -> impl Stream<Item = Result<Event, Infallible>> {
    let news = stream::unfold(follow, |mut follow| async move {
        match follow.next().await {
            Ok(Some(news)) => Some((news, follow)),
            Ok(None) => None,
            // Whoever comes back is told why there is no more.
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a chat is not followed any more"
                );
                None
            }
        }
    });
    news.flat_map(|news| {
        let events: Vec<Event> = match news {
            ChatNews::Events(events) => events.iter().filter_map(event).collect(),
            ChatNews::Over(chat) => Event::default().event("end").json_data(chat).into_iter().collect(),
        };
        stream::iter(events.into_iter().map(Ok))
    })
}

/// An event is texts and numbers; it always has a JSON form.
fn event(event: &ChatEvent) -> Option<Event> {
    Event::default().id(event.number.to_string()).json_data(event).ok()
}
