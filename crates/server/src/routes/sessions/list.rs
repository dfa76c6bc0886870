//! `GET /api/v1/sessions`

use axum::Json;
use bailey_api::Page;
use bailey_api::sessions::{Session, SessionListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists sessions in browsers, newest first: one's own unless `person` says whose.
#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    operation_id = "sessions_list",
    tag = "sign-in",
    params(SessionListQuery),
    responses((status = 200, description = "Done", body = Page<Session>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Query(query): Query<SessionListQuery>,
) -> Result<Json<Page<Session>>, Reject> {
    Ok(Json(cx.app().sessions_list(&cx.caller, query).await?))
}
