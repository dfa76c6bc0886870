//! `POST /api/v1/users/{id}/suspend`

use axum::Json;
use bailey_api::offboarding::{Suspension, UserSuspend};

use crate::cx::RequestCx;
use crate::extract::{Body, Id};
use crate::reject::Reject;

/// Suspends a person: their sessions, tokens and keys are refused from now on, all that they have open ends within 5 seconds,
/// and their workspaces begin to stop. Answers with the report once all that was open has ended, at the latest after 5
/// seconds. Again is as good as once.
#[utoipa::path(
    post,
    path = "/api/v1/users/{id}/suspend",
    operation_id = "users_suspend",
    tag = "users",
    params(("id" = String, Path, description = "The person's id or name")),
    request_body = UserSuspend,
    responses((status = 200, description = "Done", body = Suspension)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<String>,
    Body(body): Body<UserSuspend>,
) -> Result<Json<Suspension>, Reject> {
    Ok(Json(cx.app().user_suspend(&cx.caller, &id, body).await?))
}
