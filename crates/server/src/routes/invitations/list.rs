//! `GET /api/v1/invitations`

use axum::Json;
use bailey_api::Page;
use bailey_api::invitations::{Invitation, InvitationListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists invitations that nobody has accepted yet, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/invitations",
    operation_id = "invitations_list",
    tag = "users",
    params(InvitationListQuery),
    responses((status = 200, description = "Done", body = Page<Invitation>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Query(query): Query<InvitationListQuery>,
) -> Result<Json<Page<Invitation>>, Reject> {
    Ok(Json(cx.app().invitations_list(query).await?))
}
