//! `POST /hooks/{id}`

use axum::extract::{Request, State};
use bailey_core::ConnectionId;
use http::StatusCode;

use crate::app::App;
use crate::audit::Trail;
use crate::extract::{Id, Payload};
use crate::reject::Reject;

/// Takes what a forge tells in, if it is signed as the connection's webhook signs. It is kept, and worked on afterwards.
#[utoipa::path(
    post,
    path = "/hooks/{id}",
    operation_id = "hook",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id")),
    request_body(content = Object, content_type = "application/json", description = "What the forge sends, at most 4 MiB"),
    responses(
        (status = 200, description = "It was there already"),
        (status = 202, description = "It is kept"),
    ),
)]
pub(crate) async fn handler(
    State(app): State<App>,
    Id(id): Id<ConnectionId>,
    trail: Trail,
    request: Request,
) -> Result<StatusCode, Reject> {
    // Who asks for what is not there sends nothing.
    let record = app.hook_connection(id).await?;
    let (parts, body) = request.into_parts();
    let Payload(body) = Payload::read(body).await?;
    let fresh = app.hook_take(&record, &parts.headers, &body, &trail).await?;
    Ok(if fresh { StatusCode::ACCEPTED } else { StatusCode::OK })
}
