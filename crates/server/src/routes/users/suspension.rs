//! `GET /api/v1/users/{id}/suspension`

use axum::Json;
use bailey_api::offboarding::Suspension;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows what the last suspension of a person ended, also after it was lifted.
#[utoipa::path(
    get,
    path = "/api/v1/users/{id}/suspension",
    operation_id = "users_suspension",
    tag = "users",
    params(("id" = String, Path, description = "The person's id or name")),
    responses((status = 200, description = "Done", body = Suspension)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<Json<Suspension>, Reject> {
    Ok(Json(cx.app().user_suspension(&cx.caller, &id).await?))
}
