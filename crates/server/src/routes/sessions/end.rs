//! `DELETE /api/v1/sessions/{id}`

use bailey_core::SessionId;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Ends a session.
#[utoipa::path(
    delete,
    path = "/api/v1/sessions/{id}",
    operation_id = "sessions_end",
    tag = "sign-in",
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 204, description = "Done; nothing to say")),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<SessionId>) -> Result<StatusCode, Reject> {
    cx.app().session_end(&cx.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
